"""Caches and TLBs, by each of the leaves that tell them."""

from __future__ import annotations

import pytest

from cpus import AUTHENTIC_AMD, CENTAUR_HAULS, ONES, Rows, cpu, row
from vcpuid.decode.caches import Cache, TraceCache, decode_caches, decode_trace_cache
from vcpuid.decode.descriptors import decode_descriptors
from vcpuid.decode.tlbs import decode_tlbs
from vcpuid.terms.dump import MissingRow

L1_DATA = row(0x1C004121, 0x01C0003F, 0x3F, 0)  # Skylake: 32 KiB, 8-way, 64 sets
L3 = row(0x1C03C163, 0x03C0003F, 0x1FFF, 6)  # 8 MiB, 16-way, inclusive
TOPOEXT = {(0x80000001, 0): row(ecx=1 << 22)}


def figures(caches: tuple[Cache, ...]) -> list[tuple[int, str, int, int | None]]:
    return [(cache.level, cache.kind, cache.size_bytes >> 10, cache.ways) for cache in caches]


def test_leaf_4() -> None:
    first, last = decode_caches(cpu({(4, 0): L1_DATA, (4, 1): L3, (4, 2): row()}))
    assert (first.size_bytes, first.ways, first.sets, first.line_bytes, first.shared_by) == (32768, 8, 64, 64, 2)
    assert (last.level, last.kind, last.size_bytes, last.shared_by) == (3, "unified", 8 << 20, 16)
    assert (first.is_inclusive, last.is_inclusive) == (False, True)


def test_type_0_ends_leaf_4() -> None:
    assert len(decode_caches(cpu({(4, 0): L1_DATA, (4, 1): row(), (4, 2): L3}))) == 1


def test_older_leaves_tell_what_a_list_without_its_end_does_not() -> None:
    tulsa: Rows = {(2, 0): row(0x605B5001, 0, 0, 0x007C704A), (4, 0): row(0x04004121, 0x01C0003F, 0x1F)}
    one = cpu(tulsa, missing=MissingRow.UNKNOWN)
    assert figures(decode_caches(one)) == [(1, "data", 16, 8), (2, "unified", 1024, 8), (3, "unified", 6144, 12)]
    assert [cache.leaf for cache in decode_caches(one)] == [4, 2, 2]
    ended = cpu({**tulsa, (4, 1): row()}, missing=MissingRow.UNKNOWN)
    assert figures(decode_caches(ended)) == [(1, "data", 16, 8)]
    assert figures(decode_caches(cpu(tulsa))) == [(1, "data", 16, 8)]  # a missing row means the end


def test_lowest_level_first_whatever_the_order_of_descriptors() -> None:
    one = cpu({(1, 0): row(0x673), (2, 0): row(0x03020101, 0, 0, 0x0C040843)})
    assert [(cache.level, cache.kind) for cache in decode_caches(one)] == [
        (1, "data"),
        (1, "instruction"),
        (2, "unified"),
    ]


def test_endless_leaf_4_ends() -> None:
    assert len(decode_caches(cpu({(4, subleaf): L1_DATA for subleaf in range(1000)}))) == 64


@pytest.mark.parametrize(("rows", "count"), [(TOPOEXT, 1), ({}, 0)])
def test_amds_leaf_counts_with_the_topology_extensions_only(rows: Rows, count: int) -> None:
    one = cpu({**rows, (0x8000001D, 0): L1_DATA}, letters=AUTHENTIC_AMD)
    assert len(decode_caches(one)) == count


def test_fully_associative_has_no_ways() -> None:
    (cache,) = decode_caches(cpu({(4, 0): row(0x221, 0x03C0003F, 0)}))
    assert (cache.is_fully_associative, cache.ways) == (True, None)


def test_descriptors_of_a_pentium_4() -> None:
    one = cpu({(1, 0): row(0xF29), (2, 0): row(0x665B5101, 0, 0, 0x007B7040)})
    assert figures(decode_caches(one)) == [(1, "data", 8, 4), (2, "unified", 512, 8)]
    assert decode_trace_cache(one) == TraceCache(12288, 8)
    assert {tlb.kind for tlb in decode_tlbs(one)} == {"instruction", "data"}
    assert [told.byte for told in decode_descriptors(one)][:3] == [0x51, 0x5B, 0x66]


def test_most_cpus_have_no_trace_cache() -> None:
    assert decode_trace_cache(cpu({(4, 0): L1_DATA})) is None


def test_the_two_levels_of_a_core_2_are_counted_from_1() -> None:
    one = cpu({(1, 0): row(0x6F2), (2, 0): row(0x05B0B101, 0x005657F0, 0, 0x2CB43049)})
    data = [(tlb.level, tlb.entries, tlb.pages) for tlb in decode_tlbs(one) if tlb.kind == "data"]
    assert sorted(data) == [(1, 16, ("4 KiB",)), (1, 16, ("4 MiB",)), (2, 32, ("4 MiB",)), (2, 256, ("4 KiB",))]


def test_a_register_with_bit_31_has_no_descriptors() -> None:
    assert decode_descriptors(cpu({(2, 0): row(0x01, 0x80665B51, 0, 0x7B)})) != ()
    assert [told.byte for told in decode_descriptors(cpu({(2, 0): row(1, 0x80665B51, 0, 0x7B)}))] == [0x7B]


def test_ff_refers_to_leaf_4() -> None:
    assert decode_descriptors(cpu({(2, 0): row(0x00FEFF01)}))[0].byte == 0xFE
    assert decode_caches(cpu({(2, 0): row(0x0000FF01)})) == ()


def test_amds_size_leaves() -> None:
    rows = {
        (0x80000005, 0): row(0xFF08FF08, 0xFF20FF10, 0x40020140, 0x40020140),
        (0x80000006, 0): row(0, 0, 0x02008140),
    }
    one = cpu(rows, letters=AUTHENTIC_AMD)
    assert figures(decode_caches(one)) == [(1, "data", 64, 2), (1, "instruction", 64, 2), (2, "unified", 512, 16)]
    assert [(tlb.kind, tlb.entries, tlb.is_fully_associative) for tlb in decode_tlbs(one)] == [
        ("instruction", 8, True),
        ("data", 8, True),
        ("instruction", 16, True),
        ("data", 32, True),
    ]


def test_amds_l3_is_counted_in_halves_of_a_mib() -> None:
    one = cpu({(0x80000006, 0): row(edx=0x04009140 & ~0xF000 | 0x8000)}, letters=AUTHENTIC_AMD)
    assert figures(decode_caches(one)) == [(3, "unified", 256 * 512, 16)]


def test_amds_tlbs_for_pages_of_a_gib() -> None:
    one = cpu({(0x80000019, 0): row(0xF040F040, 0x40200000)}, letters=AUTHENTIC_AMD)
    assert [(tlb.level, tlb.kind, tlb.pages, tlb.entries) for tlb in decode_tlbs(one)] == [
        (1, "instruction", ("1 GiB",), 64),
        (1, "data", ("1 GiB",), 64),
        (2, "data", ("1 GiB",), 32),
    ]


def test_intels_leaf_80000005_is_reserved() -> None:
    assert decode_caches(cpu({(0x80000005, 0): row(ecx=0x40020140)})) == ()


@pytest.mark.parametrize(
    ("signature", "ecx", "kib", "ways"),
    [(0x689, 0x40040120, 64, 4), (0x692, 0x00400120, 64, None), (0x694, 0x00408120, 64, 16)],
    ids=["as an L1", "without ways", "as others"],
)
def test_the_l2_of_vias_c3(signature: int, ecx: int, kib: int, ways: int | None) -> None:
    one = cpu({(1, 0): row(signature), (0x80000006, 0): row(ecx=ecx)}, letters=CENTAUR_HAULS)
    assert figures(decode_caches(one)) == [(2, "unified", kib, ways)]


def test_second_level_sizes_may_count_in_units_of_32() -> None:
    told = {(0x80000006, 0): row(0, 0x80408040), (0x80000021, 0): row(1 << 14)}
    one = cpu({(0x80000000, 0): row(0x80000021), **told}, letters=AUTHENTIC_AMD)
    assert {tlb.entries for tlb in decode_tlbs(one)} == {2048}


def test_deterministic_tlbs() -> None:
    rows = {
        (0x18, 0): row(2),
        (0x18, 1): row(0, 0x0008_0001, 0x20, 0x4022),
        (0x18, 2): row(0, 0x0010_000F, 1, 0x0125),
        (0x18, 3): row(0, 0x0008_0001, 0x20, 0x4022),
    }
    first, second = decode_tlbs(cpu(rows))
    assert (first.level, first.kind, first.entries, first.ways, first.shared_by) == (1, "instruction", 256, 8, 2)
    assert (second.kind, second.entries, second.is_fully_associative, len(second.pages)) == ("store", 16, True, 4)


def test_ones_everywhere() -> None:
    rows = {(leaf, subleaf): row(ONES, ONES, ONES, ONES) for leaf in (2, 4, 0x18) for subleaf in range(70)}
    assert decode_caches(cpu(rows)) == ()
    assert decode_tlbs(cpu(rows)) == ()
