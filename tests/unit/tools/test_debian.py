"""What is fetched from Debian's archive, without asking it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from tools import debian


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "thing_1.0.orig.tar.xz"
    with tarfile.open(path, "w:xz") as tar:
        for name in ("thing-1.0/src/a.c", "thing-1.0/src/deep/b.c", "thing-1.0/srcs", "thing-1.0/../../evil"):
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"text"))
        link = tarfile.TarInfo("thing-1.0/src/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return path


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_plain_files_are_unpacked_below_the_folder(archive: Path, tmp_path: Path) -> None:
    debian.unpack(archive, tmp_path / "all", ())
    assert files(tmp_path / "all") == ["src/a.c", "src/deep/b.c", "srcs"]
    debian.unpack(archive, tmp_path / "some", ["src/"])
    assert files(tmp_path / "some") == ["src/a.c", "src/deep/b.c"]


class FakeApt:
    """An archive without a network."""

    suite = "some-suite"

    def __init__(self, *versions: str, folder: Path | None = None) -> None:
        self.versions = list(versions)
        self.folder = folder or Path()
        self.asked: list[str] = []

    def source_versions(self, _package: str) -> list[str]:
        return self.versions

    def run(self, *words: str) -> str:
        self.asked = list(words)
        return ""


@pytest.mark.parametrize("full", ["1.0-4+deb12u2", "2:1.0-1"])
def test_any_revision_of_an_upstream_version_will_do(archive: Path, full: str) -> None:
    apt = FakeApt("0.9-1", full, folder=archive.parent)
    assert debian.fetch_source(apt, "thing", "1.0") == archive  # type: ignore[arg-type]  # it has what is used
    assert apt.asked[-1] == f"thing={full}"


def test_a_version_that_the_suite_has_not_is_told_with_those_that_it_has() -> None:
    apt = FakeApt("0.9-1")
    with pytest.raises(debian.ArchiveError, match=r"some-suite has no thing 1\.0; it has 0\.9-1"):
        debian.fetch_source(apt, "thing", "1.0")  # type: ignore[arg-type]  # it has what is used


def run_source(monkeypatch: pytest.MonkeyPatch, archive: Path, folder: Path, sha256: str) -> int:
    monkeypatch.setattr(debian, "Apt", lambda *_: None)
    monkeypatch.setattr(debian, "fetch_source", lambda *_: archive)
    return debian.main(["source", "some-suite", "thing", "1.0", str(folder), "--sha256", sha256])


def test_a_checked_source_is_unpacked_once(
    monkeypatch: pytest.MonkeyPatch, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, sha256 = tmp_path / "cache", hashlib.sha256(archive.read_bytes()).hexdigest()
    assert run_source(monkeypatch, archive, folder, sha256) == 0
    assert capsys.readouterr().out == f"{folder}/thing-1.0\n"
    assert files(folder) == [f"thing-1.0/{name}" for name in ("ORIGIN", "src/a.c", "src/deep/b.c", "srcs")]
    archive.unlink()
    assert run_source(monkeypatch, archive, folder, sha256) == 0


def test_another_file_than_the_pinned_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_source(monkeypatch, archive, tmp_path / "cache", "0" * 64) == 1
    assert "is another file: SHA-256" in capsys.readouterr().err
    assert files(tmp_path / "cache") == []


def test_a_system_without_debians_archive_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "run", lambda *_, **__: "")
    with pytest.raises(debian.ArchiveError, match="apt knows no Debian archive for"):
        debian.find_mirror()
