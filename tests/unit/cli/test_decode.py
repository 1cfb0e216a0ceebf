"""`vcpuid decode` and `vcpuid diff`, as they are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cpus import apic_rows, brand_rows, cpu, row, write_cpuid_r
from vcpuid.cli import run
from vcpuid.dumps import read_dump


@pytest.fixture
def path(tmp_path: Path) -> str:
    cpus = [cpu({**apic_rows(n), (7, 0): row(0, 1 << 5), **brand_rows(b"Test CPU")}, number=n) for n in range(4)]
    return str(write_cpuid_r(tmp_path / "dump.txt", *cpus))


def output(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert run(list(arguments)) == status
    captured = capsys.readouterr()
    return captured.err if status > 1 else captured.out


def test_a_summary(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "decode", path)
    assert text.startswith(f"Test CPU   {path}\n")
    assert "4 threads, 2 cores, 1 package" in text


def test_several_dumps(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "decode", path, path).count("Test CPU   ") == 2
    assert len(json.loads(output(capsys, "decode", path, path, "--format", "json"))["dumps"]) == 2


def test_all_fields(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "CPUID.07H.0  eax=00000000 ebx=00000020" in output(capsys, "decode", "--all", path)


@pytest.mark.parametrize("leaf", ["7", "0x7", "07h"])
def test_one_leaf(leaf: str, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "avx2" in output(capsys, "decode", "-l", leaf, "-s", "0", path)


def test_raw_registers_can_be_read_again(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy.txt"
    copy.write_text(output(capsys, "decode", "--raw", path), encoding="utf-8")
    assert read_dump(copy).cpus == read_dump(path).cpus


def test_one_cpu(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "decode", "-r", "-c", "2", "-l", "b", "-s", "0x1", path) == (
        "CPU 2:\n   0x0000000b 0x01: eax=0x00000003 ebx=0x00000008 ecx=0x00000201 edx=0x00000002\n"
    )
    assert output(capsys, "decode", "-r", "-1", "-l", "7", path).startswith("CPU 0:\n")


def test_each_cpu_by_itself(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(output(capsys, "decode", "--each", "--format", "json", path))
    assert len(document["dumps"][0]["kinds"]) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-l", "x"), "--leaf cannot be read"),
        (("-l", "100000000"), "--leaf cannot be read"),
        (("-s", "f"), "--subleaf cannot be read"),
        (("-l", "19"), "no such row"),
        (("-c", "9"), "no CPU of this number"),
        (("-c", "1", "-1"), "--cpu and --one-cpu exclude each other"),
        (("-r", "--format", "json"), "--raw is text"),
    ],
)
def test_bad_questions(
    arguments: tuple[str, ...], words: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["decode", *arguments, path]) == 2
    assert words in capsys.readouterr().err


def test_damage_is_told_or_left_out(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write("   0x00000009 0x00: eax=0x0000\n")
    assert run(["decode", path]) == 3
    capsys.readouterr()
    assert run(["decode", "--lenient", path]) == 0
    assert "left out" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--raw", "--format=json"])
def test_a_damaged_dump_leaves_no_half_of_an_answer(
    option: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vcpuid.cli.decode._BATCH_CHARACTERS", 1)
    damaged = tmp_path / "damaged.txt"
    damaged.write_text("no dump\n", encoding="utf-8")
    assert run(["decode", option, path, str(damaged)]) == 3
    written = capsys.readouterr().out
    assert not written or json.loads(written)["exit_status"] == 3


def test_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    here = output(capsys, "decode")
    assert "this machine" in here
    assert output(capsys, "decode", "here").splitlines()[1:4] == here.splitlines()[1:4]


def test_this_machine_has_no_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decode", "--from", "cpuid", "here"]) == 2
    assert "--from is for files" in capsys.readouterr().err


def test_a_cpu_without_a_vendor(capsys: pytest.CaptureFixture[str]) -> None:
    xl = Path(__file__).parents[2] / "dumps" / "samples" / "xl.txt"
    assert run(["decode", str(xl)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("a CPU of an unknown vendor   ")
    assert "vendor unknown; family 0x0" in captured.out
    assert captured.err == f"vcpuid: {xl}: 124 bits are taken from the host; they are shown as 0.\n"


def test_no_difference(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no real difference" in output(capsys, "diff", path, path)
    assert "no real difference" in output(capsys, "diff", f"{path}@0", f"{path}@3")
    assert "no real difference" in output(capsys, "diff", "here", "here")


def test_a_real_difference(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = write_cpuid_r(tmp_path / "other.txt", cpu({(7, 0): row(0, 0)}))
    assert "- avx2" in output(capsys, "diff", path, str(other), status=1)
    document = json.loads(output(capsys, "diff", "--format", "json", path, str(other), status=1))
    assert document["kinds"][0]["lost"] == ["avx2"]


def test_a_name_with_an_at_sign_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_cpuid_r(tmp_path / "dump@7", cpu({(7, 0): row(0, 0)}))
    assert "no real difference" in output(capsys, "diff", str(path), f"{path}@0")


def test_standard_input_serves_one_side_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert "standard input is named twice" in output(capsys, "diff", "-", "-", status=2)


def test_rows_that_one_side_lacks_leave_it_undecided(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lines = [
        "   0x00000000 0x00: eax=0x00000007 ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69",
        "   0x00000001 0x00: eax=0x000506e3 ebx=0x00000000 ecx=0x00000000 edx=0x00000000",
        "   0x00000007 0x00: eax=0x00000000 ebx=0x00000020 ecx=0x00000000 edx=0x00000000",
    ]
    whole, partial = tmp_path / "whole.txt", tmp_path / "partial.txt"
    whole.write_text("\n".join(["CPU 0:", *lines, ""]), encoding="utf-8")
    partial.write_text("\n".join(["CPU 0:", *lines[:2], ""]), encoding="utf-8")
    assert run(["diff", str(whole), str(partial)]) == 4
    assert "in what both sides tell" in capsys.readouterr().out


def test_a_machine_of_another_kind_has_no_cpuid(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vcpuid.gather.look.Look.machine", lambda _: "aarch64")
    told = output(capsys, "decode", status=4)
    assert told.startswith("vcpuid: CPUID cannot be read here: machine is aarch64\n  A dump or a snapshot of")
