"""`vcpuid diagnose` as scripts meet it: where the text comes from, exit statuses, formats."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from snapshots import domain_xml, domains, write_snapshot
from streams import feed
from unit.cli.conftest import Run

KNOWN = "unable to find CPU model 'nosuch'"


@pytest.fixture
def diagnose(vcpuid: Run) -> Run:
    return partial(vcpuid, "diagnose")


def test_a_text_is_explained(diagnose: Run) -> None:
    status, out, err = diagnose(KNOWN)
    assert (status, err) == (0, "")
    assert out.startswith("line 1: unable to find CPU model 'nosuch'  [qemu.no-such-model]\n")


def test_words_need_no_quotes(diagnose: Run) -> None:
    assert diagnose(*KNOWN.split())[:2] == diagnose(KNOWN)[:2]


def test_a_text_that_names_a_file_is_that_file(diagnose: Run, tmp_path: Path) -> None:
    log = tmp_path / "web-1.log"
    log.write_bytes(b"\xff\xfe\x00 junk\n" + KNOWN.encode() + b"\n")
    status, out, _ = diagnose(log)
    assert status == 0
    assert out.startswith("line 2: ")


@pytest.mark.parametrize("arguments", [("-",), ()])
def test_standard_input_is_read(
    diagnose: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    feed(monkeypatch, KNOWN.encode())
    assert diagnose(*arguments)[0] == 0


@pytest.mark.parametrize("text", ["it broke", "process exited while connecting to monitor"])
def test_a_text_that_explains_nothing_is_undecided(diagnose: Run, text: str) -> None:
    assert diagnose(text)[0] == 4


def test_an_unknown_text_is_read_as_far_as_it_goes(diagnose: Run) -> None:
    status, out, _ = diagnose(
        "QEMU emulator version 7.2.22: sha-ni is gone, CPUID.07H:EBX.sgx [bit 2] too; time, de"
    )
    assert status == 4
    assert out.splitlines() == [
        "No message that vcpuid knows.",
        "  It names:",
        "    CPUID.07H:EBX.sgx [bit 2]: sgx CPUID.07H.0:EBX[2] (Software Guard Extensions)",
        "    sha-ni CPUID.07H.0:EBX[29] (SHA-1 and SHA-256 instructions)",
        "  Written by: QEMU 7.2.22.",
    ]


@pytest.mark.parametrize("name", ["/no/such/file", "./no-such-file", "../x"])
def test_a_file_that_is_not_there_is_bad_input(diagnose: Run, name: str) -> None:
    status, out, err = diagnose(name)
    assert (status, out) == (3, "")
    assert "no such file" in err


def test_a_folder_is_bad_input(diagnose: Run, tmp_path: Path) -> None:
    assert diagnose(tmp_path)[0] == 3


@pytest.mark.parametrize("text", [b"", b" \n"])
def test_no_text_is_a_usage_error(diagnose: Run, monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    feed(monkeypatch, text)
    assert diagnose("-")[0] == 2


def test_a_text_of_any_length_is_no_file_name(diagnose: Run) -> None:
    assert diagnose("x" * 100_000)[0] == 4
    assert diagnose(f"/{'x ' * 100_000}")[0] == 4


def test_a_text_beyond_the_limit_is_cut_and_told(diagnose: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vcpuid.cli.diagnose.SIZE_LIMIT_CHARACTERS", 100)
    monkeypatch.setattr("vcpuid.answers.diagnose.SIZE_LIMIT_CHARACTERS", 100)
    feed(monkeypatch, (KNOWN + "\n" + "x" * 200 + KNOWN).encode())
    status, out, _ = diagnose("-")
    assert status == 0
    assert "Only the beginning was read" in out


def test_a_domain_needs_a_host_and_must_be_there(diagnose: Run, tmp_path: Path) -> None:
    host = write_snapshot(tmp_path / "h.json", domains=domains(inactive=domain_xml("<cpu/>")))
    assert diagnose(KNOWN, "--domain", "web-1")[0] == 2
    assert diagnose(KNOWN, "--host", host, "--domain", "web-2")[0] == 3
    status, out, _ = diagnose(KNOWN, "--host", host, "--domain", "web-1")
    assert status == 0
    assert out.endswith("Tested on h07, domain web-1.\n")


def test_json_is_a_document_of_its_own(diagnose: Run) -> None:
    status, out, _ = diagnose(KNOWN, "--format", "json")
    document = json.loads(out)
    assert status == 0
    assert document["schema"] == "vcpuid-diagnose/1"
    assert document["diagnoses"][0]["values"] == {"model": "nosuch"}
