"""The gate that snapshots pass: damaged, truncated, oversized and newer ones get a clear error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snapshots import Data, cpuid, document, failed, rows, write_snapshot
from streams import feed
from vcpuid.errors import InputError
from vcpuid.snapshot import Snapshot
from vcpuid.snapshot import document as document_module


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "host.json"


def refusal(path: Path | str) -> InputError:
    with pytest.raises(InputError) as caught:
        Snapshot.read(path)
    assert caught.value.source == str(path)
    return caught.value


def test_a_snapshot_is_read(path: Path) -> None:
    write_snapshot(path, cpuid=cpuid(rows()))
    snapshot = Snapshot.read(path)
    assert (snapshot.host_name, snapshot.taken_at) == ("h07", "2026-01-02T03:04:05Z")
    assert snapshot.source == str(path)
    assert [record.name for record in snapshot.records()] == ["cpuid"]


def test_a_snapshot_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.dumps(document()).encode()
    feed(monkeypatch, raw)
    assert Snapshot.read("-").source == "standard input"


def test_a_record_has_its_problems(path: Path) -> None:
    write_snapshot(path, msr=failed("/dev/cpu/0/msr", "permission denied", "run as root"))
    record = Snapshot.read(path).record("msr")
    assert record.state == "failed"
    assert record.problems == (("/dev/cpu/0/msr", "permission denied", "run as root"),)
    assert record.data is None


def test_a_source_that_the_collector_did_not_know_is_skipped() -> None:
    record = Snapshot.of(document()).record("tdx")
    assert record.state == "skipped"
    assert record.problems[0][:2] == ("tdx", "not in this snapshot")


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "absent.json").message


def test_a_folder(tmp_path: Path) -> None:
    assert "Is a directory" in refusal(tmp_path).message


@pytest.mark.parametrize("raw", [b"", b" \n\t"])
def test_an_empty_file(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)
    assert refusal(path).message == "empty"


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_every_truncated_snapshot_is_called_so(path: Path, *, ensure_ascii: bool) -> None:
    whole = document(cpuid=cpuid(rows()), nova=failed("\N{SNOWMAN}\n", "\u0001", "\\"))
    raw = json.dumps(whole, ensure_ascii=ensure_ascii).encode()
    for end in range(1, len(raw)):
        path.write_bytes(raw[:end])
        assert "truncated" in refusal(path).message, raw[:end][-20:]


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"<domain/>", "not JSON"),
        (b"\xff\xfe{}" + b" " * 20 + b"{}", "not JSON"),
        (b'{"schema": vcpuid, "more": 1, "and more": 2}', "not JSON"),
        (b'{"schema": "vcpuid-snapshot/1", "took_ms": ' + b"9" * 5000 + b', "sources": {}}', "not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[]", "not a snapshot"),
        (b"7", "not a snapshot"),
        (b"{}", "not a snapshot"),
        (b'{"schema": "vcpuid-why/1"}', "not a snapshot"),
        (b'{"schema": "vcpuid-snapshot/0"}', "not a snapshot"),
        (b'{"schema": "vcpuid-snapshot/x"}', "not a snapshot"),
        (b'{"schema": "vcpuid-snapshot/' + b"9" * 5000 + b'"}', "not a snapshot"),
        (b'{"schema": 1}', "schema is damaged"),
        (b'{"schema": "vcpuid-snapshot/1"}', "the document is damaged"),
    ],
)
def test_what_is_no_snapshot(path: Path, raw: bytes, word: str) -> None:
    path.write_bytes(raw)
    error = refusal(path)
    assert word in error.message
    assert error.next_step


def test_the_line_of_a_fault_is_told(path: Path) -> None:
    path.write_text('{\n"schema": "vcpuid-snapshot/1",\noops\n' + '"x": 1,\n' * 9, encoding="utf-8")
    assert refusal(path).line == 3


def test_a_newer_snapshot_is_refused_with_the_way_out(path: Path) -> None:
    path.write_text(json.dumps({**document(), "schema": "vcpuid-snapshot/2"}), encoding="utf-8")
    error = refusal(path)
    assert error.message == "this snapshot is newer than this vcpuid"
    assert (error.found, error.expected) == ("vcpuid-snapshot/2", "vcpuid-snapshot/1")
    assert "Upgrade vcpuid" in (error.next_step or "")


def test_an_oversized_snapshot_is_not_parsed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_module, "_SIZE_LIMIT_BYTES", 100)
    path.write_text(" " * 101, encoding="utf-8")
    assert refusal(path).message == "too large for a snapshot"


def test_small_values_without_number_are_not_parsed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list takes three bytes of a file, and twenty times as many of memory."""
    path.write_text(json.dumps({**document(), "others": [[]] * 1000}), encoding="utf-8")
    assert Snapshot.read(path).host_name == document()["host"]["name"]
    monkeypatch.setattr(document_module, "_VALUE_LIMIT", 2000)
    error = refusal(path)
    assert error.message == "too much for a snapshot"
    assert (error.found or "").startswith("about 20")
    assert error.expected == "at most 2000 values"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"host": []}, "host"),
        ({"host": {"name": 7}}, "host.name"),
        ({"taken_at": {}}, "taken_at"),
        ({"sources": []}, "sources"),
        ({"sources": {"cpuid": 7}}, "sources.cpuid"),
        ({"sources": {"cpuid": {"problems": []}}}, "sources.cpuid"),
        ({"sources": {"cpuid": {"state": 1, "problems": [], "data": None}}}, "sources.cpuid.state"),
        ({"sources": {"cpuid": {"state": "ok", "problems": 7}}}, "sources.cpuid.problems"),
        ({"sources": {"cpuid": {"state": "ok", "problems": [7]}}}, "sources.cpuid.problems[0]"),
        (
            {"sources": {"cpuid": {"state": "ok", "problems": [{"what": 1, "why": ""}]}}},
            "sources.cpuid.problems[0].what",
        ),
    ],
)
def test_a_member_of_another_type_is_named_by_its_path(change: Data, place: str) -> None:
    def read() -> None:
        snapshot = Snapshot.of({**document(), **change}, "host.json")
        _ = snapshot.host_name, snapshot.taken_at, snapshot.record("cpuid")

    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.message == f"{place} is damaged"
    assert caught.value.source == "host.json"
