"""`vcpuid collect` as a command: where it writes, and what it says when it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from snapshots import document
from unit.cli.conftest import Run
from vcpuid.gather.bundle import bundle_collector
from vcpuid.gather.remote import Failure, Host, Outcome
from vcpuid.snapshot import Snapshot

QUICK = ("--only", "cpuinfo,kernel")


@pytest.fixture
def collect(vcpuid: Run) -> Run:
    return partial(vcpuid, "collect")


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts whose name begins with `down` refuse connections; all others give a snapshot."""

    def collect_from_hosts(hosts: Sequence[Host], *_: object) -> Iterator[Outcome]:
        for host in hosts:
            if host.name.startswith("down"):
                yield Outcome(host, None, Failure("it refuses connections", "see that sshd runs there"))
            else:
                yield Outcome(host, document(), None)

    monkeypatch.setattr("vcpuid.cli.collect.collect_from_hosts", collect_from_hosts)


def test_standard_output_gets_one_document(collect: Run) -> None:
    status, out, err = collect(*QUICK)
    assert (status, err) == (0, "")
    written = json.loads(out)
    assert written["schema"] == "vcpuid-snapshot/1"
    assert written["sources"]["cpuinfo"]["state"] == "ok"
    assert written["sources"]["libvirt"]["state"] == "skipped"


def test_what_is_written_can_be_read(collect: Run, tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    assert collect(*QUICK, "-o", path) == (0, "", "")
    assert Snapshot.read(path).record("kernel").state in ("ok", "partial")
    assert [file.name for file in tmp_path.iterdir()] == ["host.json"]


def test_what_cannot_be_written_is_3(collect: Run, tmp_path: Path) -> None:
    path = tmp_path / "absent" / "host.json"
    status, out, err = collect(*QUICK, "-o", path)
    assert (status, out) == (3, "")
    assert f"{path}: cannot be written: No such file or directory" in err


def test_access_looks_at_nothing(collect: Run) -> None:
    status, out, _ = collect("--access")
    assert status == 0
    assert "/proc/cpuinfo" in out
    assert "KVM_GET_SUPPORTED_CPUID" in out


def test_the_bundle_is_one_python_file(collect: Run) -> None:
    status, out, _ = collect("--bundle")
    assert status == 0
    compile(out, "bundle", "exec")


def test_the_bundle_as_a_file_can_be_executed(collect: Run, tmp_path: Path) -> None:
    path = tmp_path / "vcpuid-collect"
    assert collect("--bundle", "-o", path) == (0, "", "")
    assert path.read_text(encoding="ascii") == bundle_collector()
    assert path.stat().st_mode & 0o100


def test_the_bundle_is_no_question_to_a_host(collect: Run, tmp_path: Path) -> None:
    status, out, err = collect("--bundle", "ssh://h07", "-o", tmp_path / "vcpuid-collect")
    assert (status, out) == (2, "")
    assert "--bundle prints the collector, and asks no host" in err
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_cannot_be_written_is_3(collect: Run, tmp_path: Path) -> None:
    status, out, err = collect("--bundle", "-o", tmp_path / "absent" / "vcpuid-collect")
    assert (status, out) == (3, "")
    assert "cannot be written: No such file or directory" in err


def test_names_are_replaced_on_demand(collect: Run) -> None:
    names = [json.loads(collect(*QUICK, *more)[1])["host"]["name"] for more in ((), ("--anonymise",))]
    assert names[0] != names[1]


@pytest.mark.parametrize("host", ["h07", "http://h07", "ssh://", "ssh://h07/path", "ssh://-oProxyCommand=x"])
def test_what_is_no_host_is_2(collect: Run, host: str) -> None:
    status, out, err = collect("--", host)
    assert (status, out) == (2, "")
    assert "expected ssh://[user@]host[:port]" in err


@pytest.mark.usefixtures("outcomes")
def test_a_host_that_is_down_is_4_and_told(collect: Run) -> None:
    status, out, err = collect("ssh://down1")
    assert (status, out) == (4, "")
    assert err == "vcpuid: down1: it refuses connections\n  see that sshd runs there\n"


@pytest.mark.usefixtures("outcomes")
def test_several_hosts_are_lines(collect: Run) -> None:
    status, out, err = collect("ssh://h07", "ssh://down1", "ssh://h08", "ssh://h07")
    assert status == 4
    assert [json.loads(line)["schema"] for line in out.splitlines()] == ["vcpuid-snapshot/1"] * 2
    assert err.endswith("vcpuid: 2 of 3 hosts collected\n")


@pytest.mark.usefixtures("outcomes")
def test_several_hosts_are_files_in_a_folder(collect: Run, tmp_path: Path) -> None:
    folder = tmp_path / "of" / "today"
    assert collect("ssh://h07", "ssh://root@h08:2222", "ssh://[::1]", "-o", folder)[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == ["__1.json", "h07.json", "root@h08_2222.json"]
    assert Snapshot.read(folder / "h07.json").host_name == "h07"


@pytest.mark.usefixtures("outcomes")
def test_one_host_is_one_file(collect: Run, tmp_path: Path) -> None:
    path = tmp_path / "h07.json"
    assert collect("ssh://h07", "-o", path) == (0, "", "")
    assert Snapshot.read(path).host_name == "h07"


def test_a_folder_that_is_a_file_is_3(collect: Run, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    status, _, err = collect("ssh://h07", "ssh://h08", "-o", path)
    assert status == 3
    assert "the folder cannot be made" in err


def test_this_host_in_a_folder_is_named_after_it(collect: Run, tmp_path: Path) -> None:
    assert collect(*QUICK, "-o", tmp_path) == (0, "", "")
    (path,) = tmp_path.iterdir()
    assert path.name == f"{Snapshot.read(path).host_name}.json"


@pytest.mark.usefixtures("outcomes")
@pytest.mark.parametrize("exists", [True, False])
def test_one_host_in_a_folder_is_a_file_there(collect: Run, tmp_path: Path, *, exists: bool) -> None:
    folder = tmp_path / "today"
    if exists:
        folder.mkdir()
    assert collect("ssh://root@h07:2222", "-o", f"{folder}/") == (0, "", "")
    assert [path.name for path in folder.iterdir()] == ["root@h07_2222.json"]


def test_a_slash_makes_a_folder(collect: Run, tmp_path: Path) -> None:
    assert collect(*QUICK, "-o", f"{tmp_path}/new/") == (0, "", "")
    assert len(list((tmp_path / "new").iterdir())) == 1
