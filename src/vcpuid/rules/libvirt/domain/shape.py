"""Topology, NUMA cells, caches and the width of addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vcpuid.rules.libvirt.domain.subject import Subject, rule
from vcpuid.terms.finding import Finding, Severity
from vcpuid.terms.guest import CpuMode

_NEEDED = ("sockets", "cores", "threads")
_WHOLE_CPU = frozenset((CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM))
_EMULATED_LEVEL = 3
_MOST_CPUS = 1 << 16


def lint(subject: Subject) -> Iterator[Finding]:
    """Give the findings of what a guest sees around its CPU."""
    if subject.cpu.is_host:
        return
    yield from _lint_topology(subject)
    yield from _lint_cells(subject)
    yield from _lint_cache(subject)
    yield from _lint_address_bits(subject)


def _lint_topology(subject: Subject) -> Iterator[Finding]:
    topology, vcpus = subject.cpu.topology, subject.definition.max_vcpus
    if topology is None:
        return
    place = subject.place("topology")
    element = subject.find("topology")
    missing = [name for name in _NEEDED if element is not None and element.get(name) is None]
    if missing:
        yield rule("topology-incomplete").finding(place, expected=" ".join(_NEEDED), missing=missing[0])
    elif vcpus is not None and topology.cpus != vcpus:
        yield rule("topology-vcpus").finding(
            place, str(topology.cpus), str(vcpus), cpus=topology.cpus, vcpus=vcpus
        )


def _lint_cells(subject: Subject) -> Iterator[Finding]:
    vcpus = subject.definition.max_vcpus
    cpus = {cpu for cell in subject.cpu.cells for cpu in _parse_cpus(cell.cpus or "")}
    if vcpus is not None and len(cpus) > vcpus:
        yield rule("numa-cpus").finding(
            subject.place("numa"), str(len(cpus)), str(vcpus), cpus=len(cpus), vcpus=vcpus, last=vcpus - 1
        )


def _parse_cpus(text: str) -> set[int]:
    """Give the CPUs of a set as libvirt writes it (`0-3,^2`); what is no set has none."""
    cpus: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\^?)([0-9]{1,5})(?:-([0-9]{1,5}))?\s*", part)
        if found is None:
            return set()
        span = range(int(found[2]), min(int(found[3] or found[2]), _MOST_CPUS) + 1)
        cpus = cpus.difference(span) if found[1] else cpus.union(span)
    return cpus


def _lint_cache(subject: Subject) -> Iterator[Finding]:
    cache, mode = subject.cpu.cache, subject.cpu.mode
    if cache is None:
        return
    place = subject.place("cache")
    if cache.mode == "passthrough" and mode not in _WHOLE_CPU:
        yield rule("cache-passthrough").finding(place, mode=mode.value)
    elif cache.level != (_EMULATED_LEVEL if cache.mode == "emulate" else None):
        right = "<cache mode='emulate' level='3'/>" if cache.mode == "emulate" else f"<cache mode='{cache.mode}'/>"
        level = "none" if cache.level is None else str(cache.level)
        yield rule("cache-level").finding(place, level, right, mode=cache.mode, level=level, right=right)


def _lint_address_bits(subject: Subject) -> Iterator[Finding]:
    bits = subject.cpu.address_bits
    if bits is None:
        return
    place, is_emulated = subject.place("maxphysaddr"), bits.mode == "emulate"
    if is_emulated and bits.limit is not None:
        finding = rule("address-limit").finding(place, limit=bits.limit)
        yield subject.weighed(finding, Severity.WARNING)
    if is_emulated and bits.bits is None:
        yield subject.weighed(rule("address-bits-missing").finding(place), Severity.ERROR)
    elif bits.mode == "passthrough" and bits.bits is not None:
        yield rule("address-bits").finding(place, bits=bits.bits)
