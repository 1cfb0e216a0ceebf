"""Baselines of random hosts: libvirt's own, through virsh's mock driver, and ours with the same map."""

from __future__ import annotations

import os
import random
import re
import shutil
from pathlib import Path

import pytest
from tools.compare_libvirt import DUMPS, Writer, differences, our_baseline, read_hosts
from tools.virsh_session import Virsh

from programs import needs, needs_mount_namespace
from vcpuid.rules.libvirt.decode import Side
from vcpuid.rules.libvirt.map_reader import INSTALLED, read_map
from vcpuid.rules.libvirt.models import Models
from vcpuid.terms.guest import CpuMode

CASE_COUNT = 1500
SEEDS = (1, 2)

pytestmark = needs("virsh", package="libvirt-clients")


@pytest.fixture(scope="module")
def models() -> Models:
    return Models(read_map(INSTALLED))


def compare_with_libvirt(models: Models, folder: Path, seed: int, virsh: Virsh | None = None) -> None:
    cases = Writer(models, read_hosts(models, folder), seed, Side.HOST).cases(CASE_COUNT)
    ours = {case.number: our_baseline(models, case) for case in cases}
    found = [
        f"case {case.number}: {case.documents}\n ours:   {mine}\n theirs: {other}"
        for case, mine, other in differences(
            virsh or Virsh(), "cpu-baseline", cases, lambda case: ours[case.number]
        )
    ]
    assert found == []
    # What was compared: descriptions for the most part, and several kinds of refusals.
    described = [outcome for outcome in ours.values() if outcome[0] is CpuMode.CUSTOM]
    assert len(described) > CASE_COUNT / 2
    assert len({outcome[2] for outcome in described}) > 10
    assert len(set(ours.values()) - set(described)) >= 4


@pytest.mark.parametrize("seed", SEEDS)
def test_baselines_of_hosts_are_libvirts(models: Models, seed: int) -> None:
    compare_with_libvirt(models, DUMPS, seed)


@pytest.mark.shared_dumps
def test_baselines_of_many_hosts_are_libvirts(models: Models) -> None:
    compare_with_libvirt(models, Path(os.environ["VCPUID_DUMPS"]), 3)


@needs_mount_namespace()
def test_baselines_by_a_map_whose_features_share_bits_are_libvirts(tmp_path: Path) -> None:
    rng = random.Random(4)  # noqa: S311 -- chance that can be repeated

    def spoil(mask: re.Match[str]) -> str:
        value = int(mask[2], 16) | (1 << rng.randrange(32) if rng.randrange(6) == 0 else 0)
        return f"{mask[1]}='{value:#x}'"

    shutil.copytree(INSTALLED, tmp_path, dirs_exist_ok=True)
    features = tmp_path / "x86_features.xml"
    features.write_text(re.sub(r"\b(e[a-d]x)='(0x[0-9a-f]+)'", spoil, features.read_text("utf-8")), "utf-8")
    models = Models(read_map(tmp_path))
    assert not models.is_regular
    mount = f'mount --bind "{tmp_path}" {INSTALLED} && exec "$@"'
    compare_with_libvirt(models, DUMPS, 4, Virsh(prefix=("unshare", "--mount", "sh", "-c", mount, "sh")))
