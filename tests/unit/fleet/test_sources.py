"""What a fleet is read from, and what hosts are called by."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from fleets import DUMPS, INTEL, READER, columns, documents, sources_of
from streams import feed
from vcpuid.errors import InputError, UsageError
from vcpuid.fleet.configuration import EvidenceLayer
from vcpuid.fleet.labels import Labels, parse_folders, read_labels
from vcpuid.fleet.record import HostRow, read_host
from vcpuid.fleet.sources import Source

SNAPSHOT = documents()[0]


def walk(*paths: Path | str) -> list[Source]:
    return list(sources_of(*paths))


def tar(path: Path, mode: str = "w", **members: bytes) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # the mode is a parameter
        for name, raw in members.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return path


def test_a_folder_is_all_its_files_but_the_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/h2.example.org.json", "a/h1.txt.gz", ".git/config", "a/.hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = walk(tmp_path)
    assert [source.name for source in found] == ["h1", "h2.example.org"]
    assert [source.folders[-1] for source in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "mode"), [("f.tar", "w"), ("f.tar.gz", "w:gz"), ("f.tgz", "w:gz"), ("f.tar.xz", "w:xz")]
)
def test_an_archive_is_its_members(tmp_path: Path, name: str, mode: str) -> None:
    (source, other) = walk(tar(tmp_path / name, mode, az1__h1=b"one", h2=b"two"))
    assert (source.name, source.folders, source.raw) == ("h1", ("az1",), b"one")
    assert (other.name, other.folders, other.raw) == ("h2", (), b"two")
    assert source.where == f"{tmp_path / name}:az1/h1"


def test_a_cut_archive_gives_what_is_whole_and_tells_the_rest(tmp_path: Path) -> None:
    path = tar(tmp_path / "f.tar", h1=b"1" * 2000, h2=b"2" * 20000)
    path.write_bytes(path.read_bytes()[:5000])
    (source, broken) = walk(path)
    assert source.raw == b"1" * 2000
    assert broken.error is not None
    assert "the archive is damaged" in str(broken.error)


@pytest.mark.parametrize("cut", [None, 1100])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_that_goes_on_with_what_is_no_member_is_told(
    tmp_path: Path, mode: str, cut: int | None
) -> None:
    """tarfile takes it for the end, and says nothing of the hosts behind it."""
    whole = tar(tmp_path / "whole.tar", h1=b"one", h2=b"two", h3=b"three").read_bytes()
    broken = whole[:1024] + b"\1" * 512 + whole[1536:]
    path = tmp_path / "f.tar"
    path.write_bytes(broken[:cut] if mode == "w" else gzip.compress(broken[:cut]))
    source, fault = walk(path)
    assert source.raw == b"one"
    assert "the archive is damaged" in str(fault.error)


def test_an_archive_may_lack_its_end(tmp_path: Path) -> None:
    path = tar(tmp_path / "f.tar", h1=b"one")
    path.write_bytes(path.read_bytes()[:1024])
    (source,) = walk(path)
    assert source.raw == b"one"


@pytest.mark.parametrize(
    ("kind", "target", "told"),
    [
        (tarfile.SYMTYPE, "/etc/passwd", "a link to /etc/passwd, not a file"),
        (tarfile.LNKTYPE, "h0", "a link to h0, not a file"),
        (tarfile.FIFOTYPE, "", "a device or pipe, not a file"),
    ],
)
def test_links_and_devices_of_an_archive_are_told_and_not_followed(
    tmp_path: Path, kind: bytes, target: str, told: str
) -> None:
    with tarfile.open(tmp_path / "f.tar", "w") as archive:
        for name, own in (("az1", tarfile.DIRTYPE), (".hidden", kind), ("h1", kind)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = own, target
            archive.addfile(member)
    (source,) = walk(tmp_path / "f.tar")
    assert not source.raw
    assert f"{tmp_path / 'f.tar'}:h1: {told}" in str(source.error)


def test_an_indented_document_among_lines_is_one_fault(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_bytes(b'one\n{\n  "a": {\n  }\n}\ntwo\n[\n 1')
    found = [(s.where.rpartition(":")[2], s.raw) for s in walk(tmp_path / "f.jsonl")]
    assert found == [("1", b"one\n"), ("2", b""), ("6", b"two\n"), ("7", b"")]
    assert "jq -c ." in str(next(s.error for s in walk(tmp_path / "f.jsonl") if s.error))


def test_a_document_that_is_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_bytes(b'one\n{\n  "a": 1,\n\n{"b": 2}\n[\n]\n{\n{\nlast')
    found = [(s.where.rpartition(":")[2], s.raw) for s in walk(tmp_path / "f.jsonl")]
    assert found == [
        ("1", b"one\n"),
        ("2", b""),
        ("5", b'{"b": 2}\n'),
        ("6", b""),
        ("8", b""),
        ("9", b""),
        ("10", b"last"),
    ]


def test_lines_are_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f.jsonl").write_bytes(b"one\n\ntwo\n")
    assert [(s.where[-2:], s.raw) for s in walk(tmp_path / "f.jsonl")] == [(":1", b"one\n"), (":3", b"two\n")]
    feed(monkeypatch, b"one\n")
    assert [(s.where, s.raw) for s in walk("-")] == [("standard input:1", b"one\n")]


def test_what_cannot_be_read_is_told_and_the_walk_goes_on(tmp_path: Path) -> None:
    (tmp_path / "h1").write_bytes(b"x")
    gone, there = walk(tmp_path / "gone", tmp_path / "h1")
    assert not gone.raw
    assert str(gone.error) == f"{tmp_path / 'gone'}: cannot be read: No such file or directory"
    assert there.raw == b"x"


def host(raw: bytes) -> HostRow:
    return read_host(raw, "f", "file", READER)


def test_a_snapshot_tells_name_versions_and_layers() -> None:
    row = host(SNAPSHOT)
    assert row.host == json.loads(SNAPSHOT)["host"]["name"]
    assert row.kernel.count(".") == 2
    assert row.microcode.startswith("0x")
    assert row.qemu == "7.2.22"
    assert set(row.configuration.layers) == {EvidenceLayer.KVM, EvidenceLayer.CPUID}


def test_a_host_without_a_name_is_called_by_its_file() -> None:
    document = json.loads(SNAPSHOT)
    del document["host"]
    assert host(json.dumps(document).encode()).host == "file"
    row = host((DUMPS / INTEL[0]).read_bytes())
    assert (row.host, row.configuration.best) == ("file", EvidenceLayer.CPUID)
    assert row.generation


@pytest.mark.parametrize("within", [True, False])
@pytest.mark.parametrize("facts_before", [{}, {"ansible_pad": "x" * 5000}])
def test_ansible_facts_hold_a_snapshot(within: bool, facts_before: dict[str, str]) -> None:
    local = {"ansible_local": {"vcpuid": json.loads(SNAPSHOT)}, "ansible_pad": "x" * 5000}
    facts = {**facts_before, **(local if not within else {"ansible_facts": local})}
    assert columns(host(json.dumps(facts, indent=4, sort_keys=True).encode())) == columns(host(SNAPSHOT))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"ansible_facts": {"ansible_kernel": "6.1"}}', "these Ansible facts hold no snapshot"),
        (b'{"ansible_facts": []}', "these Ansible facts hold no snapshot"),
        (b'{"ansible_facts": {', "not JSON"),
        (b"<cpu mode='custom'><model>Haswell</model></cpu>", "this is a guest's definition"),
        (b"<all/>", "no CPU in this XML"),
        (b"hello", "f"),
        (b'{"schema": "vcpuid-snapshot/1", "sources": {}}', "tells nothing of this host's CPU"),
        (b'{"schema": "vcpuid-snapshot/9"}', "vcpuid-snapshot/1"),
    ],
)
def test_what_is_no_host_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(InputError) as told:
        host(raw)
    assert message in str(told.value)


def test_labels_come_from_a_file_and_from_folders(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("host,zone,owner\nh1,north,\nh2,,db\n", encoding="utf-8")
    labels = Labels(read_labels(str(tmp_path / "l.csv")), parse_folders("zone/cluster"))
    row = host(SNAPSHOT)
    one = labels.put_on(HostRow("h1", "", row.configuration), ("x", "south", "c1"))
    two = labels.put_on(HostRow("h2", "", row.configuration), ("south",))
    assert (one.zone, one.cluster, one.labels) == ("north", "c1", {})
    assert (two.zone, two.cluster, two.labels) == ("", "", {"owner": "db"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "l.csv:1: no labels: found nothing"),
        ("name,zone\nh1,a\n", "l.csv:1: no labels: found name, zone"),
        ("host,zo ne\nh1,a\n", "no labels"),
        ("host,zone\nh1\n", "l.csv:2: a row of another length"),
        ("host,zone\nh1,a,b\n", "l.csv:2: a row of another length"),
        ("host,zone\nh1,a\nh1,b\n", "l.csv:3: a host twice: found 'h1'"),
        ('host,zone\n"h1,a\n', "no CSV file"),
    ],
)
def test_bad_labels_are_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "l.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as told:
        read_labels(str(path))
    assert message in str(told.value)


@pytest.mark.parametrize("text", ["", "zone//x", "zone/zone", "a b"])
def test_folders_have_names(text: str) -> None:
    with pytest.raises(UsageError, match="zone/cluster"):
        parse_folders(text)
