"""libvirt itself writes the -cpu that we write for a domain's XML."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
from tools.compare_domains import DIFFERENCES, ask, compare, run
from tools.table_file import read_rows
from tools.tally import Explanations
from tools.virsh_session import SYSTEM_URI, Virsh

from programs import needs, needs_libvirt, version_of_libvirt
from vcpuid.rules.libvirt.map_reader import read_map

DOMAIN = """<domain type='qemu'><name>vcpuid-compare</name><memory unit='MiB'>256</memory><vcpu>4</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><features>{}</features>
<cpu mode='custom' match='exact' check='none'><model>qemu64</model>{}</cpu></domain>"""
# One domain for each row of differences, so that no row outlives its reason: what it has in <features> and <cpu>.
EXPLAINED = {
    "optional": ("", "<feature policy='optional' name='avx512-4fmaps'/>"),
    "limit": ("", "<maxphysaddr mode='passthrough' limit='39'/>"),
    "no name": ("", "<feature policy='require' name='cvt16'/>"),
    "one bit of two": ("", "<feature policy='require' name='vmx-invept-single-context'/>"),
    "clusters": ("", "<topology sockets='1' dies='1' cores='4' threads='1'/>"),
    "Hyper-V passthrough": ("<hyperv mode='passthrough'><relaxed state='on'/></hyperv>", ""),
}


def shown_here() -> set[str]:
    """Give the rows that the installed libvirt shows: those of the newest that was measured and is no newer."""
    rows = read_rows(DIFFERENCES)
    measured = {version for row in rows for version in row["versions"].split()}
    own = max(
        (version for version in measured if numbers(version) <= version_of_libvirt()), key=numbers, default="9.0"
    )
    return {row["name"] for row in rows if own in row["versions"].split()}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _is_kvm_open() -> bool:
    # Where QEMU's user may not open it, libvirt probes QEMU anew for each question, for many seconds.
    path = Path("/dev/kvm")
    return not path.exists() or bool(path.stat().st_mode & stat.S_IROTH and path.stat().st_mode & stat.S_IWOTH)


pytestmark = [
    needs("qemu-system-x86_64", package="qemu-system-x86"),
    needs_libvirt(),
    pytest.mark.skipif(
        shutil.which("virsh") is not None and not _is_kvm_open(), reason="needs /dev/kvm open to all (chmod 0666)"
    ),
]


def test_random_domains() -> None:
    tally = run(60, seed=2026)
    assert not tally.unexplained, "\n".join(tally.unexplained)
    assert tally.counts["the same"] > 10  # a newer libvirt writes clusters=1, and less of Hyper-V


@pytest.mark.parametrize("name", EXPLAINED)
def test_an_explained_difference_is_one(name: str) -> None:
    known = Explanations.load(DIFFERENCES)
    xml, virsh = DOMAIN.format(*EXPLAINED[name]), Virsh(SYSTEM_URI)
    (answer,) = ask(virsh, [xml])
    differences = compare(xml, answer, read_map(virsh.map))
    found = {known.find(xml, difference) for difference in differences}
    if name in shown_here():
        assert found == {name}
    else:
        assert found == set() or answer.error  # a name that this libvirt does not know


def test_every_explanation_is_shown() -> None:
    assert {row["name"] for row in read_rows(DIFFERENCES)} == {*EXPLAINED}
