"""A decoded dump as text: the summary that people read, and every field for those who look closer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vcpuid.answers.decode import DecodedDump, DecodedRow, FieldReader, Wanted, rows_beyond_maximum
from vcpuid.decode import descriptors
from vcpuid.decode.facts import Facts
from vcpuid.decode.lines import Line, Subject, fact_lines
from vcpuid.decode.machine import Kind, Machine
from vcpuid.decode.rows import REGISTERS
from vcpuid.decode.words import describe_kind, describe_size, name_cache
from vcpuid.render.cpus import cpu_numbers, plural
from vcpuid.render.page import Page, Role, Span
from vcpuid.terms.address import LEAVES_WITH_SUBLEAVES
from vcpuid.terms.dump import Cpu, Registers

if TYPE_CHECKING:
    from vcpuid.atlas import Atlas

_LABEL_WIDTH = 15


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
    for part in summary_parts(machine):
        if part.title:
            page.add(Span(f"  {part.title}", Role.STRONG))
        for line in part.lines:
            add_row(page, line.label, line.text)


def machine_title(machine: Machine) -> str:
    """Give a machine's brand, or what else there is to call it by."""
    identity = machine.kinds[0].facts.identity
    letters = repr(identity.letters) if identity.letters else "an unknown vendor"
    return identity.brand or f"a CPU of {identity.vendor_name or letters}"


class Part(NamedTuple):
    """A part of a summary: what is told of the whole machine, or of a kind of CPU.

    Attributes:
        title: The kind's title; empty for the whole machine.
        lines: What is told.
    """

    title: str
    lines: tuple[Line, ...]


def summary_parts(machine: Machine) -> tuple[Part, ...]:
    """Give a summary: one part where all CPUs are alike, else the machine's and one of each kind."""
    first = machine.kinds[0].facts
    whole = tuple(_machine_lines(machine))
    if len(machine.kinds) == 1:
        return (Part("", (*whole, *_kind_lines(first, first))),)
    parts = [Part("", whole)]
    told: dict[str, Line] = {}
    for kind in machine.kinds:
        lines = {line.label: line for line in _kind_lines(kind.facts, first)}
        # What the first kind has told already is the same here.
        own = [line for label, line in lines.items() if told.get(label) != line]
        own += [
            Line(Subject.CACHES, label, "none") for label in map(name_cache, first.caches) if label not in lines
        ]
        parts.append(Part(_kind_title(kind), tuple(own)))
        told = told or lines
    return tuple(parts)


def add_row(page: Page, label: str, text: str) -> None:
    """Add a labelled line of a summary, which goes on under itself where it is too long."""
    page.add(Span(f"  {label:<{_LABEL_WIDTH}}", Role.DIM), text, hang=_LABEL_WIDTH + 2)


def _features(facts: Facts, first: Facts) -> Iterator[Line]:
    if facts is first:
        yield Line(Subject.FEATURES, "features", f"{len(facts.features)}: {' '.join(facts.features)}")
        if facts.msr_features:
            names = f"{len(facts.msr_features)}: {' '.join(facts.msr_features)}"
            yield Line(Subject.FEATURES, "by MSRs", names)
    elif facts.features != first.features:
        yield Line(Subject.FEATURES, "features", _feature_difference(facts, first))


def _feature_difference(facts: Facts, first: Facts) -> str:
    more = [name for name in facts.features if name not in first.features]
    fewer = [name for name in first.features if name not in facts.features]
    parts = (("besides", more), ("without", fewer))
    return "; ".join(f"{word} {' '.join(names)}" for word, names in parts if names)


def _machine_lines(machine: Machine) -> Iterator[Line]:
    facts = machine.kinds[0].facts
    yield Line(Subject.CPU, "CPU", _identity(machine))
    yield Line(Subject.CPU, "CPUs", _counts(machine))
    if machine.cache_totals:
        totals = ", ".join(
            f"L{total.level} {describe_kind(total.kind)} {total.instances} x {describe_size(total.size_bytes)}"
            for total in machine.cache_totals
        )
        yield Line(Subject.CACHES, "caches in all", totals)
    if facts.hypervisor is not None:
        names = [interface.title or repr(interface.signature) for interface in facts.hypervisor.interfaces]
        yield Line(Subject.CPU, "hypervisor", " and ".join(names))


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
    yield from fact_lines(facts)
    yield from _features(facts, first)


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
