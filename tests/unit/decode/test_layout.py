"""How machines are built: by hand, and of real dumps."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpus import AUTHENTIC_AMD, Rows, apic_rows, cpu, dump, row
from vcpuid.decode.caches import Cache
from vcpuid.decode.layout import THREAD, Block, Layout, Remark, decode_layout, fold, shares_of
from vcpuid.decode.machine import decode_machine
from vcpuid.dumps import read_dump
from vcpuid.render.layout import layout_document
from vcpuid.terms.dump import Cpu, Dump

ROOT = Path(__file__).parents[2] / "dumps"
DUMPS = sorted(ROOT.glob("*.json"))
SHARED = sorted(Path(os.environ.get("VCPUID_DUMPS") or "/nonexistent").glob("*.txt"))
HYBRID: Rows = {(7, 0): row(edx=1 << 15)}
PERFORMANCE, EFFICIENCY = 0x40, 0x20


def caches(*told: tuple[int, int, int]) -> Rows:
    """Give leaf 4: caches by level, KiB and who may share them."""
    rows: Rows = {(4, len(told)): row()}
    for subleaf, (level, kib, shared_by) in enumerate(told):
        kind = 1 if level == 1 else 3
        rows[4, subleaf] = row(kind | level << 5 | shared_by - 1 << 14, 0x01C0003F, kib * 2 - 1)
    return rows


def layout_of(*cpus: Cpu) -> Layout:
    return decode_layout(decode_machine(dump(*cpus)))


def in_short(blocks: Iterable[Block]) -> list[str]:
    """Write a layout as lines: how many of what with which caches, what is in them after a blank."""
    lines = []
    for block in blocks:
        name = "/".join(block.parts) or "sharing"
        held = "".join(f" L{cache.level}" for cache in block.caches)
        kind = f" {block.core_kind}" if block.core_kind and block.parts != (THREAD,) else ""
        times = "?" if block.times is None else block.times
        lines.append(f"{times} {name}{kind} of {block.threads}{held}")
        lines += [f" {line}" for line in in_short(block.blocks)]
    return lines


def threads_of(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        if block.parts == (THREAD,):
            yield block
        yield from threads_of(block.blocks)


def machine_of(*apic_ids: int, more: Rows | None = None) -> list[Cpu]:
    return [cpu({**apic_rows(number), **(more or {})}, number=place) for place, number in enumerate(apic_ids)]


def test_two_packages_of_two_cores() -> None:
    own = caches((1, 32, 2), (2, 256, 2), (3, 8192, 16))
    layout = layout_of(*machine_of(0, 1, 2, 3, 16, 17, 18, 19, more=own))
    assert in_short(fold(layout.blocks, 1)) == [
        "2 package of 4 L3",
        " 2 core of 2 L1 L2",
        "  2 thread of 1",
    ]
    assert layout.remarks == (Remark.FEWER,)
    assert [block.cpus for block in layout.blocks] == [(0, 1, 2, 3), (4, 5, 6, 7)]
    assert [(share.cache.level, share.instances, share.threads) for share in shares_of(layout)] == [
        (1, 4, (2, 2)),
        (2, 4, (2, 2)),
        (3, 2, (4, 4)),
    ]


def test_cores_that_share_a_cache_are_together_though_no_leaf_names_them() -> None:
    layout = layout_of(*machine_of(*range(8), more=caches((1, 32, 2), (3, 4096, 4))))
    assert in_short(fold(layout.blocks, 1)) == [
        "1 package of 8",
        " 2 sharing of 4 L3",
        "  2 core of 2 L1",
        "   2 thread of 1",
    ]
    assert not layout.remarks


def test_parts_that_hold_the_same_cpus_are_one_and_a_core_stays_in_its_package() -> None:
    levels: Rows = {
        (0x80000026, 0): row(0, 1, 0x100),
        (0x80000026, 1): row(1, 2, 0x201),
        (0x80000026, 2): row(1, 2, 0x302),
        (0x80000026, 3): row(1, 2, 0x403),
    }
    two = [
        cpu({(1, 0): row(0, n << 24, 0, 1 << 28), (0x8000001E, 0): row(n, 1), **levels}, number=n) for n in (0, 1)
    ]
    layout = layout_of(*(Cpu(one.number, {**one.rows, (0, 0): (1, *AUTHENTIC_AMD)}) for one in two))
    assert in_short(layout.blocks) == [
        "1 package/die/complex of 2",
        " 1 core of 1",
        "  1 thread of 1",
        " 1 core of 1",
        "  1 thread of 1",
    ]


def hybrid(kind: int, apic_id: int, own: Rows, number: int) -> Cpu:
    return cpu({**apic_rows(apic_id), **HYBRID, (0x1A, 0): row(kind << 24), **own}, number=number)


def test_a_hybrid_with_cores_that_do_not_reach_the_l3() -> None:
    big = caches((1, 48, 2), (2, 2048, 2), (3, 12288, 8))
    small = caches((1, 32, 1), (2, 4096, 4))
    cpus = [
        hybrid(PERFORMANCE, 0, big, 0),
        hybrid(PERFORMANCE, 1, big, 1),
        hybrid(EFFICIENCY, 4, small, 2),
        hybrid(EFFICIENCY, 6, small, 3),
    ]
    assert in_short(layout_of(*cpus).blocks) == [
        "1 package of 4",
        " 1 core performance of 2 L1 L2 L3",
        "  1 thread of 1",
        "  1 thread of 1",
        " 1 sharing low-power efficiency of 2 L2",
        "  1 core low-power efficiency of 1 L1",
        "   1 thread of 1",
        "  1 core low-power efficiency of 1 L1",
        "   1 thread of 1",
    ]


def test_one_cpu_tells_of_those_beside_it() -> None:
    layout = layout_of(cpu({**apic_rows(5, cores=8), **caches((1, 32, 2), (2, 1024, 4), (3, 8192, 64))}, number=7))
    assert layout.is_computed
    assert layout.remarks == (Remark.ONE_CPU,)
    assert in_short(layout.blocks) == [
        "? package of 16 L3",
        " 4 sharing of 4 L2",
        "  2 core of 2 L1",
        "   2 thread of 1",
    ]
    assert [share.instances for share in shares_of(layout)] == [8, 4, 1]


def test_a_cpu_that_claims_siblings_and_counts_none_is_alone() -> None:
    layout = layout_of(cpu({(1, 0): row(0x506E3, 0, 0, 1 << 28)}))
    assert in_short(layout.blocks) == ["? package of 1", " 1 core of 1", "  1 thread of 1"]


def test_one_cpu_of_a_hybrid_tells_of_its_own_core_alone() -> None:
    layout = layout_of(hybrid(PERFORMANCE, 0, caches((1, 48, 2), (3, 12288, 16)), 0))
    assert layout.remarks == (Remark.ONE_CPU, Remark.OTHER_CORES)
    assert in_short(layout.blocks) == ["? package of 8 L3", " ? core performance of 2 L1", "  2 thread of 1"]
    assert [share.instances for share in shares_of(layout)] == [None, 1]


def test_a_package_of_one_cpu_has_nothing_computed() -> None:
    layout = layout_of(cpu({(1, 0): row(0x543), (2, 0): row(0x66_5B_51_01), (4, 0): row()}))
    assert not layout.is_computed
    assert layout.remarks == (Remark.ONE_CPU,)
    assert in_short(layout.blocks) == ["? package of 1", " 1 core of 1 L1", "  1 thread of 1"]


def test_cpus_that_are_not_told_apart_are_drawn_as_the_first_says() -> None:
    layout = layout_of(*(cpu(apic_rows(0), number=number) for number in range(3)))
    assert layout.remarks == (Remark.NOT_APART,)
    assert in_short(layout.blocks) == ["? package of 8", " 4 core of 2", "  2 thread of 1"]


def test_caches_of_which_is_not_told_who_shares_them() -> None:
    layout = layout_of(*machine_of(*range(8), more={(2, 0): row(0x66_5B_51_01), (4, 0): row()}))
    assert layout.remarks == (Remark.UNPLACED,)
    assert [cache.level for cache in layout.unplaced] == [1]
    assert [share.instances for share in shares_of(layout)] == [None]


def test_a_cache_that_goes_across_cores_is_not_placed() -> None:
    """What only broken tables of a hypervisor say: half of one core shares with half of another."""
    one, other = caches((2, 512, 4)), caches((2, 256, 4))
    cpus = [hybrid(PERFORMANCE if n % 2 else EFFICIENCY, n, one if n % 2 else other, n) for n in range(4)]
    layout = layout_of(*cpus)
    assert Remark.UNPLACED in layout.remarks
    assert [cache.size_bytes for cache in layout.unplaced] == [256 << 10, 512 << 10]
    assert sorted(block.cpus[0] for block in threads_of(layout.blocks)) == [0, 1, 2, 3]


def test_nothing_told() -> None:
    assert layout_of() == layout_of(Cpu(0, {})) == Layout((), (), None, ())


def test_folding_leaves_what_is_unlike() -> None:
    unlike = machine_of(0, 1, 2, 3, 4, 6)
    assert in_short(fold(layout_of(*unlike).blocks, 1)) == [
        "1 package of 6",
        " 2 core of 2",
        "  2 thread of 1",
        " 2 core of 1",
        "  1 thread of 1",
    ]
    whole = layout_of(*unlike).blocks
    assert fold(whole, 2) == whole


def check(one: Dump) -> None:
    machine = decode_machine(one)
    layout = decode_layout(machine)
    if layout.remarks[:1] not in [(Remark.ONE_CPU,), (Remark.NOT_APART,)]:
        drawn = [number for block in threads_of(layout.blocks) for number in block.cpus]
        assert sorted(drawn) == sorted(cpu.number for cpu in one.cpus)
        counted: Counter[tuple[int, str, int]] = Counter()
        for cache, instances, _ in shares_of(layout):
            counted[cache.level, cache.kind, cache.size_bytes] += instances or 0
        assert +counted == {(*total[:3],): total.instances for total in machine.cache_totals}
    check_blocks(layout.blocks)
    folded = fold(layout.blocks, 1)
    check_blocks(folded)
    assert [_sum(folded), _caches(folded)] == [_sum(layout.blocks), _caches(layout.blocks)]


def check_blocks(blocks: Iterable[Block]) -> None:
    for block in blocks:
        if block.blocks and None not in [inner.times for inner in block.blocks]:
            assert _sum(block.blocks) == block.threads
        check_blocks(block.blocks)


def _sum(blocks: Iterable[Block]) -> int:
    return sum(block.threads * (block.times or 1) for block in blocks)


def _caches(blocks: Iterable[Block], times: int = 1) -> Counter[Cache]:
    count: Counter[Cache] = Counter()
    for block in blocks:
        each = times * (block.times or 1)
        count.update(dict.fromkeys(block.caches, each))
        count += _caches(block.blocks, each)
    return count


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_a_small_dump(path: Path) -> None:
    check(read_dump(path))


@pytest.mark.shared_dumps
@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_a_shared_dump(path: Path) -> None:
    check(read_dump(path))


levels = st.lists(st.tuples(st.integers(0, 31), st.integers(0, 70), st.integers(0, 6)), max_size=4)
told_caches = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 64), st.integers(1, 64)), max_size=3)
some_cpus = st.lists(st.tuples(st.integers(0, 40), levels, told_caches), max_size=6)


@given(some_cpus)
def test_any_tables_make_a_layout_with_every_cpu_once(told: list[tuple[int, list, list]]) -> None:  # type: ignore[type-arg]
    cpus = []
    for number, (apic_id, domains, own) in enumerate(told):
        rows: Rows = {(1, 0): row(0x506E3, apic_id << 24 | 4 << 16, 0, 1 << 28), **caches(*own)}
        for subleaf, (shift, count, kind) in enumerate(domains):
            rows[0x1F, subleaf] = row(shift, count, kind << 8, apic_id)
        cpus.append(cpu(rows, number=number))
    machine = decode_machine(dump(*cpus))
    layout = decode_layout(machine)
    if machine.counts and len(cpus) > 1:
        drawn = [number for block in threads_of(layout.blocks) for number in block.cpus]
        assert sorted(drawn) == list(range(len(cpus)))
        assert _sum(fold(layout.blocks, 0)) == len(cpus)
    layout_document(machine)
