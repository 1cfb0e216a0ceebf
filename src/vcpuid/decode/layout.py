"""How a machine is built: packages, dies, cores and threads within each other, and the caches that they share."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from vcpuid.decode.caches import Cache, cache_shift
from vcpuid.decode.facts import Facts
from vcpuid.decode.machine import Kind, Machine, Member

PACKAGE, CORE, THREAD = "package", "core", "thread"
# Parts whose cores are alike, on hybrid CPUs too; None for cores that share an L2.
_OF_ONE_KIND = (CORE, "module", None)


class Block(NamedTuple):
    """A part of a machine, or CPUs that only share caches; several equal ones may stand as one.

    Attributes:
        parts: What it is: `package`, `die`, `core`, `thread`..., several where they hold the same CPUs; empty for
            CPUs that share caches and are no part by name.
        times: How many such blocks there are side by side; None where that is not told.
        core_kind: What kind of core its CPUs are; None where they are not alike, or the CPU is no hybrid.
        threads: How many CPUs each has.
        cpus: The numbers of its CPUs in the dump, those of all blocks for which it stands.
        caches: The caches that each has to itself, lowest level first.
        blocks: What is in it; for several equal blocks, in the first of them.
    """

    parts: tuple[str, ...]
    times: int | None
    core_kind: str | None
    threads: int
    cpus: tuple[int, ...]
    caches: tuple[Cache, ...]
    blocks: tuple[Block, ...]

    @property
    def shape(self) -> Hashable:
        """What equal blocks have in common: everything but their CPUs' numbers."""
        blocks = tuple(block.shape for block in self.blocks)
        return self.parts, self.times, self.core_kind, self.threads, self.caches, blocks


class Remark(Enum):
    """What a layout rests on where that is not each CPU's own APIC id, and what it leaves open."""

    ONE_CPU = "one-cpu"
    """The dump has one CPU: what stands beside it is computed from what it tells."""
    NOT_APART = "not-apart"
    """APIC ids do not tell the dump's CPUs apart: all is computed from what the first tells."""
    OTHER_CORES = "other-cores"
    """The CPU is a hybrid, and how many cores of which kind its package has is told by the others alone."""
    FEWER = "fewer"
    """CPUID counts more CPUs in a package than the dump has of it."""
    UNPLACED = "unplaced"
    """Of some caches it is not told who shares them."""


class Layout(NamedTuple):
    """How a machine is built.

    Attributes:
        blocks: The largest parts; empty where nothing tells.
        remarks: What it rests on and leaves open.
        told: How many CPUs a package has as CPUID counts them; None where it does not.
        unplaced: Caches of which is not told who shares them.
    """

    blocks: tuple[Block, ...]
    remarks: tuple[Remark, ...]
    told: int | None
    unplaced: tuple[Cache, ...]

    @property
    def is_computed(self) -> bool:
        """Whether parts of it are in no dump, but made of what one CPU tells."""
        return self.told != 1 and (Remark.ONE_CPU in self.remarks or Remark.NOT_APART in self.remarks)


def decode_layout(machine: Machine) -> Layout:
    """Decode how a machine is built, from the APIC id of each CPU, or from the counts of one that stands alone.

    A part is the CPUs whose APIC ids are alike above the part's bits, and so is a cache's circle (SDM vol. 3A,
    section on processor topology; APM vol. 3, appendix E, leaves 8000001DH and 80000026H).
    """
    if not machine.kinds or not machine.kinds[0].facts.topology.domains:
        return Layout((), (), None, ())
    facts = machine.kinds[0].facts
    told = facts.topology.domains[-1].threads
    unplaced = _unplaced(machine)
    remarks = []
    if not machine.counts or len(machine.members) == 1:
        blocks = _compute(facts, machine.members[0].cpu.number)
        remarks.append(Remark.NOT_APART if len(machine.members) > 1 else Remark.ONE_CPU)
        if facts.core_kind is not None and told != 1:
            remarks.append(Remark.OTHER_CORES)
    else:
        blocks, crossing = _Builder(machine).build()
        unplaced += tuple(cache for cache in crossing if cache not in unplaced)
        packages = [block.threads for block in blocks if PACKAGE in block.parts]
        if told and packages and max(packages) < told:
            remarks.append(Remark.FEWER)
    if unplaced:
        remarks.append(Remark.UNPLACED)
    return Layout(blocks, tuple(remarks), told, unplaced)


def fold(blocks: Sequence[Block], longest: int) -> tuple[Block, ...]:
    """Let one block stand for all equal ones beside it, wherever there are more than `longest` of them."""
    by_shape: dict[Hashable, list[Block]] = {}
    for block in blocks:
        by_shape.setdefault(block.shape, []).append(block)
    folded: list[Block] = []
    for alike in by_shape.values():
        if len(alike) > longest:
            cpus = sorted(number for block in alike for number in block.cpus)
            folded.append(alike[0]._replace(times=len(alike), cpus=tuple(cpus)))
        else:
            folded += alike
    return tuple(block._replace(blocks=fold(block.blocks, longest)) for block in folded)


class Share(NamedTuple):
    """A cache, and those who have it.

    Attributes:
        cache: The cache.
        instances: How many there are, of a computed package in the package; None where that is not told.
        threads: The fewest and the most CPUs that share one; None where that is not told.
    """

    cache: Cache
    instances: int | None
    threads: tuple[int, int] | None


def shares_of(layout: Layout) -> tuple[Share, ...]:
    """Give each cache of a layout once, lowest level first."""
    found: dict[Cache, Share] = {cache: Share(cache, None, None) for cache in layout.unplaced}
    for block in layout.blocks:
        _add_shares(block._replace(times=block.times or 1), 1, found)
    return tuple(sorted(found.values(), key=lambda share: (share.cache.level, share.cache.kind)))


def _add_shares(block: Block, outer: int | None, found: dict[Cache, Share]) -> None:
    instances = None if outer is None or block.times is None else outer * block.times
    for cache in block.caches:
        known = found.get(cache)
        fewest, most = known.threads if known and known.threads else (block.threads, block.threads)
        before = known.instances if known else 0
        total = None if instances is None or before is None else before + instances
        found[cache] = Share(cache, total, (min(fewest, block.threads), max(most, block.threads)))
    for inner in block.blocks:
        _add_shares(inner, instances, found)


def _unplaced(machine: Machine) -> tuple[Cache, ...]:
    """Give the caches that do not say who shares them; where a package has one CPU it is clear."""
    found: dict[Cache, None] = {}
    for kind in machine.kinds:
        if not _is_alone(kind.facts):
            found |= dict.fromkeys(cache for cache in kind.facts.caches if cache.shared_by is None)
    return tuple(found)


def _is_alone(facts: Facts) -> bool:
    domains = facts.topology.domains
    return bool(domains) and domains[-1].threads == 1


def _shift(cache: Cache, facts: Facts) -> int | None:
    """Give the APIC id's bits below the number of a cache; None where it is not told who shares it."""
    if cache.shared_by is None and _is_alone(facts):
        return facts.topology.domains[-1].shift
    return cache_shift(cache)


def _core_kind(facts: Facts) -> str | None:
    return facts.core_kind and (facts.core_kind.kind or f"model {facts.core_kind.native_model:#x}")


# From each CPU's APIC id --------------------------------------------------------------------------------


class _Circle(NamedTuple):
    """CPUs that belong together.

    Attributes:
        members: Their places in the dump.
        part: The part that they are, or
        cache: the cache that they share.
        rank: What is outside, if two circles hold the same CPUs: the lower.
    """

    members: tuple[int, ...]
    part: str | None
    cache: Cache | None
    rank: tuple[int, int]


class _Node:
    """A block that is being built."""

    def __init__(self, circle: _Circle) -> None:
        self.members = circle.members
        self.parts = [circle.part] if circle.part else []
        self.caches = [circle.cache] if circle.cache else []
        self.nodes: list[_Node] = []

    def takes(self, circle: _Circle) -> bool:
        """Tell whether a circle of the same CPUs is the same block: a core stays one within its package."""
        if circle.part == THREAD:
            return False
        return circle.part != CORE or PACKAGE not in self.parts


class _Builder:
    """Puts the circles of a machine into each other."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def build(self) -> tuple[tuple[Block, ...], list[Cache]]:
        """Give the largest blocks, and caches whose circles go across others."""
        roots: list[_Node] = []
        crossing = []
        innermost: list[_Node | None] = [None] * len(self._machine.members)
        for circle in self._circles():
            around = innermost[circle.members[0]]
            if any(innermost[member] is not around for member in circle.members):
                if circle.cache is not None:
                    crossing.append(circle.cache)
                continue
            if around is not None and around.members == circle.members and around.takes(circle):
                around.parts += [circle.part] if circle.part else []
                around.caches += [circle.cache] if circle.cache else []
                continue
            node = _Node(circle)
            (roots if around is None else around.nodes).append(node)
            for member in circle.members:
                innermost[member] = node
        return tuple(self._block(node) for node in _in_order(roots)), crossing

    def _circles(self) -> list[_Circle]:
        """Give all circles, the largest first."""
        kinds = self._machine.kinds
        parts: dict[tuple[str, int], list[int]] = {}
        caches: dict[Hashable, tuple[Cache, list[int]]] = {}
        ranks: dict[str, int] = {}
        for place, member in enumerate(self._machine.members):
            named = ((name, number) for name, number in reversed(member.ids.items()) if name != THREAD)
            for rank, (name, number) in enumerate(named):
                parts.setdefault((name, number), []).append(place)
                ranks.setdefault(name, rank)
            parts[THREAD, place] = [place]
            own = {key: cache for cache, key in _circles_of(member, kinds)}  # broken tables list one twice
            for key, cache in own.items():
                caches.setdefault(key, (cache, []))[1].append(place)
        ranks[THREAD] = len(ranks)
        # The parts before the caches, so that a cache lies in the part that has it.
        circles = [_Circle(tuple(members), name, None, (0, ranks[name])) for (name, _), members in parts.items()]
        circles += [_Circle(tuple(members), None, cache, (1, -cache.level)) for cache, members in caches.values()]
        return sorted(circles, key=lambda circle: (-len(circle.members), circle.part == THREAD, circle.rank))

    def _block(self, node: _Node) -> Block:
        members = [self._machine.members[place] for place in node.members]
        kinds = {_core_kind(self._machine.kinds[member.kind].facts) for member in members}
        return Block(
            parts=tuple(node.parts),
            times=1,
            core_kind=kinds.pop() if len(kinds) == 1 else None,
            threads=len(members),
            cpus=tuple(member.cpu.number for member in members),
            caches=_sorted(node.caches),
            blocks=tuple(self._block(inner) for inner in _in_order(node.nodes)),
        )


def _circles_of(member: Member, kinds: Sequence[Kind]) -> Iterator[tuple[Cache, Hashable]]:
    """Give the caches of a CPU, each with what those who share it have in common."""
    facts = kinds[member.kind].facts
    for cache in facts.caches:
        shift = _shift(cache, facts)
        if shift is not None and member.apic_id is not None:
            yield cache, (cache.level, cache.kind, cache.size_bytes, shift, member.apic_id >> shift)


def _in_order(nodes: Iterable[_Node]) -> list[_Node]:
    return sorted(nodes, key=lambda node: node.members[0])


def _sorted(caches: Iterable[Cache]) -> tuple[Cache, ...]:
    return tuple(sorted(caches, key=lambda cache: (cache.level, cache.kind)))


# From one CPU's counts ----------------------------------------------------------------------------------


class _Level(NamedTuple):
    """The CPUs whose APIC ids are alike above some bits.

    Attributes:
        shift: How many bits are below.
        part: What they are; None for CPUs that only share caches.
        threads: How many CPUs they are; None where no leaf counts them.
        caches: The caches that they share.
    """

    shift: int
    part: str | None
    threads: int | None
    caches: tuple[Cache, ...]


def _compute(facts: Facts, cpu: int) -> tuple[Block, ...]:
    """Compute a package from what one CPU tells: the counts of CPUs, and the bits that number each part."""
    kind = _core_kind(facts)
    block = Block((THREAD,), 1, kind, 1, (cpu,), (), ())
    below = 0
    for level in _levels(facts):
        threads = level.threads or _most(level, block.threads << level.shift - below)
        below = level.shift
        own_parts = (level.part,) if level.part else ()
        is_new = block.parts == (THREAD,) or (level.part == PACKAGE and CORE in block.parts)
        if threads == block.threads and not is_new:
            block = block._replace(parts=own_parts + block.parts, caches=_sorted(block.caches + level.caches))
            continue
        # A hybrid's cores of other kinds may be in any part that is larger than a core or its module.
        is_told = not threads % block.threads and (kind is None or level.part in _OF_ONE_KIND)
        inner = block._replace(times=threads // block.threads if is_told else None)
        block = Block(own_parts, 1, kind if is_told else None, threads, (cpu,), _sorted(level.caches), (inner,))
    return (block._replace(times=None),)


def _most(level: _Level, places: int) -> int:
    """Give how many CPUs share caches at most: those that the bits can number, and as many as the leaf says."""
    return min((places, *(cache.shared_by or places for cache in level.caches)))


def _levels(facts: Facts) -> list[_Level]:
    """Give the parts that hold a CPU, the smallest first, with the circles of caches between them."""
    domains = facts.topology.domains
    last = domains[-1]
    levels = [_Level(domain.shift, domain.name, domain.threads or None, ()) for domain in domains]
    for cache in facts.caches:
        shift = _shift(cache, facts)
        if shift is None:
            continue
        shift = min(shift, last.shift)
        place = next((place for place, level in enumerate(levels) if level.shift >= shift), len(levels) - 1)
        if levels[place].shift != shift:
            levels.insert(place, _Level(shift, None, None, ()))
        levels[place] = levels[place]._replace(caches=(*levels[place].caches, cache))
    return levels
