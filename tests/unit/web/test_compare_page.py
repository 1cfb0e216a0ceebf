from __future__ import annotations

import json
from pathlib import Path

import pytest

from asgi import File, Sent, get, post
from schemas import check_document
from vcpuid.web.app import make_app
from vcpuid.web.guard import LOOPBACK_HOSTS

APP = make_app(LOOPBACK_HOSTS)
API = "/api/v1/compare"
EXAMPLES = Path(__file__).parents[3] / "docs/examples"


def read(name: str) -> File:
    return name, (EXAMPLES / name).read_bytes()


def test_two_hosts_are_compared_there_and_back() -> None:
    parts: list[Sent] = [("first", read("h07.json")), ("second", read("h10.json"))]
    document = post(APP, API, *parts).document
    check_document("compare", document)
    assert document["back"]["compatibility"] == "incompatible"
    (sgx,) = [one for one in document["back"]["missing"] if one["feature"] == "sgx"]
    assert sgx["layer"] == "firmware"
    page = post(APP, "/compare", *parts).text
    assert page.count('<section class="way incompatible">') == 2
    for one in document["there"]["missing"] + document["back"]["missing"]:
        assert f"<code>{one['feature']}</code>" in page


def test_a_domain_asks_for_itself() -> None:
    parts: list[Sent] = [("first", read("h07.json")), ("domain", "web-1"), ("second", read("h10.json"))]
    document = post(APP, API, *parts).document
    check_document("compare", document)
    assert (document["there"]["source"], document["back"]) == ("web-1", None)
    assert post(APP, "/compare", *parts).status == 200


def test_a_pasted_guest_meets_a_dump_as_an_upper_bound() -> None:
    dump = EXAMPLES.parents[1] / "tests/dumps/intel-alder-lake.json"
    parts: list[Sent] = [
        ("text", "<cpu mode='custom'><model>Haswell-noTSX</model></cpu>"),
        ("second", (dump.name, dump.read_bytes())),
    ]
    document = post(APP, API, *parts).document
    check_document("compare", document)
    party = document["parties"][1]
    assert not party["is_safe"]
    assert party["rests_on"] == "CPUID alone: an upper bound of what a guest gets"
    page = post(APP, "/compare", *parts).text
    assert f"a host, by {party['rests_on']} <strong>(not migration-safe)</strong>" in page


def test_what_is_missing_for_no_known_reason_is_told_too() -> None:
    dump = EXAMPLES.parents[1] / "tests/dumps/intel-coffee-lake.json"
    parts: list[Sent] = [
        ("text", "<cpu mode='custom'><model>Haswell</model><feature name='avx512f' policy='require'/></cpu>"),
        ("second", (dump.name, dump.read_bytes())),
    ]
    assert None in [one["rule"] for one in post(APP, API, *parts).document["there"]["missing"]]
    assert "<code>avx512f</code>" in post(APP, "/compare", *parts).text


UNANSWERABLE: list[list[Sent]] = [
    [],
    [("first", read("h07.json"))],
    [("first", read("h07.json")), ("second", read("web-1.xml"))],
    [("first", read("h07.json")), ("second", ("many.xml", b"<cpu/><cpu/>"))],
    [("first", read("h07.json")), ("second", read("h10.json")), ("domain", "nobody")],
    [("text", "<cpu><model>Haswell</model></cpu>"), ("second", read("h10.json")), ("domain", "web-1")],
    [("first", ("a", b"\0")), ("second", read("h10.json"))],
]


@pytest.mark.parametrize("parts", UNANSWERABLE)
def test_what_cannot_be_compared_is_told(parts: list[Sent]) -> None:
    answer = post(APP, API, *parts)
    assert answer.status == 400, answer.text
    check_document("error", answer.document)
    assert post(APP, "/compare", *parts).status == 400


def test_names_are_shown_and_not_obeyed() -> None:
    name, content = read("h07.json")
    hostile = (name, content.replace(b'"h07"', b'"<script>alert(1)</script>"'))
    page = post(APP, "/compare", ("first", hostile), ("second", read("h10.json"))).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


SIDE_BY_SIDE = "/compare/hosts"


def test_several_hosts_stand_side_by_side() -> None:
    parts: list[Sent] = [("host", read(f"{name}.json")) for name in ("h07", "h10", "h11")]
    document = post(APP, f"/api/v1{SIDE_BY_SIDE}", *parts).document
    check_document("compare-hosts", document)
    assert [host["name"] for host in document["hosts"]] == ["h07", "h10", "h11"]
    assert len(document["ways"]) == 6
    page = post(APP, SIDE_BY_SIDE, *parts).text
    for section in document["sections"]:
        for row in section["rows"]:
            assert all(f">{name}<" in page for name in row["names"])
    assert '<td class="lost at-firmware">' in page
    assert document["common"]["cpu"]["model"] in page


def test_two_hosts_and_many_in_one_file() -> None:
    lines = b"\n".join(json.dumps(json.loads(read(f"{name}.json")[1])).encode() for name in ("h07", "h10"))
    document = post(APP, f"/api/v1{SIDE_BY_SIDE}", ("host", ("all.jsonl", lines))).document
    check_document("compare-hosts", document)
    assert [host["name"] for host in document["hosts"]] == ["h07", "h10"]


def test_what_virsh_prints_is_pasted() -> None:
    text = "".join(f"<cpu><arch>x86_64</arch><model>{model}</model></cpu>\n" for model in ("Nehalem", "Haswell"))
    parts: list[Sent] = [("texts", text)]
    document = post(APP, f"/api/v1{SIDE_BY_SIDE}", *parts).document
    check_document("compare-hosts", document)
    assert [way["compatibility"] for way in document["ways"]] == ["compatible", "incompatible"]
    assert "Nehalem" in post(APP, SIDE_BY_SIDE, *parts).text


def test_hosts_of_several_vendors_have_no_common_cpu() -> None:
    folder = EXAMPLES.parents[1] / "tests/dumps"
    dumps = [folder / f"{name}.json" for name in ("intel-goldmont", "amd-renoir")]
    parts: list[Sent] = [("host", (dump.name, dump.read_bytes())) for dump in dumps]
    document = post(APP, f"/api/v1{SIDE_BY_SIDE}", *parts).document
    check_document("compare-hosts", document)
    assert document["common"]["cpu"] is None
    assert "There is none: the hosts&#39; CPUs are of several vendors" in post(APP, SIDE_BY_SIDE, *parts).text


def test_a_host_as_it_was_and_is_now() -> None:
    parts: list[Sent] = [("host", read("h07.json"))] * 2
    page = post(APP, SIDE_BY_SIDE, *parts).text
    assert "No difference" in page
    assert "h07 (2)" in page


NOT_SIDE_BY_SIDE: list[list[Sent]] = [
    [],
    [("host", read("h07.json"))],
    [("texts", "<cpu><model>Haswell</model></cpu>")],
    [("host", read("h07.json"))] * 9,
    [("host", read("h07.json")), ("host", read("web-1.xml"))],
    [("host", read("h07.json")), ("host", ("a", b"\0"))],
    [("first", read("h07.json")), ("second", read("h10.json"))],
]


@pytest.mark.parametrize("parts", NOT_SIDE_BY_SIDE)
def test_what_cannot_stand_side_by_side_is_told(parts: list[Sent]) -> None:
    answer = post(APP, f"/api/v1{SIDE_BY_SIDE}", *parts)
    assert answer.status == 400, answer.text
    check_document("error", answer.document)
    page = post(APP, SIDE_BY_SIDE, *parts)
    assert page.status == 400
    assert 'role="alert"' in page.text


@pytest.mark.parametrize("path", ["/compare", SIDE_BY_SIDE])
def test_either_page_has_both_forms(path: str) -> None:
    page = get(APP, path).text
    assert 'action="/compare"' in page
    assert 'action="/compare/hosts"' in page


def test_names_of_hosts_are_shown_and_not_obeyed() -> None:
    name, content = read("h07.json")
    hostile = (name, content.replace(b'"h07"', b'"<script>alert(1)</script>"'))
    page = post(APP, SIDE_BY_SIDE, ("host", hostile), ("host", read("h10.json"))).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
