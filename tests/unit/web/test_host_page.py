from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from asgi import File, Sent, post
from cpus import GENUINE_INTEL, apic_rows, cpu, row
from schemas import check_document
from vcpuid.dumps import write_dump
from vcpuid.snapshot import Snapshot
from vcpuid.terms.dump import Cpu, Dump
from vcpuid.web.app import make_app
from vcpuid.web.guard import LOOPBACK_HOSTS

APP = make_app(LOOPBACK_HOSTS)
API = "/api/v1/host"
ROOT = Path(__file__).parents[3]
DUMPS = sorted((ROOT / "tests/dumps").glob("*.json")) + sorted((ROOT / "tests/dumps/samples").iterdir())


def read(path: str | Path) -> File:
    path = ROOT / path
    return path.name, path.read_bytes()


def raw(*cpus: Cpu) -> bytes:
    return write_dump(Dump(cpus, "here"), "cpuid").encode()


def test_a_snapshots_lost_bits_are_lit_by_the_hop() -> None:
    document = post(APP, API, ("host", read("docs/examples/h07.json"))).document
    check_document("supply", document)
    assert document["host"] == "h07"
    (word,) = [one for one in document["registers"] if one["text"] == "CPUID.(EAX=07H,ECX=0):EBX"]
    (cell,) = [one for one in word["cells"] if one["name"] == "sgx"]
    assert (cell["light"], cell["lost_at"]) == ("lost", "firmware")
    assert (cell["states"]["silicon"], cell["states"]["kvm"]) == ("present", "absent")
    page = post(APP, "/host", ("host", read("docs/examples/h07.json"))).text
    assert '<span class="unseen">lost at </span>firmware</span>' in page
    assert "Enable SGX" in page


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.name)
def test_every_dump_has_a_page_and_a_document(path: Path) -> None:
    answer = post(APP, API, ("host", read(path)))
    assert answer.status == 200, answer.text
    check_document("supply", answer.document)
    assert answer.document["host"] == path.name
    assert post(APP, "/host", ("host", read(path))).status == 200


def test_a_machine_is_drawn_as_it_is_told() -> None:
    parts: list[Sent] = [("host", read("tests/dumps/intel-goldmont.json"))]
    layout = post(APP, API, *parts).document["layout"]
    (package,) = layout["blocks"]
    assert [(len(pair["blocks"]), [cache["size"] for cache in pair["caches"]]) for pair in package["blocks"]] == [
        (2, ["1 MiB"]),
        (2, ["1 MiB"]),
    ]
    assert [(cache["name"], cache["instances"], cache["threads"]) for cache in layout["caches"]] == [
        ("L1 data", 4, [1, 1]),
        ("L1 code", 4, [1, 1]),
        ("L2 unified", 2, [2, 2]),
    ]
    page = post(APP, "/host", *parts).text
    assert page.count("2 CPUs with one L2") == 2
    assert page.count('<span class="unseen">CPU </span>') == 4


def test_what_one_cpu_tells_of_others_is_marked_as_computed() -> None:
    one = apic_rows(0, cores=8)
    parts: list[Sent] = [("host", ("one.txt", raw(cpu({(0, 0): (0xB, *GENUINE_INTEL), **one}))))]
    layout = post(APP, API, *parts).document["layout"]
    assert layout["is_computed"]
    assert layout["blocks"][0]["times"] is None
    page = post(APP, "/host", *parts).text
    assert "CPUID counts 16 CPUs in a package" in page
    assert '<div class="machine computed">' in page
    assert "8 \N{MULTIPLICATION SIGN}" in page


def test_equal_parts_of_a_large_machine_are_drawn_once() -> None:
    cpus = [
        cpu({(0, 0): (0xB, *GENUINE_INTEL), **apic_rows(n % 128 | n // 128 << 7, cores=64)}, number=n)
        for n in range(256)
    ]
    parts: list[Sent] = [("host", ("large.txt", raw(*cpus)))]
    document = post(APP, API, *parts).document
    check_document("supply", document)
    packages = document["layout"]["blocks"]
    assert [(package["threads"], len(package["blocks"])) for package in packages] == [(128, 1), (128, 1)]
    (core,) = packages[1]["blocks"]
    assert (core["times"], core["cpus"]) == (64, list(range(128, 256)))
    page = post(APP, "/host", *parts).text
    assert "CPUs 128-255" in page
    assert page.count('class="cpu"') == 4


def test_parts_that_all_differ_are_drawn_up_to_a_bound() -> None:
    cpus = [
        cpu(
            {
                (0, 0): (0x1A, *GENUINE_INTEL),
                **apic_rows(2 * n, cores=128),
                (7, 0): row(edx=1 << 15),
                (0x1A, 0): row(n << 24 | n),
            },
            number=n,
        )
        for n in range(100)
    ]
    parts: list[Sent] = [("host", ("odd.txt", raw(*cpus)))]
    (package,) = post(APP, API, *parts).document["layout"]["blocks"]
    assert (len(package["blocks"]), package["more"]) == (64, 36)
    assert "and 36 more" in post(APP, "/host", *parts).text


def test_facts_stand_by_what_they_are_about() -> None:
    parts: list[Sent] = [("host", read("tests/dumps/intel-coffee-lake.json"))]
    (whole,) = post(APP, API, *parts).document["facts"]
    by_subject = {one["subject"]: [line["label"] for line in one["lines"]] for one in whole["subjects"]}
    assert "L2 unified" in by_subject["caches and TLBs"]
    assert "SGX" in by_subject["enclaves and encryption"]
    assert "addresses" in by_subject["CPU"]
    page = post(APP, "/host", *parts).text
    assert [f">{subject}</h3>" in page for subject in by_subject] == [True] * len(by_subject)


@pytest.mark.parametrize("path", ["docs/examples/h07.json", "tests/dumps/intel-alder-lake.json"])
def test_every_register_is_told_as_the_command_does(path: str) -> None:
    name, content = read(path)
    document = post(APP, "/api/v1/decode", ("host", (name, content))).document
    check_document("decode", document)
    command = [sys.executable, "-m", "vcpuid", "decode", "--format", "json", "-"]
    told = json.loads(subprocess.run(command, input=content, capture_output=True, check=True).stdout)
    assert {**document["dumps"][0], "origin": ""} == {**told["dumps"][0], "origin": ""}


def test_every_register_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Snapshot.read(ROOT / "docs/examples/h07.json").root.value
    monkeypatch.setattr("vcpuid.web.hosts.collect", lambda _: seen)
    document = post(APP, "/api/v1/decode", ("machine", "here")).document
    check_document("decode", document)
    assert document["dumps"][0]["origin"] == "this machine"
    monkeypatch.setattr("vcpuid.web.hosts.collect", lambda _: {**seen, "sources": {}})
    assert post(APP, "/api/v1/decode", ("machine", "here")).status == 503


def test_this_machine_is_looked_at_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Snapshot.read(ROOT / "docs/examples/h07.json").root.value
    monkeypatch.setattr("vcpuid.web.hosts.collect", lambda _: seen)
    document = post(APP, API, ("machine", "here")).document
    check_document("supply", document)
    assert document["host"] == "h07"


UNANSWERABLE: list[list[Sent]] = [
    [],
    [("machine", "there")],
    [("machine", "/etc/passwd")],
    [("machine", "here"), ("host", ("a", b"b"))],
    [("host", ("a", b"no dump at all"))],
    [("host", ("a", b'{"schema": "vcpuid-snapshot/1"'))],
    [("host", ("a", b'{"schema": "vcpuid-snapshot/99", "sources": {}}'))],
    [("host", ("a", b"\x1f\x8b\x08\0broken"))],
]


@pytest.mark.parametrize("parts", UNANSWERABLE)
def test_what_is_no_host_is_told(parts: list[Sent]) -> None:
    answer = post(APP, API, *parts)
    assert answer.status == 400, answer.text
    check_document("error", answer.document)
    page = post(APP, "/host", *parts)
    assert page.status == 400
    assert 'role="alert"' in page.text


def test_what_a_snapshot_says_is_shown_and_not_obeyed() -> None:
    name, content = read("docs/examples/h07.json")
    hostile = content.replace(b'"h07"', b'"<script>alert(1)</script>"')
    assert hostile != content
    page = post(APP, "/host", ("host", (name, hostile))).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("escape", [b"\\ud800", b"\\u0000", b"\\u202e"])
def test_what_is_no_character_does_no_harm(escape: bytes) -> None:
    name, content = read("docs/examples/h07.json")
    for target in ("/host", API):
        assert post(APP, target, ("host", (name, content.replace(b'"h07"', b'"' + escape + b'"')))).status == 200


def test_an_answer_without_end_is_left_to_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vcpuid.web.form_view._LONGEST_ANSWER", 5000)
    parts = ("host", read("docs/examples/h07.json"))
    page, twin = post(APP, "/host", parts), post(APP, API, parts)
    assert page.status == twin.status == 400
    assert twin.document["message"] == "the answer is too long for the explorer"
    assert "too long for the explorer" in page.text
