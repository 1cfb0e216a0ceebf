"""`vcpuid map` as a command: which map it rests on, what it writes and where, and its exit statuses."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from map_defects import TINY, load_defects
from snapshots import cpu_map, libvirt, qmp, write_snapshot
from streams import feed
from unit.cli.conftest import Run
from vcpuid.cli import map_files
from vcpuid.cli.files import back_up
from vcpuid.errors import InputError
from vcpuid.rules.libvirt import choice
from vcpuid.rules.libvirt.map_reader import INSTALLED
from vcpuid.snapshot import Snapshot


@pytest.fixture
def map_(vcpuid: Run) -> Run:
    return partial(vcpuid, "map")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "map"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# show -----------------------------------------------------------------------------------------------


def test_show_rests_on_the_map_that_is_named(map_: Run) -> None:
    status, out, _ = map_("show", "Newer", "mpx", "--map", TINY)
    assert status == 0
    assert "nearest         Older" in out
    assert "in models       Newer" in out
    assert out.endswith(f"by the map {TINY}\n")


def test_show_rests_on_that_of_a_snapshot(map_: Run, tmp_path: Path) -> None:
    host = write_snapshot(tmp_path / "h.json", libvirt=libvirt("<model>Skylake</model>", map_=cpu_map()))
    status, out, _ = map_("show", "sgx", "--host", host)
    assert status == 0
    assert "by the map of libvirt" in out


@pytest.mark.parametrize("sources", [{}, {"libvirt": libvirt("<model>Skylake</model>")}])
def test_a_snapshot_without_a_map_is_undecided(map_: Run, tmp_path: Path, sources: dict[str, Any]) -> None:
    host = write_snapshot(tmp_path / "h.json", **sources)
    status, _, err = map_("show", "sgx", "--host", host)
    assert status == 4
    assert "no CPU map in the snapshot" in err


def test_show_takes_this_machines_map_as_any_hosts(
    map_: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_snapshot(tmp_path / "h07.json", libvirt=libvirt(map_=cpu_map()))
    monkeypatch.setattr("vcpuid.cli.host.snapshot_here", lambda _options: Snapshot.read(path))
    assert map_("show", "sgx", "--host", "here") == map_("show", "sgx", "--host", path)


def test_show_falls_back_to_the_map_that_ships_with_us(map_: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "INSTALLED", "/nowhere")
    _, out, _ = map_("show", "amx-fp8")
    assert "(shipped with vcpuid)" in out


def test_show_takes_the_installed_map_first(map_: Run) -> None:
    if not Path(INSTALLED).is_dir():
        pytest.skip("needs libvirt's CPU map (Debian package libvirt0)")
    assert map_("show", "sgx")[1].endswith(f"by the map {INSTALLED}\n")


def test_an_unknown_name_is_a_usage_error(map_: Run) -> None:
    assert map_("show", "nosuchthing", "--map", TINY)[0] == 2


def test_two_maps_are_a_usage_error(map_: Run) -> None:
    assert map_("show", "sgx", "--map", TINY, "--host", "x.json")[0] == 2


# lint -----------------------------------------------------------------------------------------------


def test_a_sound_map_is_fine(map_: Run) -> None:
    assert map_("lint", TINY) == (0, "no fault found\n", "")


@pytest.mark.parametrize(
    ("name", "status", "strict"), [("zero-mask", 1, 1), ("octal", 1, 1), ("no-subleaf", 0, 1)]
)
def test_errors_count_and_warnings_if_strict(
    map_: Run, tmp_path: Path, name: str, status: int, strict: int
) -> None:
    defect = next(defect for defect in load_defects() if defect.name == name)
    folder = defect.spoil(tmp_path / "map")
    assert map_("lint", folder)[0] == status
    assert map_("lint", "--strict", folder)[0] == strict


def test_notes_never_count(map_: Run, tmp_path: Path) -> None:
    defect = next(defect for defect in load_defects() if defect.name == "newest-only")
    assert map_("lint", "--strict", defect.spoil(tmp_path / "map"))[0] == 0


def test_several_files_are_linted_in_one_run(map_: Run) -> None:
    assert map_("lint", TINY / "x86_features.xml", TINY / "x86_Newer.xml")[1] == "no fault found\n"


def test_standard_input_is_linted(map_: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"<feature name='sgx'><cpuid eax_in='0x07' ecx_in='0x00' ebx='0x00000008'/></feature>"
    feed(monkeypatch, text)
    status, out, _ = map_("lint", "-")
    assert status == 1
    assert out.startswith("standard input:1: error: feature sgx is another bit")


def test_what_is_no_map_is_bad_input(map_: Run, tmp_path: Path) -> None:
    assert map_("lint", tmp_path)[0] == 3
    assert map_("lint", tmp_path / "no.xml")[0] == 3


def test_the_entries_that_we_write_have_no_fault(map_: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _, entries, _ = map_("entry", "sgx", "sgxlc", "xsaves", "rdctl-no", "vmx-ept")
    feed(monkeypatch, entries.encode())
    assert map_("lint", "-") == (0, "no fault found\n", "")


# add ------------------------------------------------------------------------------------------------


def test_add_writes_into_the_copy_and_keeps_what_was_there(map_: Run, copy: Path) -> None:
    before = contents(copy)
    status, out, _ = map_("add", "hle", "sgx1", "--to", copy)
    after = contents(copy)
    assert status == 0
    assert out.startswith(f"added to {copy}/x86_features.xml: hle, sgx1\n")
    assert "newer libvirt" in " ".join(out.split())
    assert after.pop("x86_features.xml.bak") == before["x86_features.xml"]
    assert b"name='hle'" in after.pop("x86_features.xml")
    assert after == {name: raw for name, raw in before.items() if name != "x86_features.xml"}
    assert map_("lint", copy)[1] == "no fault found\n"


def test_a_name_of_two_vendors_is_added_for_the_one_that_is_meant(map_: Run, copy: Path) -> None:
    status, _, err = map_("add", "stibp", "--vendor", "amd", "--to", copy)
    assert (status, err) == (0, "")
    assert "80000008" in (copy / "x86_features.xml").read_text(encoding="utf-8")


def test_a_second_backup_does_not_replace_the_first(map_: Run, copy: Path) -> None:
    original = (copy / "x86_features.xml").read_bytes()
    assert map_("add", "hle", "--to", copy)[0] == 0
    between = (copy / "x86_features.xml").read_bytes()
    assert map_("add", "sgx1", "--to", copy)[0] == 0
    assert (copy / "x86_features.xml.bak").read_bytes() == original
    assert (copy / "x86_features.xml.bak1").read_bytes() == between


def test_the_mode_of_the_file_is_kept_and_a_link_is_followed(map_: Run, copy: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.xml"
    (copy / "x86_features.xml").rename(real)
    real.chmod(0o640)
    (copy / "x86_features.xml").symlink_to(real)
    assert map_("add", "hle", "--to", copy)[0] == 0
    assert (copy / "x86_features.xml").is_symlink()
    assert b"name='hle'" in real.read_bytes()
    assert real.stat().st_mode & 0o777 == 0o640


def test_output_gets_a_whole_map_and_the_first_stays_as_it_was(map_: Run, copy: Path, tmp_path: Path) -> None:
    before = contents(copy)
    assert map_("add", "hle", "--to", copy, "--output", tmp_path / "new")[0] == 0
    assert contents(copy) == before
    assert contents(tmp_path / "new").keys() == before.keys()
    assert map_("lint", tmp_path / "new")[1] == "no fault found\n"


def test_output_must_be_new_or_empty(map_: Run, copy: Path) -> None:
    before = contents(copy)
    assert map_("add", "hle", "--to", copy, "--output", copy)[0] == 2
    assert contents(copy) == before


@pytest.mark.parametrize("arguments", [["sgx"], ["nosuchthing"], ["pmu"], ["hle", "sgx"]])
def test_what_is_refused_changes_nothing(map_: Run, copy: Path, arguments: list[str]) -> None:
    before = contents(copy)
    assert map_("add", *arguments, "--to", copy)[0] == 2
    assert contents(copy) == before


def test_without_a_target_there_is_nothing_to_write(map_: Run) -> None:
    assert map_("add", "hle")[0] == 2


def test_a_map_with_an_error_is_not_written(map_: Run, tmp_path: Path) -> None:
    defect = next(defect for defect in load_defects() if defect.name == "model-without-decode")
    folder = defect.spoil(tmp_path / "map")
    before = contents(folder)
    status, out, _ = map_("add", "hle", "--to", folder)
    assert status == 1
    assert "map.no-decode" in out
    assert "nothing written" in out
    assert contents(folder) == before


@pytest.mark.parametrize("through_a_link", [False, True])
def test_an_installed_map_is_refused_by_whatever_path(map_: Run, tmp_path: Path, *, through_a_link: bool) -> None:
    folder = Path(INSTALLED)
    if through_a_link:
        folder = tmp_path / "link"
        folder.symlink_to(INSTALLED)
    status, _, err = map_("add", "hle", "--to", folder)
    assert status == 2
    assert "not meant to be edited" in err
    assert "cp -r" in err


def test_a_system_folder_is_written_only_when_that_is_said(
    map_: Run, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_files, "_SYSTEM", copy.parent)
    assert map_("add", "hle", "--to", copy)[0] == 2
    assert map_("add", "hle", "--to", copy, "--edit-system")[0] == 0


def test_a_disk_that_fails_leaves_the_file_as_it_was(
    map_: Run, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (copy / "x86_features.xml").read_bytes()

    def fail(*_: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    assert map_("add", "hle", "--to", copy)[0] == 3
    assert (copy / "x86_features.xml").read_bytes() == before
    assert not list(copy.glob(".*.part"))


# sync -----------------------------------------------------------------------------------------------


def test_sync_lists_on_standard_error_and_writes_entries_to_standard_output(
    map_: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, err = map_("sync", "--qemu-version", "10.2", "--map", TINY)
    assert status == 0
    assert err.startswith("QEMU 10.2 (by vcpuid's table) beside the map")
    assert "not meant to be edited" in err
    assert out.startswith("  <feature name=")
    feed(monkeypatch, out.encode())
    assert map_("lint", "-")[0] == 0


def test_sync_brings_a_copy_up_to_date(map_: Run, copy: Path) -> None:
    assert map_("sync", "--qemu-version", "10.2", "--to", copy)[0] == 0
    assert map_("lint", copy)[0] == 0
    _, out, err = map_("sync", "--qemu-version", "10.2", "--to", copy)
    assert ": 0 features missing" in " ".join(err.split())
    assert out == ""


def test_sync_asks_a_snapshot_for_both_sides(map_: Run, tmp_path: Path) -> None:
    host = write_snapshot(
        tmp_path / "h.json",
        libvirt=libvirt("<model>Skylake</model>", map_=cpu_map()),
        qmp=qmp(properties=["hle", "sgx"]),
    )
    status, out, _ = map_("sync", "--host", host)
    assert status == 0
    assert "<feature name='hle'>" in out
    assert "name='sgx'" not in out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--qemu-version", "10.2", "--host", "x"],
        ["--qemu-version", "1.0", "--map", "{map}"],
        ["--qemu-version", "10.2", "--output", "x"],
    ],
)
def test_sync_must_know_which_qemu(map_: Run, arguments: list[str]) -> None:
    assert map_("sync", *(argument.format(map=TINY) for argument in arguments))[0] == 2


def test_a_snapshot_that_does_not_tell_its_qemu_is_undecided(map_: Run, tmp_path: Path) -> None:
    host = write_snapshot(tmp_path / "h.json", libvirt=libvirt("<model>Skylake</model>", map_=cpu_map()))
    assert map_("sync", "--host", host)[0] == 4


def test_json_is_one_document(map_: Run, copy: Path) -> None:
    for schema, *arguments in (
        ("vcpuid-map-show/1", "show", "sgx", "--map", TINY),
        ("vcpuid-lint/1", "lint", TINY),
        ("vcpuid-map-sync/1", "sync", "--qemu-version", "10.2", "--map", TINY),
        ("vcpuid-map-add/1", "add", "hle", "--to", copy),
    ):
        _, out, _ = map_(*arguments, "--format", "json")
        assert json.loads(out)["schema"] == schema


def test_a_backup_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 248}.xml"  # no name is longer than 255 bytes
    path.write_text("<cpus/>", encoding="utf-8")
    with pytest.raises(InputError, match=r"\.xml\.bak: no backup can be made: File name too long"):
        back_up(path)
