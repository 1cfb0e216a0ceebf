"""`vcpuid fleet`: exit statuses, streams, documents, metrics."""

from __future__ import annotations

import json
import re
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from prometheus_client.parser import text_string_to_metric_families

from fleets import documents
from schemas import check_document
from streams import feed
from vcpuid.cli import run
from vcpuid.errors import InputError
from vcpuid.render.fleet.ingest import LeftOut

HOST, OTHER = (json.loads(raw)["host"]["name"] for raw in documents()[:2])
DATES = ("2026-01-01", "2026-01-02")
H07 = "docs/examples/h07.json"


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lines") / "fleet.jsonl"
    path.write_bytes(b"\n".join(documents()))
    return path


@pytest.fixture(scope="module")
def store(lines: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("fleet") / "store")
    labels = lines.with_name("labels.csv")
    labels.write_text(f"host,zone,rack\n{HOST},north,\n{OTHER},north,r1\n", encoding="utf-8")
    for date in DATES:
        ingest = ["fleet", "ingest", str(lines), "--store", folder, "--at", date, "--labels", str(labels)]
        assert run(ingest) == 0
    return folder


def ask(*arguments: str, store: str, status: int = 0) -> None:
    assert run(["fleet", *arguments, "--store", store]) == status


QUESTIONS = [
    (["summary"], 0, "fleet-summary", "200 hosts, "),
    (["missing", "avx2"], 0, "fleet-missing", "200 hosts have it"),
    (["missing", "sgx"], 1, "fleet-missing", "hosts without it: "),
    (["missing", "rdctl-no"], 4, "fleet-missing", "200 hosts of which nothing is known"),
    (["which-hosts", "Haswell-noTSX"], 4, "fleet-which-hosts", "200 hosts may run it: an upper bound"),
    (["which-hosts", "EPYC"], 1, "fleet-which-hosts", "200 hosts cannot run it"),
    (["baseline"], 0, "fleet-baseline", "not migration-safe: "),
    (["baseline", "--by", "vendor"], 0, "fleet-baseline", "Intel 200 hosts"),
    (["baseline", "--by", "zone"], 0, "fleet-baseline", "without zone"),
    (["baseline", "--by", "vendor"], 0, "fleet-baseline", "Intel"),
    (["matrix"], 0, "fleet-matrix", "not migration-safe: "),
    (["matrix", "--pair", HOST, HOST], 4, "compare", "by KVM's list"),
    (["drain", HOST], 1, "fleet-drain", "199 other hosts"),
    (["drain", HOST, "--within", "zone"], 1, "fleet-drain", "1 other host of zone north"),
    (["what-if", "--without", HOST], 0, "fleet-what-if", "199 hosts would stay"),
    (["what-if", "--without-feature", "aes"], 0, "fleet-what-if", "lost: aes"),
    (["what-if", "--want", "EPYC"], 1, "fleet-price", "no set of features would do"),
    (["what-if", "--want", "Penryn"], 4, "fleet-price", "every host can give it"),
    (["precheck", "--target", H07], 1, "fleet-precheck", "cannot start there as defined"),
    (["drift", *DATES], 0, "fleet-drift", "no CPU is told otherwise"),
]


@pytest.mark.parametrize(("question", "status", "schema", "text"), QUESTIONS)
def test_an_answer_is_text_or_a_document(
    store: str, capsys: pytest.CaptureFixture[str], question: list[str], status: int, schema: str, text: str
) -> None:
    ask(*question, store=store, status=status)
    assert text in " ".join(capsys.readouterr().out.split())
    ask(*question, "--format", "json", store=store, status=status)
    check_document(schema, json.loads(capsys.readouterr().out))


@pytest.mark.parametrize(
    ("question", "sample"), [(["summary"], "vcpuid_fleet_hosts"), (["drift", *DATES], "vcpuid_fleet_drift_hosts")]
)
def test_metrics_are_prometheus_text(
    store: str, capsys: pytest.CaptureFixture[str], question: list[str], sample: str
) -> None:
    ask(*question, "--format", "prometheus", store=store)
    families = list(text_string_to_metric_families(capsys.readouterr().out))
    values = {one.name: one.value for family in families for one in family.samples if not one.labels}
    assert values[sample] == 200
    assert len({family.name for family in families}) == len(families)


def test_what_cannot_be_read_is_told_and_left_out(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.txt").write_text("no dump", encoding="utf-8")
    arguments = ["fleet", "ingest", str(tmp_path / "bad.txt"), str(lines), "--store", str(tmp_path / "store")]
    assert run([*arguments, "--format", "json"]) == 1
    told = capsys.readouterr()
    document: dict[str, Any] = json.loads(told.out)
    check_document("fleet-ingest", document)
    assert (document["read"], document["added"], document["left_out_count"]) == (200, 200, 1)
    (reason,) = document["left_out"]
    assert (reason["source"], reason["message"]) == (str(tmp_path / "bad.txt"), "no known form of a CPUID dump")
    bad, more = told.err.splitlines()
    assert bad.startswith(f"vcpuid: left out: {tmp_path / 'bad.txt'}: no known form of a CPUID dump")
    assert more == "  `vcpuid decode FILE` tells what was tried."
    assert run(arguments) == 1
    assert "200 hosts read, 0 new or newer, 1 left out" in capsys.readouterr().out


DAMAGED = (
    "CPU 0:",
    "0x00000000 0x00: eax=0x00000007 ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69",
    "0x00000001 0x00: eax=0x000306c3 ebx=0x00100800 ecx=0x7ffafbff edx=0xbfebfbff",
    "0x00000007 0x00: eax=0xzz",
    "0x80000000 0x00: eax=0x80000008 ebx=0x00000000 ecx=0x00000000 edx=0x00000000",
)


def test_the_advice_for_a_damaged_dump_makes_one_that_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump, store, mended = tmp_path / "host.txt", str(tmp_path / "store"), str(tmp_path / "h99.json")
    dump.write_text("\n   ".join(DAMAGED), encoding="utf-8")
    assert run(["fleet", "ingest", str(dump), "--store", store]) == 3
    told = capsys.readouterr().err
    advice = re.search(r"`vcpuid ([^`]+)`", told)
    assert advice is not None
    assert "counts as not told" in told
    assert run(advice[1].replace("FILE", str(dump)).replace("HOST", str(tmp_path / "h99")).split()) == 0
    assert run(["fleet", "ingest", mended, "--store", store]) == 0
    capsys.readouterr()
    assert run(["fleet", "missing", "avx2", "--store", store, "--format", "json"]) == 4
    assert "h99" in capsys.readouterr().out


def test_of_a_damaged_dump_the_place_in_its_archive_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump, archive = tmp_path / "host.txt", tmp_path / "all.tar"
    dump.write_text("\n   ".join(DAMAGED), encoding="utf-8")
    with tarfile.open(archive, "w") as tar:
        tar.add(dump, "south/host.txt")
    assert run(["fleet", "ingest", str(archive), "--store", str(tmp_path / "store")]) == 3
    told = capsys.readouterr().err
    assert f"{archive}:south/host.txt:4: a damaged line" in told
    assert "FILE being a copy of what stands there" in told


def test_of_many_documents_that_cannot_be_read_the_first_reasons_are_kept() -> None:
    left_out = LeftOut()
    for number in range(1001):
        left_out.add(InputError("empty", source=str(number)))
    assert (left_out.count, len(left_out.reasons), left_out.reasons[-1].source) == (1001, 1000, "999")


def test_no_host_at_all_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fleet", "ingest", str(tmp_path / "gone"), "--store", str(tmp_path / "store")]) == 3
    assert "no host could be read" in capsys.readouterr().err
    assert not (tmp_path / "store" / "manifest.json").exists()


def test_lines_come_from_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(monkeypatch, documents()[0])
    (tmp_path / "labels.csv").write_text("host,zone\n", encoding="utf-8")
    labels = ["--labels", str(tmp_path / "labels.csv"), "--folders", "zone"]
    assert run(["fleet", "ingest", "-", "--store", str(tmp_path / "store"), *labels]) == 0
    assert "1 host read, 1 new or newer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["summary", "--at", "2025-01-01"], 2, "expected 2026-01-01, 2026-01-02"),
        (["drift", "2025-01-01", "2026-01-01"], 2, "no snapshot of this date"),
        (["baseline", "--by", "zome"], 2, "such a label: found 'zome', expected vendor, zone, rack"),
        (["drain", HOST, "--within", "cluster"], 2, "such a label: found 'cluster', expected vendor, zone, rack"),
        (["matrix", "--pair", HOST, "nobody"], 2, "no host of this name in the fleet: found 'nobody'"),
        (["missing", "avx22"], 2, "no feature of this name"),
        (["which-hosts", "Haswel"], 2, "neither a model of libvirt nor a file"),
        (["drain", "nobody"], 2, "no host of this name in the fleet"),
        (["what-if"], 2, "either --want, or what is to be given up"),
        (["what-if", "--want", "Haswel"], 2, "no model of libvirt"),
        (["what-if", "--without", "nobody"], 2, "no host of this name in the fleet"),
        (["what-if", "--without-feature", "sha_ni"], 2, "Did you mean sha-ni?"),
        (["precheck", "--target", "gone.json"], 3, "gone.json"),
        (["ingest", "-", "-"], 2, "standard input is named twice"),
        (["ingest", "x", "--at", "now"], 2, "not a snapshot's date"),
    ],
)
def test_a_wrong_question_is_told(
    store: str, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    ask(*arguments, store=store, status=status)
    assert message in capsys.readouterr().err


def test_a_guest_is_asked_for_and_not_a_host(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "host.json").write_bytes(documents()[0])
    ask("which-hosts", str(tmp_path / "host.json"), store=store, status=2)
    assert "this is a host" in capsys.readouterr().err
    (tmp_path / "cpu.xml").write_text("<cpu><model>Haswell-noTSX</model></cpu>", encoding="utf-8")
    ask("which-hosts", str(tmp_path / "cpu.xml"), store=store, status=4)


def test_labels_that_do_not_count_are_told(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, told = tmp_path / "labels.csv", []
    for zone in "abab":
        labels.write_text(f"host,zone\n{HOST},{zone}\n", encoding="utf-8")
        assert run(["fleet", "ingest", str(lines), "--store", str(tmp_path / "s"), "--labels", str(labels)]) == 0
        told.append(
            "1 host came with other labels and no newer evidence" in " ".join(capsys.readouterr().out.split())
        )
    assert not told[0]
    assert any(told)


def test_there_is_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask("summary", store=str(tmp_path), status=3)
    assert "not a fleet store" in capsys.readouterr().err


def test_without_the_engine_the_way_to_get_it_is_told(
    store: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    ask("summary", store=store, status=4)
    assert "prepare_venv.py fleet" in capsys.readouterr().err


@pytest.mark.parametrize("question", ["matrix", "summary"])
def test_a_picture_is_whole_and_the_same_each_time(store: str, tmp_path: Path, question: str) -> None:
    files = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for file in files:
        ask(question, "--output", str(file), store=store)
    assert files[0].read_bytes() == files[1].read_bytes()
    root = etree.fromstring(files[0].read_bytes())
    assert root.get("role") == "img"
    assert "200 hosts" in (root.findtext("{*}desc") or "")


@pytest.mark.parametrize(
    "arguments",
    [["matrix", "-o", "x.png"], ["matrix", "-o", "x.svg", "--pair", "a", "b"], ["summary", "-o", "x.parquet"]],
)
def test_what_is_not_written_is_told_before_any_work(store: str, arguments: list[str]) -> None:
    ask(*arguments, store=store, status=2)


def test_a_matrix_in_a_folder_that_is_not_there_is_told(store: str, tmp_path: Path) -> None:
    for name in ("x.svg", "x.parquet"):
        ask("matrix", "-o", str(tmp_path / "gone" / name), store=store, status=3)
