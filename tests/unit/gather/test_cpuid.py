"""CPUID of each CPU: choice of CPUs, the two ways to read, the compact form."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from unit.gather.machines import gather, look_at, write_tree
from vcpuid.gather import cpuid
from vcpuid.gather.cpuid_walk import Rows
from vcpuid.gather.look import Look
from vcpuid.gather.record import Problems

CPUS = "/sys/devices/system/cpu"


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0-3,8", {0, 1, 2, 3, 8}), ("", set()), ("5", {5}), ("(null)", set()), ("0-,x-2", {0}), ("1,\n", {1})],
)
def test_cpu_lists(text: str, cpus: set[int]) -> None:
    assert set(cpuid.parse_cpu_list(text)) == cpus


def test_isolated_and_tickless_and_offline_cpus_are_left_alone(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            f"{CPUS}/present": "0-7\n",
            f"{CPUS}/online": "0-5\n",
            f"{CPUS}/isolated": "2-3\n",
            f"{CPUS}/nohz_full": "3-4\n",
        },
    )
    assert cpuid.choose_cpus(look_at(tmp_path)) == ([0, 1, 5], {2, 3, 4, 6, 7})


def test_a_kernel_without_the_lists_has_cpu_0(tmp_path: Path) -> None:
    assert cpuid.choose_cpus(look_at(tmp_path)) == ([0], set())


def test_rows_come_from_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path, {f"{CPUS}/online": "0\n", "/dev/cpu/0/cpuid": b""})

    def read_at(_look: Look, _fd: int, size_bytes: int, offset: int) -> bytes:
        leaf, subleaf = offset & 0xFFFFFFFF, offset >> 32
        assert size_bytes == 16
        return struct.pack("<4I", 1 if leaf in (0, 4) else 0, leaf, subleaf, 0)

    monkeypatch.setattr(Look, "read_at", read_at)
    data, problems = gather(cpuid.gather, tmp_path)
    assert data["via"] == "/dev/cpu"
    assert data["cpus"][0]["rows"]["00000001.0"] == "00000000 00000001 00000000 00000000"
    assert problems == []


def test_the_instruction_serves_where_there_is_no_device(tmp_path: Path) -> None:
    write_tree(tmp_path, {f"{CPUS}/online": "0\n"})
    data, problems = gather(cpuid.gather, tmp_path)
    assert data["via"] == "instruction"
    assert "00000007.0" in data["cpus"][0]["rows"] or data["cpus"][0]["rows"]["00000000.0"] < "00000007"
    assert problems == []


def test_a_cpu_that_may_not_be_run_on_is_a_problem(tmp_path: Path) -> None:
    write_tree(tmp_path, {f"{CPUS}/online": "0,1000\n"})
    data, problems = gather(cpuid.gather, tmp_path)
    assert [cpu["cpu"] for cpu in data["cpus"]] == [0]
    assert [problem["what"] for problem in problems] == ["CPUID of CPU 1000"]


def test_both_ways_agree_on_this_machine() -> None:
    if not Path("/dev/cpu/0/cpuid").exists():
        pytest.skip("needs /dev/cpu/0/cpuid (modprobe cpuid)")
    problems = Problems()
    by_instruction = cpuid.run_child(Look(), [0], problems).rows[0]
    by_device = cpuid._rows_by_device(Look(), [0], problems)[0]
    assert by_instruction.keys() == by_device.keys()
    # Bits of the moment (APIC ids, OSXSAVE...) stand elsewhere.
    assert by_instruction[0, 0] == by_device[0, 0]
    assert by_instruction[7, 0] == by_device[7, 0]


def test_xcr0_is_read_by_the_instruction() -> None:
    problems = Problems()
    answer = cpuid.run_child(Look(), [0], problems)
    if answer.rows[0][1, 0][2] >> 27 & 1:
        assert answer.xcr0 is not None
        assert answer.xcr0 & 1


def test_a_child_that_dies_at_xgetbv_has_given_its_rows() -> None:
    line = json.dumps({"cpus": {"3": {"7.1": [1, 2, 3, 4]}}, "refused": {"4": "Invalid argument"}})
    answer = cpuid.parse_child_answer([line])
    assert answer == cpuid.ChildAnswer({3: {(7, 1): (1, 2, 3, 4)}}, {4: "Invalid argument"}, None)


def test_like_cpus_are_written_as_differences() -> None:
    first: Rows = {(leaf, 0): (leaf, 0, 0, 0) for leaf in range(10)}
    second = {**first, (1, 0): (9, 9, 9, 9), (11, 2): (1, 1, 1, 1)}
    del second[5, 0]
    other: Rows = {(leaf, 0): (7, 7, 7, 7) for leaf in range(10)}
    written = cpuid.compact({0: first, 1: second, 2: other})
    assert written[1] == {
        "cpu": 1,
        "like": 0,
        "rows": {
            "00000001.0": "00000009 00000009 00000009 00000009",
            "0000000b.2": "00000001 00000001 00000001 00000001",
        },
        "lacks": ["00000005.0"],
    }
    assert "like" not in written[2]
    assert len(written[2]["rows"]) == 10
