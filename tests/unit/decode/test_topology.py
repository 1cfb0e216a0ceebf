"""Cores, packages, and kinds of cores."""

from __future__ import annotations

from cpus import AUTHENTIC_AMD, ONES, Rows, apic_rows, cpu, row
from vcpuid.decode.topology import Topology, apic_id_of, decode_topology

HTT = 1 << 28


def shape(topology: Topology) -> list[tuple[str, int, int | None]]:
    return [tuple(domain) for domain in topology.domains]  # type: ignore[misc]  # a domain is such a triple


def test_leaf_0b() -> None:
    topology = decode_topology(cpu(apic_rows(5)))
    assert shape(topology) == [("core", 1, 2), ("package", 3, 8)]
    assert topology.ids(5) == {"core": 2, "package": 0}
    assert (topology.apic_id, topology.leaf) == (5, 0xB)


def test_leaf_1f_names_modules_and_dies() -> None:
    rows = {
        (0x1F, 0): row(1, 2, 0x100, 37),
        (0x1F, 1): row(3, 8, 0x201, 37),
        (0x1F, 2): row(4, 16, 0x302, 37),
        (0x1F, 3): row(5, 32, 0x503, 37),
        (0x1F, 4): row(0, 0, 4, 37),
    }
    topology = decode_topology(cpu({**apic_rows(37), **rows}))
    assert [domain.name for domain in topology.domains] == ["core", "module", "die", "package"]
    assert topology.ids(37) == {"core": 18, "module": 4, "die": 2, "package": 1}


def test_an_empty_leaf_1f_falls_back_to_0b() -> None:
    rows: Rows = {**apic_rows(3), (0x1F, 0): row(), (0x1F, 1): row()}
    assert decode_topology(cpu(rows)).leaf == 0xB
    assert apic_id_of(cpu(rows)) == 3


def test_an_empty_leaf_0b_falls_back_to_the_counts() -> None:
    rows = {(1, 0): row(0x10676, 2 << 24 | 4 << 16, 0, HTT), (4, 0): row(0x04000121), (0xB, 0): row(edx=9)}
    topology = decode_topology(cpu(rows))
    assert shape(topology) == [("core", 1, 2), ("package", 2, 4)]
    assert (topology.leaf, topology.apic_id) == (4, 2)


def test_hyper_threading_before_leaf_4() -> None:
    assert shape(decode_topology(cpu({(1, 0): row(0xF29, 2 << 16, 0, HTT)}))) == [
        ("core", 1, 2),
        ("package", 1, 2),
    ]


def test_without_htt_there_is_one_thread() -> None:
    assert shape(decode_topology(cpu({(1, 0): row(0x695, 255 << 16)}))) == [("core", 0, 1), ("package", 0, 1)]


def test_amds_counts() -> None:
    rows = {(1, 0): row(0x100F42, 4 << 16, 0, HTT), (0x80000008, 0): row(ecx=0x2003)}
    assert shape(decode_topology(cpu(rows, letters=AUTHENTIC_AMD))) == [("core", 0, 1), ("package", 2, 4)]


def test_amds_counts_with_threads() -> None:
    rows = {
        (1, 0): row(0x800F11, 16 << 16, 0, HTT),
        (0x80000001, 0): row(ecx=1 << 22),
        (0x80000008, 0): row(ecx=0x400F),
        (0x8000001E, 0): row(7, 0x103),
    }
    topology = decode_topology(cpu(rows, letters=AUTHENTIC_AMD))
    assert shape(topology) == [("core", 1, 2), ("package", 4, 16)]
    assert topology.apic_id == 7


def test_amds_own_levels() -> None:
    rows = {
        (0x80000026, 0): row(1, 2, 0x100, 11),
        (0x80000026, 1): row(4, 16, 0x201, 11),
        (0x80000026, 2): row(4, 16, 0x302, 11),
        (0x80000026, 3): row(7, 128, 0x403, 11),
        (0x80000026, 4): row(0, 0, 4, 11),
    }
    topology = decode_topology(cpu({**apic_rows(11), **rows}, letters=AUTHENTIC_AMD))
    assert [domain.name for domain in topology.domains] == ["core", "complex", "die", "package"]


def test_levels_without_a_name_yet() -> None:
    rows = {(0x1F, 0): row(1, 2, 0x100, 1), (0x1F, 1): row(2, 4, 0x901, 1)}
    assert [domain.name for domain in decode_topology(cpu(rows)).domains] == ["level 9", "package"]


def test_nothing_known() -> None:
    one = cpu({(0, 0): row()})
    assert decode_topology(one) == Topology(None, (), None)


def test_ones_everywhere() -> None:
    rows = {(leaf, subleaf): row(ONES, ONES, ONES, ONES) for leaf in (0xB, 0x1F) for subleaf in range(70)}
    assert len(decode_topology(cpu(rows)).domains) == 64
