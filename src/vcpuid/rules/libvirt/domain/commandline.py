"""A -cpu that somebody wrote into <qemu:commandline>, beside the one that libvirt makes of <cpu>."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from vcpuid.atlas import Atlas
from vcpuid.errors import UsageError
from vcpuid.guest.libvirt.domain import QEMU_NAMESPACE
from vcpuid.guest.qemu import check_cpu, parse_cpu
from vcpuid.rules.libvirt.domain.subject import Subject, rule
from vcpuid.terms.feature import Dialect
from vcpuid.terms.finding import Finding
from vcpuid.terms.guest import CpuMode, GuestCpu
from vcpuid.terms.place import Place

_OPTIONS = ("-cpu", "--cpu")


def lint(subject: Subject) -> Iterator[Finding]:
    """Give the findings of <qemu:commandline>."""
    elements = subject.root.iterfind(f"{QEMU_NAMESPACE}commandline/{QEMU_NAMESPACE}arg")
    arguments = subject.definition.passthrough
    for element, (option, value) in zip(elements, pairwise((*arguments, "")), strict=True):
        if option not in _OPTIONS:
            continue
        place = Place(subject.source, element.sourceline)
        if not value:
            yield rule("passthrough-cpu-without-value").finding(place)
            continue
        try:
            check_cpu(value, source=place.source)
        except UsageError as error:
            mend = f"Write {error.expected}." if error.expected else "Correct it, or remove both arguments."
            yield rule("passthrough-cpu-fault").finding(place, value, reason=error.message, mend=mend)
        instead = _instead(parse_cpu(value, Place("-cpu")).cpu, subject)
        yield rule("passthrough-cpu").finding(place, f"-cpu {value}", instead=instead)


def _instead(cpu: GuestCpu, subject: Subject) -> str:
    """Say what <cpu> has to hold for the same CPU."""
    parts = [f"<cpu mode='{cpu.mode.value}'>"] if cpu.mode is not CpuMode.CUSTOM else []
    if cpu.model and cpu.model != subject.cpu.model:
        parts.append(f"<model>{cpu.model}</model>")
    for request in cpu.requests:
        feature = Atlas.load().named(Dialect.QEMU, request.name)
        if feature is not None and (name := feature.name_in(Dialect.LIBVIRT)):
            parts.append(f"<feature policy='{request.policy.value}' name='{name}'/>")
    return f", and write in <cpu>: {' '.join(dict.fromkeys(parts))}" if parts else ""
