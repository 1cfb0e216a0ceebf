"""`vcpuid convert` as a command: what goes where, and what it says of losses and damage."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from unit.cli.conftest import Run
from vcpuid.dumps import read_dump

DUMPS = Path(__file__).parents[2] / "dumps"
AIDA64 = DUMPS / "samples" / "aida64.txt"


@pytest.fixture
def convert(vcpuid: Run) -> Run:
    return partial(vcpuid, "convert")


def test_the_dump_goes_to_standard_output_and_the_losses_to_standard_error(convert: Run) -> None:
    status, out, err = convert(AIDA64, "--to", "cpuid")
    assert status == 0
    assert out.splitlines()[1] == (
        "   0x00000000 0x00: eax=0x00000015 ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69"
    )
    assert err == "vcpuid: cpuid cannot hold 2 MSRs: 1b, e7\n"


def test_a_file_is_written_whole_and_read_again(convert: Run, tmp_path: Path) -> None:
    path = tmp_path / "dump.json"
    assert convert(AIDA64, "--to", "json", "-o", path) == (0, "", "")
    assert read_dump(path) == read_dump(AIDA64)
    assert [file.name for file in tmp_path.iterdir()] == ["dump.json"]
    assert path.read_text(encoding="utf-8") == convert(AIDA64, "--to", "json")[1]


def test_damage_is_3_and_its_line_is_told_and_with_lenient_left_out(convert: Run, tmp_path: Path) -> None:
    path = tmp_path / "dump.txt"
    path.write_text(AIDA64.read_text(encoding="utf-8").replace("00200800", "0020080"), encoding="utf-8")
    status, out, err = convert(path, "--to", "json")
    assert (status, out) == (3, "")
    assert err.startswith(f"vcpuid: {path}:7: a damaged line: found 'CPUID 00000001: 000506C9-0020080-")
    status, out, err = convert(path, "--to", "json", "--lenient")
    assert status == 0
    assert "000506c9 00200800" not in out
    assert err.startswith(f"vcpuid: left out: {path}:7: a damaged line: found ")


def test_much_damage_is_counted(convert: Run, tmp_path: Path) -> None:
    path = tmp_path / "dump.txt"
    path.write_text(AIDA64.read_text(encoding="utf-8") + "CPUID 00000001: damaged\n" * 30, encoding="utf-8")
    _, _, err = convert(path, "--to", "json", "--lenient")
    assert len(err.splitlines()) == 11
    assert err.splitlines()[-1] == f"vcpuid: left out: 20 more faults of {path}"


def test_notes_are_told(convert: Run) -> None:
    status, _, err = convert(DUMPS / "samples" / "xl.txt", "--to", "firecracker")
    assert status == 0
    assert err.endswith("xl.txt: 124 bits are taken from the host; they are shown as 0.\n")


def test_the_format_can_be_told(convert: Run) -> None:
    assert convert(AIDA64, "--from", "aida64", "--to", "json")[0] == 0
    status, _, err = convert(AIDA64, "--from", "xen", "--to", "json")
    assert status == 3
    assert err.endswith("  It was read as xen; without --from its format is recognised.\n")


def test_this_machine_is_converted(convert: Run, tmp_path: Path) -> None:
    path = tmp_path / "here.json"
    assert convert("here", "--to", "json", "-o", path)[0] == 0
    dump = read_dump(path)
    assert dump.origin == "this machine"
    assert (0, 0) in dump.cpus[0].rows


@pytest.mark.parametrize(
    "arguments", [[AIDA64], [AIDA64, "--to", "xen"], [AIDA64, "--to", "json", "--from", "x"], []]
)
def test_a_wrong_question_is_2(convert: Run, arguments: list[str]) -> None:
    assert convert(*arguments)[0] == 2


def test_no_dump_is_3(convert: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing\n", encoding="utf-8")
    assert convert(tmp_path / "notes.txt", "--to", "json")[0] == 3
    assert convert(tmp_path / "missing.txt", "--to", "json")[0] == 3
    assert convert(AIDA64, "--to", "json", "-o", tmp_path / "missing" / "dump.json")[0] == 3
