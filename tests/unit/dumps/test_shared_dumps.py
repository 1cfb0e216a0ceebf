"""The collection of real dumps: no error, and no row lost by a count of its own."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from vcpuid.dumps import parse_dump

pytestmark = pytest.mark.shared_dumps
FOLDER = Path(os.environ.get("VCPUID_DUMPS", "."))
ROW = re.compile(rb"^CPUID[ \t]+([0-9A-Fa-f]{8})[ \t:]+[0-9A-Fa-f]{8}[- ][0-9A-Fa-f]{8}", re.MULTILINE)
MSR = re.compile(rb"^MSR ([0-9A-F]{8}): [0-9A-F]{4}-", re.MULTILINE)
PATHS = sorted(FOLDER.glob("*_CPUID*.txt"))


def test_the_folder_has_the_dumps() -> None:
    assert len(PATHS) > 100


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_no_row_is_lost(path: Path) -> None:
    raw = path.read_bytes()
    parsed = parse_dump(raw, path.name)
    leaves = [int(leaf, 16) for leaf in ROW.findall(raw)]
    cpus = parsed.dump.cpus
    assert sum(len(cpu.rows) for cpu in cpus) == len(leaves)
    assert len(cpus) == leaves.count(0)
    assert sorted(leaf for cpu in cpus for leaf, _ in cpu.rows) == sorted(leaves)
    assert [cpu.number for cpu in cpus] == list(range(len(cpus)))
    assert {msr for cpu in cpus for msr in cpu.msrs} == {int(msr, 16) for msr in MSR.findall(raw)}
    assert parsed.notes == ()
