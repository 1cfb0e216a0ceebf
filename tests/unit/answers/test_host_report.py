"""A report puts answers together: guests that are alike once, each feature that they name to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from snapshots import Data, cpuid, domain_xml, domains, evidence, failed, processes, rows, whole_host
from vcpuid.answers.audit import audit
from vcpuid.answers.host_report import report_on_host
from vcpuid.answers.supply import supply
from vcpuid.answers.why import why
from vcpuid.dumps import read_dump
from vcpuid.errors import InputError
from vcpuid.evidence import Evidence
from vcpuid.snapshot import Snapshot
from vcpuid.terms.verdict import State

ROOT = Path(__file__).parents[3]


def many_domains(*cpus: str) -> Data:
    """Give the data of a host with a domain of each CPU: web-0, web-1..."""
    all_of_them = []
    for number, cpu in enumerate(cpus):
        xml = domain_xml(cpu).replace("web-1", f"web-{number}")
        (domain,) = domains(inactive=xml)["domains"]
        all_of_them.append(
            domain | {"name": f"web-{number}", "uuid": f"3f0a6f6a-7d0f-4ad9-b0cb-6a3c1f0f9a{number:02}"}
        )
    return {"domains": all_of_them}


def custom(*features: str) -> str:
    asked = "".join(f"<feature policy='require' name='{name}'/>" for name in features)
    return f"<cpu mode='custom'><model>Skylake</model>{asked}</cpu>"


def test_it_gives_what_the_answers_give() -> None:
    host = Evidence(Snapshot.read(ROOT / "docs/examples/h07.json"))
    report = report_on_host(host)
    assert report.audit == audit(host)
    assert report.supply == supply(host)
    assert report.sgx.faults[0].step.name == "bios"
    assert report.runs["kernel"] == "6.1.0-28-amd64"
    assert report.runs["QEMU binaries"] == "/usr/bin/qemu-system-x86_64 7.2.15"
    (followed,) = report.followed
    (answer,) = followed.answers
    asked = why("sgx", host, "web-1")
    assert (answer.verdicts, answer.broken_at, answer.notes) == (asked.verdicts, asked.broken_at, asked.notes)


def test_guests_that_are_alike_are_followed_once_whatever_the_order_of_their_wishes() -> None:
    sources = whole_host() | {
        "domains": many_domains(custom("sgx", "avx2"), custom("avx2"), custom("avx2", "sgx")),
        "monitor": {"guests": []},
        "nova": failed("nova", "not here", state="skipped"),
        "processes": {"processes": []},
    }
    report = report_on_host(evidence(**sources))
    assert [[guest.name for guest in followed.guests] for followed in report.followed] == [
        ["web-0", "web-2"],
        ["web-1"],
    ]
    assert [answer.feature.name for answer in report.followed[1].answers] == ["avx2"]


def test_what_was_asked_for_and_lost_comes_first() -> None:
    sources = whole_host() | {"domains": domains(inactive=custom("avx2", "sgx"), live=custom("avx2"), pid=4711)}
    sources["processes"] = processes("-accel", "kvm", "-cpu", "Skylake,avx2=on,sgx=on")
    (followed,) = report_on_host(evidence(**sources)).followed
    assert [(answer.feature.name, answer.got) for answer in followed.answers][:2] == [
        ("sgx", State.ABSENT),
        ("avx2", State.PRESENT),
    ]


def test_a_name_that_nobody_knows_is_kept_apart() -> None:
    sources = whole_host() | {
        "domains": many_domains(custom("no-such-feature", "avx2")),
        "processes": {"processes": []},
    }
    (followed,) = report_on_host(evidence(**sources)).followed
    assert followed.unknown == ("no-such-feature",)


def test_a_process_without_a_domain_asks_by_its_cpu() -> None:
    sources = whole_host() | {
        "domains": {"domains": []},
        "monitor": {"guests": []},
        "processes": processes("-accel", "kvm", "-cpu", "Skylake-Client,+sgx,-avx2"),
    }
    (followed,) = report_on_host(evidence(**sources)).followed
    assert [guest.pid for guest in followed.guests] == [4711]
    asked = {answer.feature.name: answer.asked for answer in followed.answers}
    assert (asked["sgx"], asked["avx2"]) == (State.PRESENT, State.ABSENT)
    assert "abm" in asked  # of the model: this host drops it


def test_of_a_dump_no_guest_was_looked_at() -> None:
    report = report_on_host(Evidence.of_dump(read_dump(ROOT / "tests/dumps/intel-alder-lake.json")))
    assert not report.are_guests_seen
    assert (report.followed, report.lint.files) == ((), ())
    assert [len(kind.cpus) for kind in report.kinds] == [4]
    assert list(report.runs) == ["TSC frequency", "physical address bits"]


def test_a_host_without_guests_was_looked_at() -> None:
    report = report_on_host(evidence(cpuid=cpuid(rows()), domains={"domains": []}))
    assert report.are_guests_seen
    assert report.audit.guests == ()


def test_damaged_evidence_is_told() -> None:
    with pytest.raises(InputError, match="cpuid"):
        report_on_host(evidence(cpuid={"cpus": "none"}))
