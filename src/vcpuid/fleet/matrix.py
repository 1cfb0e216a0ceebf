"""Who can receive guests from whom, over the distinct configurations of a fleet: the bit stage of `compare`.

For each pair the answer is that of `Comparer.host_way`, for all pairs at once. A bitmap index (`bitmap`) tells to
which configurations a guest with all that one gives may go: nothing that it needs is surely missing there. Whether
that is certain depends on what the target rests on, and on names that the map lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, NamedTuple

from vcpuid.answers.compare import CompareAnswer, Comparer, Compatibility
from vcpuid.answers.offer import Offer, OfferReader
from vcpuid.answers.party import Basis
from vcpuid.answers.unchecked import unchecked
from vcpuid.fleet import queries
from vcpuid.fleet.arrays import NDArray, np
from vcpuid.fleet.bitmap import DisjointIndex, Packed, count_bits, pack, unpack
from vcpuid.fleet.fleet import Fleet

OTHERS: Final = "(others)"
_MOST_TRIED = 64  # kinds of a group, among which an example is looked for
_ITSELF = 3  # more than what is certain: a kind is no pair with itself


class Kind(NamedTuple):
    """A distinct configuration.

    Attributes:
        fp: Its fingerprint.
        host: The first of its hosts.
        hosts: How many it has.
        vendor: The vendor by libvirt's name; empty where none is known.
        model: The model that describes it best; empty where none does.
        basis: What its features rest on.
    """

    fp: int
    host: str
    hosts: int
    vendor: str
    model: str
    basis: Basis


class Sum(NamedTuple):
    """What a matrix comes to; pairs are ordered, and of different kinds.

    Attributes:
        pairs: How many pairs have which answer.
        both_ways: Unordered pairs that may exchange guests.
        one_way: Unordered pairs of which only one may receive from the other.
        sends_to: For each kind, how many others may receive its guests.
        receives_from: For each kind, how many others' guests it may receive.
        islands: Kinds that may all exchange guests with each other, by their places; largest first.
    """

    pairs: dict[Compatibility, int]
    both_ways: int
    one_way: int
    sends_to: NDArray[np.int64]
    receives_from: NDArray[np.int64]
    islands: tuple[tuple[int, ...], ...]


class Group(NamedTuple):
    """Kinds of one model, which stand beside each other.

    Attributes:
        model: The model; empty where none describes them.
        start: The place of the first.
        stop: The place behind the last.
        hosts: How many hosts they have.
    """

    model: str
    start: int
    stop: int
    hosts: int


class Shares(NamedTuple):
    """For each group (row) and each group (column), pairs of kinds by answer.

    Attributes:
        pairs: How many there are; a kind is no pair with itself.
        possible: Of how many nothing is surely missing.
        compatible: Of how many that is certain.
    """

    pairs: NDArray[np.int64]
    possible: NDArray[np.int64]
    compatible: NDArray[np.int64]


@dataclass(frozen=True)
class Matrix:
    """The answer; rows are where guests come from, columns where they are to go.

    What it is reckoned from is kept beside: what the kinds can give (`offers`, in the same order), the bits that
    no host gives, of which nothing is asked (`ignored`), and those that KVM may make (`emulated`).

    Attributes:
        date: The snapshot of the fleet.
        kinds: The distinct configurations, those of a model beside each other, the most frequent first.
        rests_on: The map that was compared by.
    """

    date: str
    kinds: tuple[Kind, ...]
    offers: tuple[Offer, ...]
    rests_on: str
    ignored: int
    emulated: int

    @cached_property
    def _profiles(self) -> tuple[list[int], list[int], list[int]]:
        """Give what each kind's guests need, what it surely lacks, and a number for its vendor."""
        needs = [offer.data.bits & ~self.ignored for offer in self.offers]
        known = 0
        for bits in needs:
            known |= bits
        lacks = []
        for offer in self.offers:
            has = offer.data.bits | offer.untold
            lacks.append(known & ~(has | self.emulated if offer.party.basis is Basis.CPUID else has))
        numbers = {
            vendor: number for number, vendor in enumerate(dict.fromkeys(o.data.vendor for o in self.offers))
        }
        return needs, lacks, [numbers[offer.data.vendor] for offer in self.offers]

    @cached_property
    def sending(self) -> DisjointIndex:
        """For each kind, where nothing that its guests need is surely missing."""
        needs, lacks, vendors = self._profiles
        return DisjointIndex(needs, lacks, vendors, vendors)

    @cached_property
    def receiving(self) -> DisjointIndex:
        """The same turned round, which is for each kind from where guests may come."""
        needs, lacks, vendors = self._profiles
        return DisjointIndex(lacks, needs, vendors, vendors)

    @cached_property
    def _certain(self) -> tuple[NDArray[np.intp], Packed]:
        """Give the number of each kind's unnamed features, and of each number the targets that may be certain."""
        numbers: dict[tuple[str, ...], int] = {}
        codes = [numbers.setdefault(offer.unnamed, len(numbers)) for offer in self.offers]
        safe = [offer.party.basis.is_safe for offer in self.offers]
        has = [
            [
                is_safe and set(unnamed) <= set(offer.unnamed)
                for is_safe, offer in zip(safe, self.offers, strict=True)
            ]
            for unnamed in numbers
        ]
        return np.array(codes, np.intp), pack(np.array(has, np.bool_).reshape(len(numbers), len(self.offers)))

    def certain(self, start: int, possible: Packed) -> Packed:
        """Give, of rows of what is possible, what is certain; `start` is the place of the first."""
        codes, bitmaps = self._certain
        return possible & bitmaps[codes[start : start + len(possible)]]

    def answers(self, place: int) -> tuple[Compatibility, ...]:
        """Give one row: where guests of this kind can go."""
        rows = self.sending.rows(place, place + 1)
        possible = unpack(rows, len(self.kinds))[0]
        certain = unpack(self.certain(place, rows), len(self.kinds))[0]
        return tuple(
            Compatibility.COMPATIBLE if sure else Compatibility.UNKNOWN if may else Compatibility.INCOMPATIBLE
            for may, sure in zip(possible.tolist(), certain.tolist(), strict=True)
        )

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Give the kinds by model."""
        groups: list[Group] = []
        for place, kind in enumerate(self.kinds):
            if groups and groups[-1].model == kind.model:
                last = groups[-1]
                groups[-1] = last._replace(stop=place + 1, hosts=last.hosts + kind.hosts)
            else:
                groups.append(Group(kind.model, place, place + 1, kind.hosts))
        return tuple(groups)

    def large_groups(self, most: int) -> tuple[Group, ...]:
        """Give at most so many groups: of more the last is all that are left, under `OTHERS`."""
        groups = self.groups
        if len(groups) <= most:
            return groups
        rest = groups[most - 1 :]
        hosts = sum(group.hosts for group in rest)
        return (*groups[: most - 1], Group(OTHERS, rest[0].start, rest[-1].stop, hosts))

    def shares(self, groups: Sequence[Group]) -> Shares:
        """Count the pairs between groups."""
        count = len(groups)
        sizes = np.array([group.stop - group.start for group in groups], np.int64)
        pairs = sizes[:, None] * sizes[None, :] - np.diag(sizes)
        possible, compatible = np.zeros((count, count), np.int64), np.zeros((count, count), np.int64)
        itself = np.array([kind.basis.is_safe for kind in self.kinds], np.int64)
        for row, group in enumerate(groups):
            for start, rows in _within(self.sending, group):
                certain = self.certain(start, rows)
                for column, other in enumerate(groups):
                    possible[row, column] += _count_range(rows, other.start, other.stop)
                    compatible[row, column] += _count_range(certain, other.start, other.stop)
            possible[row, row] -= sizes[row]
            compatible[row, row] -= itself[group.start : group.stop].sum()
        return Shares(pairs, possible, compatible)

    def examples(self, groups: Sequence[Group]) -> list[list[tuple[int, int] | None]]:
        """Give, for each group (row) and each group (column), the places of a pair that may show why not all go.

        Of the first few kinds of a row the pair that fares worst; None where a kind would be alone with itself.
        """
        return [self._examples(group, groups) for group in groups]

    def _examples(self, group: Group, others: Sequence[Group]) -> list[tuple[int, int] | None]:
        stop = min(group.stop, group.start + _MOST_TRIED)
        rows = self.sending.rows(group.start, stop)
        count = len(self.kinds)
        fares = unpack(rows, count).astype(np.int8) + unpack(self.certain(group.start, rows), count)
        itself = np.arange(group.start, stop)
        fares[itself - group.start, itself] = _ITSELF
        found: list[tuple[int, int] | None] = []
        for other in others:
            part = fares[:, other.start : other.stop]
            row, column = divmod(int(part.argmin()), part.shape[1])
            found.append(None if part[row, column] == _ITSELF else (group.start + row, other.start + column))
        return found

    def sum_up(self) -> Sum:
        """Count the pairs, and find the islands."""
        count = len(self.kinds)
        sends, receives, mutual = (np.zeros(count, np.int64) for _ in range(3))
        certain = 0
        for start, rows in self.sending.blocks():
            back = self.receiving.rows(start, start + len(rows))
            here = slice(start, start + len(rows))
            sends[here], receives[here] = count_bits(rows), count_bits(back)
            mutual[here] = count_bits(rows & back)
            certain += int(count_bits(self.certain(start, rows)).sum())
        possible = int(sends.sum()) - count  # a kind goes to itself, and is no pair
        certain -= sum(kind.basis.is_safe for kind in self.kinds)
        both = (int(mutual.sum()) - count) // 2
        pairs = {
            Compatibility.COMPATIBLE: certain,
            Compatibility.UNKNOWN: possible - certain,
            Compatibility.INCOMPATIBLE: count * (count - 1) - possible,
        }
        islands = tuple(sorted(self._islands(mutual), key=lambda island: (-len(island), island)))
        return Sum(pairs, both, possible - 2 * both, sends - 1, receives - 1, islands)

    def _islands(self, mutual: NDArray[np.int64]) -> Iterator[tuple[int, ...]]:
        """Find kinds of which each may exchange with each; the first that fits takes what is left.

        Equal profiles do so always. Only where not all is known can others, and these are asked row by row.
        """
        alike: dict[tuple[int, int, int], list[int]] = {}
        for place, profile in enumerate(zip(*self._profiles, strict=True)):
            alike.setdefault(profile, []).append(place)
        left = {members[0]: members for members in alike.values()}
        for first in list(left):
            if first not in left:
                continue
            island = left.pop(first)
            if mutual[first] > len(island):
                common = self._mutual(first)
                for other in [place for place in np.flatnonzero(common).tolist() if place in left]:
                    if common[other]:
                        island = island + left.pop(other)
                        common &= self._mutual(other)
            yield tuple(sorted(island))

    def _mutual(self, place: int) -> NDArray[np.bool_]:
        there, back = (index.rows(place, place + 1) for index in (self.sending, self.receiving))
        flags: NDArray[np.bool_] = unpack(there & back, len(self.kinds))[0]
        return flags


def _within(index: DisjointIndex, group: Group) -> Iterator[tuple[int, Packed]]:
    """Walk the rows of a group, many at once."""
    for start in range(group.start, group.stop, index.block):
        yield start, index.rows(start, min(start + index.block, group.stop))


def _count_range(rows: Packed, start: int, stop: int) -> int:
    """Count the bits of the columns from start to stop."""
    first, last = start // 64, -(-stop // 64)
    part = rows[:, first:last]
    total = int(count_bits(part).sum())
    before, behind = start - first * 64, last * 64 - stop
    if before:
        total -= int(count_bits(part[:, :1] & np.uint64((1 << before) - 1)).sum())
    if behind:
        total -= int(count_bits(part[:, -1:] >> np.uint64(64 - behind)).sum())
    return total


def make_matrix(fleet: Fleet) -> Matrix:
    """Find who can receive guests from whom.

    Raises:
        InputError: The store cannot be read.

    Examples:
        >>> from vcpuid import fleet_matrix, open_fleet
        >>> matrix = fleet_matrix(open_fleet("fleet", "2026-01-31"))
        >>> [(kind.host, kind.hosts) for kind in matrix.kinds]
        [('node-1', 2), ('node-3', 1), ('node-4', 1)]
        >>> [answer.value for answer in matrix.answers(1)]  # where the guests of node-3 can go
        ['compatible', 'compatible', 'incompatible']
    """
    configurations = fleet.configurations()
    rows = fleet.engine.rows(queries.COUNT_CONFIGURATIONS)
    members = (
        (fp, count, _without_registers(configurations[fp].offer(fleet.reader, host))) for fp, count, host in rows
    )
    return replace(matrix_of(fleet.date, fleet.reader, members), rests_on=fleet.rests_on)


def _without_registers(offer: Offer) -> Offer:
    """Leave out of an offer what only reasons are told by: of many thousands it would not fit into memory."""
    return offer._replace(party=replace(offer.party, cpus=(), kvm=None, capabilities=None))


def matrix_of(date: str, reader: OfferReader, members: Iterable[tuple[int, int, Offer]]) -> Matrix:
    """Make a matrix of configurations by the map of a reader: fingerprint, number of hosts, what they can give."""
    kinds = [
        (
            Kind(fp, offer.party.name, hosts, offer.data.vendor or "", offer.model or "", offer.party.basis),
            offer,
        )
        for fp, hosts, offer in members
    ]
    of_model: dict[str, int] = {}
    for kind, _ in kinds:
        of_model[kind.model] = of_model.get(kind.model, 0) + kind.hosts
    kinds.sort(key=lambda one: (-of_model[one[0].model], one[0].model, -one[0].hosts, one[0].fp))
    return Matrix(
        date,
        tuple(kind for kind, _ in kinds),
        tuple(offer for _, offer in kinds),
        reader.models.title,
        reader.beside_cpuid,
        reader.emulated,
    )


def compare_hosts(fleet: Fleet, first: str, second: str) -> CompareAnswer:
    """Compare two hosts of a fleet as `compare` does, there and back, with all reasons.

    Of what decides a migration besides a store keeps the versions; not frequencies, address bits and parameters.

    Raises:
        UsageError: The fleet has no host of a name.
        InputError: The store cannot be read.
    """
    offers = []
    for host in (first, second):
        offer = fleet.configurations()[fleet.locate(host)[0]].offer(fleet.reader, host)
        offers.append(offer._replace(party=replace(offer.party, versions=fleet.versions_of(host))))
    comparer, (source, target) = Comparer(fleet.reader), offers
    return CompareAnswer(
        comparer.host_way(source, target),
        comparer.host_way(target, source),
        (source.party, target.party),
        fleet.rests_on,
        tuple(unchecked(source.party, target.party)),
    )
