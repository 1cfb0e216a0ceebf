"""Which bits each feature of a QEMU sets, what it needs, and what TCG gives.

A feature is set on the model `base`, which has none, and what changes is read. CPUID bits come from the
`feature-words` of a CPU that is forced to show what its accelerator lacks; features are told apart by the codes
that stand for them, one start of QEMU for each digit. MSR bits are in no property: QEMU's warnings name them.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb

from tools.qemu.binary import Binary, Json, QemuError, Query
from tools.table_file import TRUE_CONTROL_MSRS, cpuid_bit, msr_bit

BASE = "base"
CPU = "/machine/unattached/device[0]"
NOWHERE = ("-machine", "none")
BOARD = ("-machine", "pc", "-m", "8M")
VENDORS = ("GenuineIntel", "AuthenticAMD", "HygonGenuine", "CentaurHauls", "  Shanghai  ")
INTEL, AMD = VENDORS[:2]
MSR_WARNING = re.compile(r" MSR\((?P<index>[0-9A-F]+)[Hh]\)\.(?P<name>\S+) \[bit (?P<bit>\d+)\]")
CPUID_WARNING = re.compile(r" CPUID\S*\.(?P<name>\S+) \[bit (?P<bit>\d+)\]")
LEVELS = {"level": "", "xlevel": "", "xlevel2": "", "level-func7": "7."}
AUTO_LEVEL = "full-cpuid-auto-level"
CODE_WEIGHT = 4
WITH_STATE = ("avx512f", "intel-pt", "pku", "cet-ss", "cet-ibt", "arch-lbr", "amx-tile", "apxf", "lwp")
"""Features whose state XSAVE keeps (the components of Intel SDM vol. 1, 13.1)."""

Bit = str
Properties = Mapping[str, Json]


@dataclass(slots=True)
class Features:
    """What a binary's features are; every mapping is by the feature's name.

    Attributes:
        bits: The bits that it sets by itself.
        aliases: Other spellings, each with the feature that it is.
        needs: The features without which it is dropped, these features' own needs included.
        conflicts: The features beside which it is dropped.
        raises: The maxima that it raises: a leaf in hexadecimal, `7.N` for the highest subleaf of leaf 7.
        raises_anyway: Those that it raises even with `full-cpuid-auto-level` off.
        tcg: The bits of features that TCG gives.
        components: XSAVE component bits and the features of which any sets it, `xsave` given.
        kvm_components: Those that were seen only under KVM, which knows them where its host has them.
        mirrors: Vendor to the bits that repeat others for it.
        kvm_only: Features that are known to be no more than names under TCG.
    """

    bits: dict[str, tuple[Bit, ...]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    needs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    conflicts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    raises: dict[str, tuple[str, ...]] = field(default_factory=dict)
    raises_anyway: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tcg: frozenset[Bit] = frozenset()
    components: dict[Bit, tuple[str, ...]] = field(default_factory=dict)
    kvm_components: dict[Bit, tuple[str, ...]] = field(default_factory=dict)
    mirrors: dict[str, dict[Bit, Bit]] = field(default_factory=dict)
    kvm_only: tuple[str, ...] = ()


def expansion(model: str, changes: Properties, kind: str = "full") -> Query:
    """The query for a model's contents."""
    return "query-cpu-model-expansion", {"type": kind, "model": {"name": model, "props": dict(changes)}}


def on_base(changes: Properties, kind: str = "full") -> Query:
    """The query for the model without features, as an Intel CPU: some features are one vendor's."""
    return expansion(BASE, {"vendor": INTEL, **changes}, kind)


def properties(answer: Json) -> Properties:
    """The properties in an answer to `expansion`; none where QEMU refused."""
    found: Properties = answer["model"]["props"] if answer else {}
    return found


def turn(names: Iterable[str], *, on: bool = True) -> dict[str, Json]:
    """Turns features on or off."""
    return dict.fromkeys(names, on)


class Bench:
    """A binary under one accelerator, with the properties of its plainest model."""

    def __init__(self, binary: Binary, accelerator: str) -> None:
        self.binary = binary
        self.accelerator = accelerator
        self.base, static = self.expand([on_base({}), on_base({}, "static")])
        self.names = sorted(name for name, value in static.items() if isinstance(value, bool))
        self.switches = sorted(
            name
            for name, value in self.base.items()
            if isinstance(value, bool) and name not in self.names and not name.startswith(("hv-", "x-"))
        )

    def expand(self, queries: Sequence[Query]) -> list[Properties]:
        """What models expand to."""
        arguments = (*NOWHERE, "-accel", self.accelerator)
        return [properties(answer) for answer in self.binary.ask(arguments, queries).values()]

    def words(
        self, names: Iterable[str], vendor: str = INTEL, *, force: bool = True
    ) -> tuple[frozenset[Bit], str]:
        """The CPUID bits of a real, stopped CPU with these features, and what QEMU printed."""
        options = [f"{BASE},vendor={vendor}", *(f"{name}=on" for name in names)]
        if force:
            options.append("x-force-features=on")
        arguments = (*BOARD, "-accel", self.accelerator, "-cpu", ",".join(options))
        answers = self.binary.ask(arguments, [("qom-get", {"path": CPU, "property": "feature-words"})])
        return frozenset(bits_of_words(answers.value(0))), answers.warnings


def bits_of_words(words: Iterable[Mapping[str, Json]]) -> Iterator[Bit]:
    """The addresses of the bits that `feature-words` shows."""
    for word in words:
        for bit in range(32):
            if word["features"] >> bit & 1:
                subleaf = word.get("cpuid-input-ecx", 0)
                yield cpuid_bit(word["cpuid-input-eax"], subleaf, word["cpuid-register"].lower(), bit)


def measure_features(tcg: Bench, kvm: Bench | None) -> Features:
    """Measures everything about a binary's features; what only KVM shows is left out without it."""
    found = Features()
    _find_aliases(tcg, found)
    mute = _find_needs(tcg, tcg.names, found)
    _find_bits(tcg, [name for name in tcg.names if name not in mute], found)
    if kvm:
        still_mute = _find_needs(kvm, mute, found)
        found.kvm_only = tuple(name for name in mute if name not in still_mute)
        for name in found.kvm_only:
            bits, _ = kvm.words([name])
            found.bits[name] = tuple(sorted(bits, key=address_order))
        _find_kvm_components(kvm, found)
    _find_raises(tcg, found)
    return found


def address_order(bit: Bit) -> tuple[int, ...]:
    """Sorts bits by leaf, subleaf, register and number; MSR bits last."""
    first, *middle, last = bit.split(".")
    if first == "msr":
        return 1, int(middle[0], 16), int(last)
    return 0, int(first, 16), int(middle[0]), "abcd".index(middle[1][1]), int(last)


def _find_aliases(bench: Bench, found: Features) -> None:
    """Finds the properties that are turned on by another's name, both ways."""
    each = [on_base({name: True}) for name in bench.switches]
    for name, props in zip(bench.switches, bench.expand(each), strict=True):
        turned = [own for own in bench.names if props.get(own) and not bench.base[own]]
        if len(turned) == 1:
            found.aliases[name] = turned[0]
    left = [name for name in bench.switches if name not in found.aliases and not bench.base[name]]
    # An alias of what is dropped at once (it needs another feature, or KVM) tells itself by its spelling alone.
    for name in left:
        if (spelling := name.replace("_", "-")) in bench.names and spelling != name:
            found.aliases[name] = spelling


def _find_needs(bench: Bench, names: Collection[str], found: Features) -> list[str]:
    """Finds what each feature needs and cannot stand beside; the features that stay off with all others on."""
    _find_needed_switches(bench, names, found)
    everything = {**turn(names), **turn(need for needs in found.needs.values() for need in needs)}
    each = [on_base({**everything, name: False}, "static") for name in names]
    full, *without = bench.expand([on_base(everything), *each])
    needs, conflicts = (
        defaultdict(set, {name: set(needs) for name, needs in found.needs.items()}),
        defaultdict(set),
    )
    for absent, props in zip(names, without, strict=True):
        for name in names:
            if name != absent and full[name] and not props[name]:
                needs[name].add(absent)
            elif name != absent and not full[name] and props[name]:
                conflicts[name].add(absent)
    found.conflicts.update((name, tuple(sorted(conflicts[name]))) for name in names if conflicts[name])
    found.needs.update((name, tuple(sorted(needs[name]))) for name in names if needs[name])
    staying = {name for name in names if full[name] or conflicts[name]}
    for name in found.conflicts:  # with all features on, it could not be seen what needs this one
        rival = turn(found.conflicts[name], on=False)
        with_it, without_it = bench.expand(
            [on_base({**everything, **rival}), on_base({**everything, **rival, name: False})]
        )
        for other in names:
            if other != name and with_it[other] and not without_it[other]:
                found.needs[other] = tuple(sorted({*found.needs.get(other, ()), name}))
                staying.add(other)
    _check_needs(bench, sorted(staying), found)
    return [name for name in names if name not in staying]


def _find_needed_switches(bench: Bench, names: Collection[str], found: Features) -> None:
    """Find the features that need a switch which is no feature itself (`pmu`)."""
    switches = [name for name in bench.switches if name not in found.aliases and not bench.base[name]]
    full, *with_each = bench.expand(
        [on_base(turn(names)), *(on_base({**turn(names), name: True}) for name in switches)]
    )
    for switch, props in zip(switches, with_each, strict=True):
        for name in names:
            if props and props[name] and not full[name]:
                found.needs[name] = (*found.needs.get(name, ()), switch)


def _check_needs(bench: Bench, names: Sequence[str], found: Features) -> None:
    """The other way round: with what it is known to need and nothing else, each feature has to stay."""
    alone = [on_base(turn([*found.needs.get(name, ()), name])) for name in names]
    dropped = [name for name, props in zip(names, bench.expand(alone), strict=True) if not props[name]]
    if dropped:
        raise ValueError(f"need more than could be found: {', '.join(dropped)}")


def _codes(names: Sequence[str]) -> dict[str, frozenset[int]]:
    """Give every name a code of its own: `CODE_WEIGHT` of the least number of digits that suffice."""
    digits = CODE_WEIGHT
    while comb(digits, CODE_WEIGHT) < len(names):
        digits += 1
    return dict(zip(names, map(frozenset, combinations(range(digits), CODE_WEIGHT)), strict=False))


def _find_bits(bench: Bench, names: Sequence[str], found: Features) -> None:
    needed = {need for needs in found.needs.values() for need in needs} | {"xsave"}
    apart = sorted(found.conflicts)
    context = sorted(needed.difference(apart))
    coded = [name for name in names if name not in context and name not in apart and not needed & {name}]
    coded = [name for name in coded if not set(found.needs.get(name, ())) & set(apart)]
    setters: dict[Bit, set[str]] = defaultdict(set)
    for bit, features in _decode(bench, coded, context, bench.words(context)[0]).items():
        setters[bit] |= features
    printed = ""
    for name in names:
        if name not in coded:
            before = {*found.needs.get(name, ()), "xsave"} - {name}
            bits, warnings = bench.words([*before, name])
            printed += warnings
            for bit in bits - bench.words(before)[0]:
                setters[bit].add(name)
    _sort_out(setters, found, {(match["name"], match["bit"]) for match in CPUID_WARNING.finditer(printed)})
    _find_mirrors(bench, [*context, *coded], found)
    given, printed = bench.words([*context, *coded], force=False)
    for name in apart:
        given |= bench.words({*found.needs.get(name, ()), name, "xsave"}, force=False)[0]
    own = {bit for bits in found.bits.values() for bit in bits}
    found.tcg = given & (own | set(found.components))
    # What an MSR's bits need is refused first, and then they are refused without a word: each way has its own.
    printed += bench.words(set(names) - needed, force=False)[1]
    _read_msrs(printed, found)


def _decode(
    bench: Bench, names: Sequence[str], context: Sequence[str], start: frozenset[Bit], vendor: str = INTEL
) -> dict[Bit, set[str]]:
    """Find the features that set each bit beyond `start`, from one start of QEMU for each digit of the codes."""
    codes = _codes(names)
    by_code = {code: name for name, code in codes.items()}
    seen: dict[Bit, set[int]] = defaultdict(set)
    for digit in range(max((max(code) for code in codes.values()), default=-1) + 1):
        chosen = [name for name in names if digit in codes[name]]
        for bit in bench.words([*context, *chosen], vendor)[0] - start:
            seen[bit].add(digit)
    setters: dict[Bit, set[str]] = {}
    for bit, digits in seen.items():
        if (single := by_code.get(frozenset(digits))) is not None:
            setters[bit] = {single}
        else:
            possible = [name for name in names if codes[name] <= digits]
            setters[bit] = set(_split(bench, bit, possible, context, vendor))
    return setters


def _split(bench: Bench, bit: Bit, names: Sequence[str], context: Sequence[str], vendor: str) -> list[str]:
    """Find every feature that sets a bit which several set, by halves."""
    if not names or bit not in bench.words([*context, *names], vendor)[0]:
        return []
    if len(names) == 1:
        return list(names)
    middle = len(names) // 2
    halves = (names[:middle], names[middle:])
    return [name for half in halves for name in _split(bench, bit, half, context, vendor)]


def _sort_out(
    setters: Mapping[Bit, Collection[str]], found: Features, warned: Collection[tuple[str, str]]
) -> None:
    """Tell a feature's own bits from XSAVE components, which any of several features brings.

    Two features that need each other come and go together: QEMU's warnings have told whose a bit is.
    """
    own: dict[str, list[Bit]] = defaultdict(list)
    for bit in sorted(setters, key=address_order):
        leaf, subleaf, register, _ = bit.split(".")
        if (leaf, subleaf) == ("d", "0") or ((leaf, subleaf) == ("d", "1") and register in ("ecx", "edx")):
            found.components[bit] = tuple(sorted(setters[bit]))
            continue
        named = [name for name in setters[bit] if (name, bit.rpartition(".")[2]) in warned]
        for name in named if len(setters[bit]) > 1 and named else setters[bit]:
            own[name].append(bit)
    found.bits.update((name, tuple(bits)) for name, bits in own.items())


def _find_kvm_components(kvm: Bench, found: Features) -> None:
    plain = kvm.words(["xsave"])[0]
    for name in filter(kvm.base.__contains__, WITH_STATE):
        try:
            bits = kvm.words(["xsave", *found.needs.get(name, ()), name])[0] - plain
        except QemuError:  # a feature without its host's support may end QEMU
            continue
        for bit in bits - set(found.components) - set(found.bits[name]):
            if bit.startswith(("d.0.", "d.1.")):
                found.kvm_components[bit] = (*found.kvm_components.get(bit, ()), name)


def _find_mirrors(bench: Bench, everything: Sequence[str], found: Features) -> None:
    """Find the bits that, for some vendors, repeat others: what a vendor has beyond Intel with all features on."""
    intel = bench.words(everything)[0]
    owner = {name: bits[0] for name, bits in found.bits.items() if bits}
    for vendor in VENDORS[1:]:
        more = bench.words(everything, vendor)[0] - intel
        if more and vendor != AMD and set(found.mirrors.get(AMD, ())) == more:
            found.mirrors[vendor] = found.mirrors[AMD]
        elif more:
            setters = _decode(bench, everything, [], frozenset(), vendor)
            found.mirrors[vendor] = {
                bit: owner[name] for bit in sorted(more, key=address_order) for name in setters[bit]
            }


def _read_msrs(printed: str, found: Features) -> None:
    bits: dict[str, set[Bit]] = defaultdict(set)
    for match in MSR_WARNING.finditer(printed):
        index, bit = int(match["index"], 16), int(match["bit"])
        bits[match["name"]].add(msr_bit(index, bit + (32 if index in TRUE_CONTROL_MSRS else 0)))
    for name, places in bits.items():
        found.bits[name] = (*found.bits.get(name, ()), *sorted(places, key=address_order))


def _find_raises(bench: Bench, found: Features) -> None:
    found.raises = _raises(bench, found, {})
    if AUTO_LEVEL in bench.base:
        found.raises_anyway = _raises(bench, found, {AUTO_LEVEL: False})


def _raises(bench: Bench, found: Features, context: Properties) -> dict[str, tuple[str, ...]]:
    names = [name for name in bench.names if found.bits.get(name) and name not in found.kvm_only]
    before = bench.expand([on_base({**context, **turn(found.needs.get(name, ()))}) for name in names])
    after = bench.expand([on_base({**context, **turn([*found.needs.get(name, ()), name])}) for name in names])
    raised = {
        name: tuple(f"{LEVELS[level]}{new[level]:x}" for level in LEVELS if new[level] != old[level])
        for name, old, new in zip(names, before, after, strict=True)
    }
    return {name: leaves for name, leaves in raised.items() if leaves}
