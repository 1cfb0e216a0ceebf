"""Names and UUIDs replaced by stable tokens."""

from __future__ import annotations

import copy
import re
from typing import Any

from unit.gather.machines import strings_of
from vcpuid.gather.anonymise import anonymise

UUID = "0d1e2f3a-1111-2222-3333-444455556666"
NAME = "db & <prod>"
XML = f'<domain type="kvm"><name>db &amp; &lt;prod&gt;</name><uuid>{UUID}</uuid></domain>'


def document() -> dict[str, Any]:
    def record(data: dict[str, Any]) -> dict[str, Any]:
        return {"state": "ok", "took_ms": 1, "problems": [], "data": data}

    return {
        "schema": "vcpuid-snapshot/1",
        "collector": {"anonymised": False},
        "host": {"name": "h07", "machine": "x86_64"},
        "sources": {
            "domains": record(
                {"domains": [{"name": NAME, "uuid": UUID, "inactive": XML, "live": None, "started": XML}]}
            ),
            "processes": record({"processes": [{"pid": 7, "name": NAME, "uuid": UUID, "args": ["-cpu", "host"]}]}),
            "monitor": record({"guests": [{"domain": NAME, "pid": 7}]}),
            "libvirt": {
                "state": "partial",
                "took_ms": 1,
                "problems": [{"what": f"dumpxml {UUID}", "why": "h07 refused, not h07-b", "remedy": ""}],
                "data": {"uri": "qemu+ssh://root@h07/system?keyfile=x", "virsh": "/usr/bin/virsh"},
            },
            "kernel": record({"release": "6.1.0"}),
            "msr": {"state": "failed", "took_ms": 0, "problems": [], "data": None},
        },
    }


def test_no_name_and_no_uuid_is_left() -> None:
    text = strings_of(anonymise(document()))
    for secret in ("h07 ", '"h07"', "@h07", "prod", UUID, "root@", "keyfile"):
        assert secret not in text
    assert "h07-b" in text


def test_the_same_name_has_the_same_token_everywhere() -> None:
    sources = anonymise(document())["sources"]
    domain = sources["domains"]["data"]["domains"][0]
    process = sources["processes"]["data"]["processes"][0]
    token = domain["name"]
    assert re.fullmatch(r"guest-[0-9a-f]{10}", token)
    assert process["name"] == sources["monitor"]["data"]["guests"][0]["domain"] == token
    assert f"<name>{token}</name>" in domain["inactive"]
    assert domain["started"] == domain["inactive"]
    assert domain["uuid"] == process["uuid"]
    assert f"<uuid>{domain['uuid']}</uuid>" in domain["inactive"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", domain["uuid"])


def test_documents_of_one_key_can_be_joined_and_of_two_keys_cannot() -> None:
    assert anonymise(document(), "k") == anonymise(document(), "k")
    assert anonymise(document(), "k")["host"]["name"] != anonymise(document(), "other")["host"]["name"]


def test_the_document_given_is_left_alone_and_the_rest_stays() -> None:
    given = document()
    before = copy.deepcopy(given)
    clean = anonymise(given)
    assert given == before
    assert clean["sources"]["kernel"] == before["sources"]["kernel"]
    assert clean["sources"]["libvirt"]["data"]["uri"] == "qemu+ssh:///system"
    assert clean["collector"]["anonymised"] is True


def test_a_hosts_name_that_is_a_common_word_harms_no_evidence() -> None:
    given = document()
    given["host"]["name"] = "kvm"
    clean = anonymise(given)
    assert clean["sources"]["domains"]["data"]["domains"][0]["inactive"].startswith('<domain type="kvm">')


def test_the_hosts_of_urls_become_tokens_and_the_host_itself_stays() -> None:
    given = document()
    settings = {
        "pccs_url": "https://pccs.example:8081/sgx/",
        "local_pck_url": "http://[::1]:1/",
        "retry_times": "6",
    }
    given["sources"]["sgx"] = {"state": "ok", "problems": [], "data": {"quotes": {"qcnl": settings}}}
    clean = anonymise(given)["sources"]["sgx"]["data"]["quotes"]["qcnl"]
    assert re.fullmatch(r"https://host-[0-9a-f]{10}:8081/sgx/", clean["pccs_url"])
    assert (clean["local_pck_url"], clean["retry_times"]) == ("http://[::1]:1/", "6")
