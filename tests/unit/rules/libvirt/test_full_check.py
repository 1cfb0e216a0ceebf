"""What QEMU tells of unasked, and libvirt refuses in a definition that is to be complete."""

from __future__ import annotations

import pytest

from vcpuid.guest.libvirt import parse_cpu, parse_xml
from vcpuid.rules.libvirt.full_check import unforeseen
from vcpuid.terms.guest import GuestCpu

TWO_CORES = "<topology sockets='1' cores='2' threads='1'/>"


def cpu_of(more: str, check: str = "full") -> GuestCpu:
    text = f"<cpu mode='custom' match='exact' check='{check}'><model>Nehalem</model>{more}</cpu>"
    return parse_cpu(parse_xml(text, "g"), "g")


@pytest.mark.parametrize(
    ("cpu", "qemu", "names"),
    [
        (cpu_of(TWO_CORES), "10.0.13", ["ht"]),
        (cpu_of(TWO_CORES), "10.0", ["ht"]),
        (cpu_of(TWO_CORES), "9.2.4", []),
        (cpu_of(TWO_CORES), "", []),
        (cpu_of(TWO_CORES, "partial"), "10.0.13", []),
        (cpu_of(""), "10.0.13", []),
        (cpu_of("<topology sockets='2' cores='1' threads='1'/>"), "10.0.13", []),
        (cpu_of("<topology sockets='2' cores='1' threads='2'/>"), "10.0.13", ["ht"]),
        (cpu_of("<topology sockets='1' dies='2' cores='1' threads='1'/>"), "10.0.13", ["ht"]),
        (cpu_of(TWO_CORES + "<feature policy='require' name='ht'/>"), "10.0.13", []),
        (cpu_of(TWO_CORES + "<feature policy='disable' name='ht'/>"), "10.0.13", ["ht"]),
    ],
)
def test_ht_is_told_where_a_socket_has_several_cpus(cpu: GuestCpu, qemu: str, names: list[str]) -> None:
    assert [one.name for one in unforeseen(cpu, qemu)] == names


@pytest.mark.parametrize(
    ("libvirt", "is_refused"),
    [("9.0.0", True), ("11.3.0", True), ("11.3", True), ("11.4.0", False), ("12.8.0", False), ("", False)],
)
def test_a_refusal_is_sure_only_by_a_libvirt_that_was_seen_to_refuse(libvirt: str, is_refused: bool) -> None:
    (told,) = unforeseen(cpu_of(TWO_CORES), "10.0.13")
    assert told.is_refused_by(libvirt) is is_refused
