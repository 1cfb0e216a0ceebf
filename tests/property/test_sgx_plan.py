"""Laws of the plan of enclave memory."""

from __future__ import annotations

from itertools import product
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sgx_hosts import MIB, process, sgx_host
from vcpuid.answers.sgx.packing import Packing, pack
from vcpuid.answers.sgx.plan import Request, make_plan, parse_request
from vcpuid.errors import UsageError

SIZES = st.lists(st.integers(1, 12), max_size=7)
NODES = st.dictionaries(st.integers(0, 7), st.integers(0, 20), max_size=4)
FEW = st.lists(st.integers(1, 9), max_size=5)
FEW_NODES = st.dictionaries(st.integers(0, 3), st.integers(0, 14), min_size=1, max_size=3)
REQUESTS = st.lists(
    st.builds(Request, st.uuids().map(str), st.integers(1, 400 * MIB), st.integers(1, 4)), min_size=1, max_size=5
)


def given_away(packing: Packing) -> dict[int, int]:
    sums: dict[int, int] = {}
    for parts in packing.parts:
        for node, size in parts:
            sums[node] = sums.get(node, 0) + size
    return sums


def placed(packing: Packing) -> int:
    return sum(bool(parts) for parts in packing.parts)


@given(SIZES, NODES, st.booleans())
def test_no_node_gives_more_than_it_has_and_totals_add_up(
    sizes: list[int], free: dict[int, int], one: bool
) -> None:
    packing = pack(sizes, free, one_node=one)
    sums = given_away(packing)
    assert all(free[node] - sums.get(node, 0) == packing.left[node] >= 0 for node in free)
    assert set(packing.left) == set(free) >= set(sums)


@given(SIZES, NODES, st.booleans())
def test_each_guest_gets_its_size_or_nothing(sizes: list[int], free: dict[int, int], one: bool) -> None:
    for size, parts in zip(sizes, pack(sizes, free, one_node=one).parts, strict=True):
        assert not parts or sum(part for _, part in parts) == size
        assert all(part > 0 for _, part in parts)
        assert len({node for node, _ in parts}) == len(parts) <= (1 if one else len(free))


@given(SIZES, NODES, st.booleans(), st.randoms())
def test_the_order_of_guests_loses_no_fit(
    sizes: list[int], free: dict[int, int], one: bool, random: Random
) -> None:
    shuffled = sorted(sizes)
    random.shuffle(shuffled)
    assert placed(pack(sizes, free, one_node=one)) == placed(pack(shuffled, free, one_node=one))


@given(SIZES, NODES)
def test_what_fits_by_its_sum_fits(sizes: list[int], free: dict[int, int]) -> None:
    if sum(sizes) <= sum(free.values()):
        assert placed(pack(sizes, free)) == len(sizes)


@given(FEW, FEW_NODES)
def test_a_packing_on_single_nodes_is_found_where_there_is_one(sizes: list[int], free: dict[int, int]) -> None:
    def fits(choice: tuple[int, ...]) -> bool:
        return all(
            sum(size for size, node in zip(sizes, choice, strict=True) if node == number) <= free[number]
            for number in free
        )

    there_is = any(fits(choice) for choice in product(free, repeat=len(sizes)))
    assert (placed(pack(sizes, free, one_node=True)) == len(sizes)) is there_is
    if there_is:
        assert all(len(parts) == 1 for parts in pack(sizes, free).parts)


@given(FEW, FEW_NODES)
def test_the_small_come_before_the_large(sizes: list[int], free: dict[int, int]) -> None:
    parts = pack(sizes, free).parts
    inside = [size for size, own in zip(sizes, parts, strict=True) if own]
    outside = [size for size, own in zip(sizes, parts, strict=True) if not own]
    assert max(inside, default=0) <= min(outside, default=99)


@given(REQUESTS, st.integers(0, 40 * MIB), st.booleans())
def test_a_plan_gives_no_more_than_is_free(requests: list[Request], reserved: int, one: bool) -> None:
    plan = make_plan(sgx_host("ready"), requests, reserved_bytes=reserved, one_node=one)
    for node in plan.memory.nodes:
        taken = sum(
            size
            for outcome in plan.outcomes
            for guest in outcome.placed
            for number, size in guest.parts
            if number == node.number
        )
        assert taken <= max(node.free_bytes - reserved, 0)
        assert plan.left[node.number] + taken <= max(node.free_bytes - reserved, 0)
    for outcome in plan.outcomes:
        assert len(outcome.placed) <= min(outcome.request.copies, outcome.alone)
        assert bool(outcome.why) is (len(outcome.placed) < outcome.request.copies)
        assert outcome.size_bytes % plan.granule_bytes == 0
        assert 0 <= outcome.size_bytes - outcome.request.size_bytes < plan.granule_bytes


@given(st.lists(st.tuples(st.integers(1, 200), st.sampled_from(("0", "1", "0-1", None))), max_size=4))
def test_memory_that_guests_have_is_never_given_again(uses: list[tuple[int, str | None]]) -> None:
    objects = [
        f"memory-backend-epc,id=m{number},size={size}M" + (f",host-nodes={nodes}" if nodes else "")
        for number, (size, nodes) in enumerate(uses)
    ]
    host = sgx_host("ready", processes={"processes": [process(9, "guest", *objects)]})
    plan = make_plan(host, [Request("all", 2 * MIB, 200)])
    given_bytes = sum(outcome.size_bytes * len(outcome.placed) for outcome in plan.outcomes)
    assert given_bytes <= max(376 * MIB - sum(size for size, _ in uses) * MIB, 0)


@given(st.text(max_size=20))
def test_any_text_for_a_size_is_read_or_refused(text: str) -> None:
    try:
        request = parse_request(text)
    except UsageError:
        return
    assert request.size_bytes > 0
