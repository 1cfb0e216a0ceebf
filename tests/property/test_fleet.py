"""Laws of fleets: how hosts come in is of no matter, and a baseline is a part of each host."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from fleets import READER, content, fleet_rows, ingest
from plain_fleet import asked, looped, records
from vcpuid.fleet.baseline import find_baselines
from vcpuid.fleet.bitmap import DisjointIndex, unpack
from vcpuid.fleet.configuration import Configuration, EvidenceLayer
from vcpuid.fleet.record import HostRow
from vcpuid.fleet.sources import Portion, split_sources
from vcpuid.fleet.store import Store
from vcpuid.fleet.words import cpu_of, from_signed, kept_words, listed_words, to_signed
from vcpuid.terms.address import Word

VALUES = st.integers(0, 2**32 - 1)
ROWS = fleet_rows(40)
HOSTS = st.lists(records(), min_size=1, max_size=8)


@settings(max_examples=12, deadline=None)
@given(HOSTS, st.integers(0, 8), st.randoms(use_true_random=False))
def test_neither_order_nor_portions_nor_repetition_matter(hosts: list[HostRow], cut: int, random: Random) -> None:
    shuffled = list(hosts)
    random.shuffle(shuffled)
    with TemporaryDirectory() as folder:
        one, other = Store(Path(folder, "one")), Store(Path(folder, "other"))
        ingest(one, hosts)
        for part in (shuffled[:cut], shuffled[cut:], shuffled[:2]):
            if part:
                ingest(other, part)
        assert content(one) == content(other)


@settings(max_examples=25, deadline=None)
@given(HOSTS, HOSTS)
def test_a_store_answers_as_a_loop_over_its_hosts(before: list[HostRow], now: list[HostRow]) -> None:
    with TemporaryDirectory() as folder:
        store = Store(Path(folder, "store"))
        ingest(store, before, "2026-01-01")
        ingest(store, now, "2026-01-02")
        assert asked(store.fleet(), "2026-01-01") == looped(before, now)


@settings(max_examples=10, deadline=None)
@given(HOSTS)
def test_a_baseline_is_a_part_of_each_member(hosts: list[HostRow]) -> None:
    with TemporaryDirectory() as folder:
        store = Store(Path(folder, "store"))
        ingest(store, hosts)
        fleet = store.fleet()
        configurations = fleet.configurations()
        for answer in find_baselines(fleet, "zone"):
            bits = READER.models.bits_of(answer.baseline.start)
            for place, fp, _, host in fleet.groups("zone"):
                if place == answer.place:
                    assert not bits & ~configurations[fp].offer(READER, host).data.bits


@given(st.dictionaries(st.sampled_from(kept_words()), VALUES))
def test_a_fingerprint_follows_the_words_and_not_their_order(words: dict[Word, int]) -> None:
    one = Configuration({EvidenceLayer.KVM: words})
    turned = dict(reversed(list(words.items())))
    assert one.fingerprint == Configuration({EvidenceLayer.KVM: turned}).fingerprint
    assert one.fingerprint != Configuration({EvidenceLayer.CPUID: words}).fingerprint
    for word, value in words.items():
        changed = Configuration({EvidenceLayer.KVM: {**words, word: value ^ 1}})
        assert changed.fingerprint != one.fingerprint


@given(st.integers(0, 2**64 - 1))
def test_numbers_come_back_from_the_store(value: int) -> None:
    assert -(2**63) <= to_signed(value) < 2**63
    assert from_signed(to_signed(value)) == value


def test_words_come_back_from_a_cpu() -> None:
    for row in ROWS:
        words = row.configuration.layers[EvidenceLayer.KVM]
        assert {word: listed_words(cpu_of(words))[word] for word in words} == words


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b"", b" ", b"one", b"two" * 9]), max_size=12), st.booleans(), st.integers(1, 40))
def test_readers_of_portions_read_each_line_once_and_know_its_number(
    lines: list[bytes], is_ended: bool, lines_bytes: int
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "f.jsonl")
        path.write_bytes(b"\n".join(lines) + b"\n" * is_ended)
        portions, failed = split_sources([str(path)], lines_bytes)
        before = [0, *accumulate(portion.count_lines() for portion in portions)]
        numbered = [portion._replace(lines=count) for portion, count in zip(portions, before, strict=False)]
        found = [source for portion in numbered for source in portion.read()]
        assert not failed
        assert found == list(Portion(str(path)).read())


SETS = st.lists(st.tuples(st.integers(0, 2**70 - 1), st.integers(0, 2)), max_size=140)


@given(SETS, SETS)
def test_the_index_finds_what_has_no_bit_in_common(
    rows: list[tuple[int, int]], columns: list[tuple[int, int]]
) -> None:
    sets = [[bits for bits, _ in side] for side in (rows, columns)]
    kinds = [[kind for _, kind in side] for side in (rows, columns)]
    index = DisjointIndex(*sets, *kinds)
    found = unpack(index.whole(), len(columns)).tolist()
    assert found == [[kind == other and not bits & barred for barred, other in columns] for bits, kind in rows]
