"""The matrix of a fleet, against `compare` of each pair."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.fleet_matrix import count_differences, make, make_hosts, make_offers

from fleets import DUMPS, READER, fleet_rows, ingest
from snapshots import domain_capabilities
from vcpuid.answers.compare import Comparer, Compatibility, compare
from vcpuid.answers.party import read_parties
from vcpuid.errors import UsageError
from vcpuid.fleet.configuration import Configuration, EvidenceLayer, configuration_of
from vcpuid.fleet.engine.duckdb import DuckDb
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.matrix import Matrix, compare_hosts, make_matrix, matrix_of
from vcpuid.fleet.matrix_file import write_matrix
from vcpuid.fleet.store import Store
from vcpuid.rules.libvirt.shipped import shipped_map

ROWS = fleet_rows()
HOST_MODELS = {
    "haswell": "<model>Haswell</model><vendor>Intel</vendor><feature policy='require' name='ss'/>",
    "smaller": "<model>Haswell-noTSX</model><vendor>Intel</vendor>",
    "skylake": "<model>Skylake-Client-IBRS</model><vendor>Intel</vendor>",
    "epyc": "<model>EPYC</model><vendor>AMD</vendor>",
}


def mixed() -> list[Configuration]:
    """Give configurations of every basis, some with features that the map has no name for."""
    found = [row.configuration for row in ROWS]
    found += [
        Configuration({EvidenceLayer.CPUID: one.layers[EvidenceLayer.CPUID]}, one.vendor)
        for one in found
        if EvidenceLayer.CPUID in one.layers
    ]
    for name, model in HOST_MODELS.items():
        (party,) = read_parties(domain_capabilities(model)["xml"].encode(), name)
        found.append(configuration_of(party, READER))
        own = found[-1]
        for unnamed in (("x",), ("x", "y")):
            found.append(
                Configuration(own.layers, own.vendor, own.model, own.definition, own.named_models, unnamed)
            )
    return list({one.fingerprint: one for one in found}.values())


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    members = [(one.fingerprint, 1, one.offer(READER, f"h{number}")) for number, one in enumerate(mixed())]
    return matrix_of("2026-01-02", READER, members)


@pytest.fixture(scope="module")
def expected(matrix: Matrix) -> list[list[Compatibility]]:
    comparer = Comparer(READER)
    return [
        [comparer.host_way(source, target).compatibility for target in matrix.offers] for source in matrix.offers
    ]


def test_each_pair_has_the_answer_of_compare(matrix: Matrix, expected: list[list[Compatibility]]) -> None:
    assert READER.models.is_regular  # a feature is a bit: so the index may judge bits
    assert [list(matrix.answers(place)) for place in range(len(matrix.kinds))] == expected
    assert {state for row in expected for state in row} == set(Compatibility)


def test_the_sum_is_that_of_the_pairs(matrix: Matrix, expected: list[list[Compatibility]]) -> None:
    found, places = matrix.sum_up(), range(len(expected))
    may = [[state is not Compatibility.INCOMPATIBLE for state in row] for row in expected]
    for state in Compatibility:
        assert found.pairs[state] == sum(expected[a][b] is state for a in places for b in places if a != b)
    assert found.sends_to.tolist() == [sum(row) - 1 for row in may]
    assert found.receives_from.tolist() == [sum(row[place] for row in may) - 1 for place in places]
    assert found.both_ways == sum(may[a][b] and may[b][a] for a in places for b in range(a))
    assert found.one_way == sum(may[a][b] != may[b][a] for a in places for b in range(a))


def test_islands_part_the_kinds_and_exchange_freely(matrix: Matrix, expected: list[list[Compatibility]]) -> None:
    islands = matrix.sum_up().islands
    assert sorted(place for island in islands for place in island) == list(range(len(matrix.kinds)))
    for island in islands:
        assert all(expected[a][b] is not Compatibility.INCOMPATIBLE for a in island for b in island)
    assert len(islands) < len(matrix.kinds)


def test_shares_count_the_pairs_of_models(matrix: Matrix, expected: list[list[Compatibility]]) -> None:
    groups = matrix.groups
    shares = matrix.shares(groups)
    assert len({group.model for group in groups}) == len(groups)
    for row, one in enumerate(groups):
        for column, other in enumerate(groups):
            answers = [
                expected[a][b]
                for a in range(one.start, one.stop)
                for b in range(other.start, other.stop)
                if a != b
            ]
            assert shares.pairs[row, column] == len(answers)
            assert shares.compatible[row, column] == answers.count(Compatibility.COMPATIBLE)
            assert shares.possible[row, column] == len(answers) - answers.count(Compatibility.INCOMPATIBLE)


def test_an_example_is_the_worst_of_the_pairs_of_models(
    matrix: Matrix, expected: list[list[Compatibility]]
) -> None:
    badness = (Compatibility.INCOMPATIBLE, Compatibility.UNKNOWN, Compatibility.COMPATIBLE)
    groups = matrix.groups
    for one, examples in zip(groups, matrix.examples(groups), strict=True):
        for other, example in zip(groups, examples, strict=True):
            pairs = [(a, b) for a in range(one.start, one.stop) for b in range(other.start, other.stop) if a != b]
            if not pairs:
                assert example is None
                continue
            assert example in pairs
            worst = min((expected[a][b] for a, b in pairs), key=badness.index)
            assert expected[example[0]][example[1]] is worst


def test_a_fleet_has_each_configuration_once(fleet: Fleet) -> None:
    kinds = make_matrix(fleet).kinds
    assert sorted(kind.fp for kind in kinds) == sorted({row.configuration.fingerprint for row in ROWS})
    assert sum(kind.hosts for kind in kinds) == len(ROWS)


def test_one_pair_is_judged_as_compare_does(fleet: Fleet) -> None:
    matrix = make_matrix(fleet)
    first, second = matrix.kinds[0].host, matrix.kinds[-1].host
    answer = compare_hosts(fleet, first, second)
    parties = {row.host: row.configuration.party(row.host) for row in ROWS}
    direct = compare(parties[first], parties[second], shipped_map())
    assert (answer.there, answer.back) == (direct.there, direct.back)
    assert answer.there.compatibility is matrix.answers(0)[-1]


def test_of_a_pair_the_versions_are_told_that_the_store_keeps(fleet: Fleet) -> None:
    first, second = ROWS[0], next(row for row in ROWS if row.kernel != ROWS[0].kernel)
    told = {one.subject: one for one in compare_hosts(fleet, first.host, second.host).unchecked}
    assert (told["kernel"].source, told["kernel"].target) == (first.kernel, second.kernel)
    assert (told["QEMU version"].source, told["libvirt version"].source) == (f"QEMU {first.qemu}", first.libvirt)
    assert (told["microcode"].target, told["TSC frequency"].target) == (second.microcode, "")
    assert first.qemu
    assert first.microcode


def test_a_host_that_is_not_there_is_told(fleet: Fleet) -> None:
    with pytest.raises(UsageError, match="no host of this name"):
        compare_hosts(fleet, ROWS[0].host, "h'99")


def test_a_file_has_all_pairs(matrix: Matrix, expected: list[list[Compatibility]], tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    write_matrix(matrix, path)
    assert list(tmp_path.iterdir()) == [path]
    engine = DuckDb()
    engine.view("written", [path], {})
    rows = engine.rows("SELECT place, fp, possible, compatible FROM written ORDER BY place")
    assert [(place, fp) for place, fp, _, _ in rows] == [(n, kind.fp) for n, kind in enumerate(matrix.kinds)]
    for (_, _, possible, compatible), states in zip(rows, expected, strict=True):
        for place, state in enumerate(states):
            may, sure = (bits[place // 8] >> place % 8 & 1 for bits in (possible, compatible))
            assert may == (state is not Compatibility.INCOMPATIBLE)
            assert sure == (state is Compatibility.COMPATIBLE)


def test_a_file_of_several_parts_has_its_rows_in_order(
    matrix: Matrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vcpuid.fleet.matrix_file._ROWS", 5)
    write_matrix(matrix, tmp_path / "m.parquet")
    engine = DuckDb(keeps_order=True)
    engine.view("written", [tmp_path / "m.parquet"], {})
    assert engine.rows("SELECT place, fp FROM written") == list(enumerate(kind.fp for kind in matrix.kinds))
    assert len(matrix.kinds) > 10


def test_many_configurations_are_judged_as_compare_does() -> None:
    """The benchmark's fleet, in small: enough that several pieces of the index meet."""
    made = make(READER, make_offers(READER, DUMPS, 1200))
    assert len({(offer.data.vendor, offer.data.bits) for offer in made.offers}) == 1200
    assert made.sending.pieces > 1
    assert count_differences(READER, made) == 0


def test_a_store_of_unequal_hosts_is_judged_as_compare_does(tmp_path: Path) -> None:
    """The benchmark's store, in small: what the matrix leaves out of its offers is of no matter."""
    store = Store(tmp_path / "store")
    made = make_hosts(READER.models, DUMPS, 60)
    assert ingest(store, made).distinct == 60
    matrix, comparer = make_matrix(store.fleet()), Comparer(READER)
    offers = {row.host: row.configuration.offer(READER, row.host) for row in made}
    for place, kind in enumerate(matrix.kinds):
        ways = [comparer.host_way(offers[kind.host], offers[other.host]) for other in matrix.kinds]
        assert [way.compatibility for way in ways] == list(matrix.answers(place))
