"""The facts of a CPU in words: lines with a label each, sorted by what they are about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

from vcpuid.decode.facts import Facts
from vcpuid.decode.words import (
    describe_cache,
    describe_size,
    describe_tlb,
    describe_ways,
    name_cache,
    name_tlb,
    plural,
)

_HZ_PER_MHZ = 1_000_000
_Words = Iterator[tuple[str, str]]


class Subject(Enum):
    """What a line is about."""

    CPU = "CPU"
    CACHES = "caches and TLBs"
    STATE = "state and vectors"
    SECURITY = "enclaves and encryption"
    MONITORING = "monitoring and sharing"
    FEATURES = "features"


class Line(NamedTuple):
    """A fact in words."""

    subject: Subject
    label: str
    text: str


def fact_lines(facts: Facts) -> Iterator[Line]:
    """Walk what a CPU tells, features apart."""
    for subject, describe in _DESCRIBERS:
        for label, text in describe(facts):
            yield Line(subject, label, text)


def _level(facts: Facts) -> _Words:
    level = facts.level
    missing = f"the next level lacks {' '.join(level.missing)}" if level.missing else ""
    if facts.features:
        yield "level", "; ".join(filter(None, (level.name or "below x86-64-v1", missing)))


def _addresses(facts: Facts) -> _Words:
    addresses = facts.addresses
    if addresses is not None:
        yield "addresses", f"{addresses.physical_bits} bits physical, {addresses.linear_bits} bits linear"


def _frequency(facts: Facts) -> _Words:
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


def _errata(facts: Facts) -> _Words:
    if facts.errata:
        reasons: dict[str, list[str]] = {}
        for erratum in facts.errata:
            reasons.setdefault(erratum.why, []).append(f"{erratum.leaf:02X}H {erratum.register.upper()}")
        yield "errata mended", "; ".join(f"{', '.join(places)}: {why}" for why, places in reasons.items())


def _caches(facts: Facts) -> _Words:
    if facts.trace_cache is not None:
        ways = describe_ways(facts.trace_cache.ways)
        yield "L1 trace", f"{facts.trace_cache.micro_ops} micro-operations, {ways}"
    for cache in facts.caches:
        yield name_cache(cache), ", ".join(filter(None, describe_cache(cache)))


def _tlbs(facts: Facts) -> _Words:
    by_kind: dict[str, list[str]] = {}
    for tlb in facts.tlbs:
        by_kind.setdefault(name_tlb(tlb), []).append(describe_tlb(tlb))
    for label, texts in by_kind.items():
        yield label, "; ".join(texts)


def _xsave(facts: Facts) -> _Words:
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


def _sgx(facts: Facts) -> _Words:
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


def _pt(facts: Facts) -> _Words:
    if facts.pt is not None:
        yield "PT", ", ".join(facts.pt.abilities)


def _rdt(facts: Facts) -> _Words:
    rdt = facts.rdt
    if rdt is None:
        return
    parts = [f"monitors {', '.join(rdt.events)} with {rdt.rmids} ids"] if rdt.events else []
    parts += [f"shares {share.cache} among {share.classes} classes" for share in rdt.caches]
    if rdt.bandwidth_classes:
        parts.append(f"throttles memory for {rdt.bandwidth_classes} classes")
    if parts:
        yield "RDT", "; ".join(parts)


def _pmu(facts: Facts) -> _Words:
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


def _encryption(facts: Facts) -> _Words:
    sev = facts.sev
    if sev is not None and sev.abilities:
        parts = [" ".join(sev.abilities)]
        # Firmware that has encryption switched off gives zeros.
        parts += [f"C-bit {sev.c_bit}"] if sev.c_bit else []
        parts += [plural(sev.guests, "guest")] if sev.guests else []
        yield "encryption", ", ".join(parts)
    if facts.is_tdx_guest:
        yield "encryption", "a TDX guest"


def _vectors(facts: Facts) -> _Words:
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


_DESCRIBERS: tuple[tuple[Subject, Callable[[Facts], _Words]], ...] = (
    (Subject.CPU, _errata),
    (Subject.CPU, _level),
    (Subject.CPU, _addresses),
    (Subject.CPU, _frequency),
    (Subject.CACHES, _caches),
    (Subject.CACHES, _tlbs),
    (Subject.STATE, _xsave),
    (Subject.SECURITY, _sgx),
    (Subject.MONITORING, _pt),
    (Subject.MONITORING, _rdt),
    (Subject.MONITORING, _pmu),
    (Subject.SECURITY, _encryption),
    (Subject.STATE, _vectors),
)
