"""A decoded dump as text: the summary that people read, and every field for those who look closer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from vcpuid.answers.decode import DecodedDump, DecodedRow, FieldReader, Wanted, rows_beyond_maximum
from vcpuid.decode import descriptors
from vcpuid.decode.facts import Facts
from vcpuid.decode.machine import Kind, Machine
from vcpuid.decode.rows import REGISTERS
from vcpuid.decode.words import (
    describe_cache,
    describe_kind,
    describe_size,
    describe_tlb,
    describe_ways,
    name_cache,
    name_tlb,
)
from vcpuid.render.cpus import cpu_numbers, plural
from vcpuid.render.page import Page, Role, Span
from vcpuid.terms.address import LEAVES_WITH_SUBLEAVES
from vcpuid.terms.dump import Cpu, Registers

if TYPE_CHECKING:
    from vcpuid.atlas import Atlas

_LABEL_WIDTH = 15
_MHZ_PER_GHZ, _HZ_PER_MHZ = 1000, 1_000_000

Line = tuple[str, str]


def render_decode(dumps: Sequence[DecodedDump], *, every_field: bool = False) -> Page:
    """Show the summary of each dump, and with `every_field` all rows of each kind of CPU."""
    page = Page()
    for number, decoded in enumerate(dumps):
        if number:
            page.add()
        _render_summary(page, decoded)
        if every_field:
            page.add()
            _render_kinds(page, decoded.machine, Wanted())
    return page


def render_rows(dumps: Sequence[DecodedDump], wanted: Wanted) -> Page:
    """Show the wanted rows of each kind of CPU, with every field."""
    page = Page()
    for decoded in dumps:
        if len(dumps) > 1:
            page.add(Span(decoded.origin, Role.STRONG))
        _render_kinds(page, decoded.machine, wanted)
    return page


# The summary -----------------------------------------------------------------------------------------


def _render_summary(page: Page, decoded: DecodedDump) -> None:
    machine = decoded.machine
    if not machine.kinds:
        page.add(Span(decoded.origin, Role.STRONG), "  no CPU")
        return
    title = machine_title(machine)
    page.add(Span(title, Role.STRONG), Span(f"   {decoded.origin}", Role.DIM))
    for label, text in summary_lines(machine):
        if label:
            add_row(page, label, text)
        else:
            page.add(Span(f"  {text}", Role.STRONG))


def machine_title(machine: Machine) -> str:
    """Give a machine's brand, or what else there is to call it by."""
    identity = machine.kinds[0].facts.identity
    letters = repr(identity.letters) if identity.letters else "an unknown vendor"
    return identity.brand or f"a CPU of {identity.vendor_name or letters}"


def summary_lines(machine: Machine) -> Iterator[Line]:
    """Walk a summary's lines, each a label and a text; a line without a label is the title of a kind of CPU."""
    yield from _machine_lines(machine)
    first = machine.kinds[0].facts
    told: dict[str, str] = {}
    for kind in machine.kinds:
        if len(machine.kinds) > 1:
            yield "", _kind_title(kind)
        lines = dict(_kind_lines(kind.facts, first))
        # What the first kind has told already is the same here.
        yield from ((label, text) for label, text in lines.items() if told.get(label) != text)
        yield from ((label, "none") for label in map(name_cache, first.caches) if label not in lines)
        told = told or lines


def add_row(page: Page, label: str, text: str) -> None:
    """Add a labelled line of a summary, which goes on under itself where it is too long."""
    page.add(Span(f"  {label:<{_LABEL_WIDTH}}", Role.DIM), text, hang=_LABEL_WIDTH + 2)


def _features(facts: Facts, first: Facts) -> Iterator[Line]:
    if facts is first:
        yield "features", f"{len(facts.features)}: {' '.join(facts.features)}"
        if facts.msr_features:
            yield "by MSRs", f"{len(facts.msr_features)}: {' '.join(facts.msr_features)}"
    elif facts.features != first.features:
        yield "features", _feature_difference(facts, first)


def _feature_difference(facts: Facts, first: Facts) -> str:
    more = [name for name in facts.features if name not in first.features]
    fewer = [name for name in first.features if name not in facts.features]
    parts = (("besides", more), ("without", fewer))
    return "; ".join(f"{word} {' '.join(names)}" for word, names in parts if names)


def _machine_lines(machine: Machine) -> Iterator[Line]:
    facts = machine.kinds[0].facts
    yield "CPU", _identity(machine)
    yield "CPUs", _counts(machine)
    if machine.cache_totals:
        yield (
            "caches in all",
            ", ".join(
                f"L{total.level} {describe_kind(total.kind)} {total.instances} x {describe_size(total.size_bytes)}"
                for total in machine.cache_totals
            ),
        )
    if facts.hypervisor is not None:
        names = [interface.title or repr(interface.signature) for interface in facts.hypervisor.interfaces]
        yield "hypervisor", " and ".join(names)


def _identity(machine: Machine) -> str:
    identity = machine.kinds[0].facts.identity
    parts = [identity.vendor_name or (f"letters {identity.letters!r}" if identity.letters else "vendor unknown")]
    if identity.family is not None:
        parts.append(f"family {identity.family:#x}, model {identity.model:#x}, stepping {identity.stepping}")
    design = identity.microarchitecture
    if design is not None:
        designs = " and ".join(dict.fromkeys(name for kind in machine.kinds if (name := _design(kind.facts))))
        parts.append(f"{designs} ({design.code_name})" if design.code_name else designs)
    return "; ".join(parts)


def _design(facts: Facts) -> str | None:
    design = facts.identity.microarchitecture
    return design and design.name


def _counts(machine: Machine) -> str:
    if machine.counts:
        return ", ".join(plural(count, name) for name, count in reversed(machine.counts.items()))
    told = [
        f"{plural(domain.threads, 'thread')} in a {domain.name}"
        for domain in machine.kinds[0].facts.topology.domains
        if domain.threads
    ]
    text = f"{len(machine.members)} in the dump, not told apart by APIC ids"
    return f"{text}; CPUID says {', '.join(told)}" if told else text


def _kind_title(kind: Kind) -> str:
    numbers, core = cpu_numbers(cpu.number for cpu in kind.cpus), kind.facts.core_kind
    if core is None:
        return numbers
    parts = (f"{core.kind or f'model {core.native_model:#x}'} cores", _design(kind.facts))
    return f"{numbers}: {', '.join(filter(None, parts))}"


def _kind_lines(facts: Facts, first: Facts) -> Iterator[Line]:
    for make_lines in _SECTIONS:
        yield from make_lines(facts)
    yield from _features(facts, first)


def _level(facts: Facts) -> Iterator[Line]:
    level = facts.level
    missing = f"the next level lacks {' '.join(level.missing)}" if level.missing else ""
    if facts.features:
        yield "level", "; ".join(filter(None, (level.name or "below x86-64-v1", missing)))


def _addresses(facts: Facts) -> Iterator[Line]:
    addresses = facts.addresses
    if addresses is not None:
        yield "addresses", f"{addresses.physical_bits} bits physical, {addresses.linear_bits} bits linear"


def _frequency(facts: Facts) -> Iterator[Line]:
    told = facts.frequency
    if told is None:
        return
    parts = [
        f"{name} {frequency}"
        for name, frequency in (("base", told.base_mhz), ("highest", told.max_mhz), ("bus", told.bus_mhz))
        if frequency
    ]
    text = ", ".join(f"{part} MHz" for part in parts)
    if told.tsc_hz:
        tsc = f"time-stamp counter {told.tsc_hz / _HZ_PER_MHZ:g} MHz (by {told.tsc_from})"
        text = f"{text}, {tsc}" if text else tsc
    if told.disagreement_percent:
        text += f"; base and time-stamp counter disagree by {told.disagreement_percent:g} %"
    if text:
        yield "frequencies", text


def _errata(facts: Facts) -> Iterator[Line]:
    if facts.errata:
        reasons: dict[str, list[str]] = {}
        for erratum in facts.errata:
            reasons.setdefault(erratum.why, []).append(f"{erratum.leaf:02X}H {erratum.register.upper()}")
        yield "errata mended", "; ".join(f"{', '.join(places)}: {why}" for why, places in reasons.items())


def _caches(facts: Facts) -> Iterator[Line]:
    if facts.trace_cache is not None:
        ways = describe_ways(facts.trace_cache.ways)
        yield "L1 trace", f"{facts.trace_cache.micro_ops} micro-operations, {ways}"
    for cache in facts.caches:
        yield name_cache(cache), ", ".join(filter(None, describe_cache(cache)))


def _tlbs(facts: Facts) -> Iterator[Line]:
    by_kind: dict[str, list[str]] = {}
    for tlb in facts.tlbs:
        by_kind.setdefault(name_tlb(tlb), []).append(describe_tlb(tlb))
    for label, texts in by_kind.items():
        yield label, "; ".join(texts)


def _xsave(facts: Facts) -> Iterator[Line]:
    xsave = facts.xsave
    if xsave is None:
        return
    user = ", ".join(area.name for area in xsave.areas if not area.is_supervisor)
    supervisor = ", ".join(area.name for area in xsave.areas if area.is_supervisor)
    text = f"{xsave.size_bytes} bytes: {user}"
    if supervisor:
        text += f"; for the system {supervisor}"
    sizes_known = all(area.is_supervisor or area.size_bytes for area in xsave.areas)
    if sizes_known and xsave.needed_bytes != xsave.size_bytes:
        text += f" (the areas end at {xsave.needed_bytes} bytes)"
    yield "XSAVE", text


def _sgx(facts: Facts) -> Iterator[Line]:
    sgx = facts.sgx
    if sgx is None:
        return
    parts = [" ".join(sgx.instructions)]
    if sgx.attributes is not None:
        parts.append(f"attributes {' '.join(sgx.attribute_names)}, XFRM {sgx.xfrm:#x}")
    if sgx.sections:
        parts += [f"EPC {describe_size(section.size_bytes)} at {section.base:#x}" for section in sgx.sections]
    elif sgx.sections is not None:
        parts.append("no enclave memory")
    yield "SGX", "; ".join(filter(None, parts))


def _pt(facts: Facts) -> Iterator[Line]:
    if facts.pt is not None:
        yield "PT", ", ".join(facts.pt.abilities)


def _rdt(facts: Facts) -> Iterator[Line]:
    rdt = facts.rdt
    if rdt is None:
        return
    parts = [f"monitors {', '.join(rdt.events)} with {rdt.rmids} ids"] if rdt.events else []
    parts += [f"shares {share.cache} among {share.classes} classes" for share in rdt.caches]
    if rdt.bandwidth_classes:
        parts.append(f"throttles memory for {rdt.bandwidth_classes} classes")
    if parts:
        yield "RDT", "; ".join(parts)


def _pmu(facts: Facts) -> Iterator[Line]:
    pmu = facts.pmu
    if pmu is None:
        return
    width = f" of {pmu.counter_bits} bits" if pmu.counter_bits else ""
    parts = [f"version {pmu.version}"] if pmu.version else []
    parts.append(f"{plural(pmu.counters, 'counter')}{width}")
    if pmu.fixed_counters:
        parts.append(f"{len(pmu.fixed_counters)} fixed of {pmu.fixed_counter_bits} bits")
    if pmu.northbridge_counters:
        parts.append(f"{pmu.northbridge_counters} of the data fabric")
    if pmu.lbr_entries:
        parts.append(f"{pmu.lbr_entries} last-branch entries")
    yield "PMU", ", ".join(parts)


def _encryption(facts: Facts) -> Iterator[Line]:
    sev = facts.sev
    if sev is not None and sev.abilities:
        parts = [" ".join(sev.abilities)]
        # Firmware that has encryption switched off gives zeros.
        parts += [f"C-bit {sev.c_bit}"] if sev.c_bit else []
        parts += [plural(sev.guests, "guest")] if sev.guests else []
        yield "encryption", ", ".join(parts)
    if facts.is_tdx_guest:
        yield "encryption", "a TDX guest"


def _vectors(facts: Facts) -> Iterator[Line]:
    if facts.amx is not None:
        yield (
            "AMX",
            ", ".join(
                f"palette {palette.number}: {palette.tiles} tiles of {palette.rows} x {palette.row_bytes} bytes"
                for palette in facts.amx.palettes
            ),
        )
    if facts.avx10 is not None:
        lengths = ", ".join(map(str, facts.avx10.vector_bits))
        yield "AVX10", f"version {facts.avx10.version}, vectors of {lengths} bits"


_SECTIONS: tuple[Callable[[Facts], Iterator[Line]], ...] = (
    _errata,
    _level,
    _addresses,
    _frequency,
    _caches,
    _tlbs,
    _xsave,
    _sgx,
    _pt,
    _rdt,
    _pmu,
    _encryption,
    _vectors,
)


# Every field -----------------------------------------------------------------------------------------


def _render_kinds(page: Page, machine: Machine, wanted: Wanted) -> None:
    from vcpuid.atlas import Atlas  # noqa: PLC0415 - a summary does without

    atlas = Atlas.load()
    for kind in machine.kinds:
        page.add(Span(_kind_title(kind), Role.STRONG))
        beyond = {key: row for key, row in rows_beyond_maximum(kind.cpus[0]).items() if wanted.has(key)}
        rows = tuple(FieldReader(kind.cpus[0], atlas.field_table).rows(wanted))
        for row in rows:
            _render_row(page, row, kind.cpus[0], atlas)
            for erratum in kind.facts.errata:
                if (erratum.leaf, 0) == (row.leaf, row.subleaf):
                    page.add(Span(f"    {erratum.register:<11}erratum: {erratum.why}", Role.UNSURE))
        for key, registers in beyond.items():
            text = f"  {_leaf(*key)}  {_words(registers)}   above the maximum: this leaf does not exist"
            page.add(Span(text, Role.DIM))
        if not rows and not beyond:
            page.add(f"  no row of {wanted}")


def _words(registers: Registers) -> str:
    return " ".join(f"{name}={word:08x}" for name, word in zip(REGISTERS, registers, strict=True))


def _leaf(leaf: int, subleaf: int) -> str:
    return f"CPUID.{leaf:02X}H.{subleaf}" if leaf in LEAVES_WITH_SUBLEAVES or subleaf else f"CPUID.{leaf:02X}H"


def _render_row(page: Page, row: DecodedRow, cpu: Cpu, atlas: Atlas) -> None:
    head = f"  {_leaf(row.leaf, row.subleaf)}  {_words(row.registers)}"
    page.add(Span(head, Role.STRONG), Span(f"   {atlas.leaf_title(row.leaf)}", Role.DIM))
    for field, value in row.fields:
        bits = f"{field.low}" if field.low == field.high else f"{field.high}:{field.low}"
        role = Role.DIM if value.value is False else Role.PLAIN
        place = f"{field.register.value}[{bits}]"
        text = f"    {place:<11}{field.name:<27} {value.text}"
        description = atlas.describe_field(field)
        if row.leaf == descriptors.LEAF and field.encoding == "hex" and isinstance(value.value, int):
            description = descriptors.describe_byte(cpu, value.value) or description
        page.add(Span(text, role), Span(f"   {description}", Role.DIM))
    for name, word in zip(REGISTERS, row.unnamed, strict=True):
        if word:
            page.add(Span(f"    {name:<11}{'(no field of ours)':<28}0x{word:08x}", Role.UNSURE))
