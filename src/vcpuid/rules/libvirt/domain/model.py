"""Mode, model, vendor and what says how they are compared."""

from __future__ import annotations

from collections.abc import Iterator

from vcpuid.rules.libvirt.domain.subject import Subject, rule
from vcpuid.rules.libvirt.mitigations import missing_mitigations
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.lint import near, nearest
from vcpuid.terms.finding import Finding
from vcpuid.terms.guest import Check, CpuMode, Match

_VENDOR_LETTERS = 12
_QEMU_MODES = {"host": CpuMode.HOST_PASSTHROUGH, "max": CpuMode.MAXIMUM}
_OWN_CPU = frozenset((CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM))


def lint(subject: Subject) -> Iterator[Finding]:
    """Give the findings of a CPU's beginning."""
    if subject.cpu.is_host:
        return
    yield from _lint_model(subject)
    yield from _lint_vendor(subject)
    yield from _lint_effects(subject)
    yield from _lint_passthrough(subject)
    yield from _lint_checks(subject)
    yield from _lint_mitigations(subject)


def _lint_model(subject: Subject) -> Iterator[Finding]:
    cpu = subject.cpu
    place = subject.place("model")
    if cpu.model is None:
        if cpu.requests and cpu.mode in (CpuMode.CUSTOM, CpuMode.DEFAULT):
            yield rule("features-without-model").finding(cpu.requests[0].place)
        elif cpu.mode is CpuMode.CUSTOM:
            yield rule("custom-without-model").finding(cpu.place)
        return
    if cpu.mode is not CpuMode.CUSTOM or cpu.model in subject.cpu_map.models:
        return
    if cpu.model in _QEMU_MODES:
        yield rule("model-is-mode").finding(place, cpu.model, model=cpu.model, mode=_QEMU_MODES[cpu.model].value)
    elif cpu.model in shipped_map().models:
        yield rule("newer-model").finding(
            place,
            cpu.model,
            model=cpu.model,
            newest=shipped_map().version,
            title=subject.cpu_map.title,
            near=near(cpu.model, (name for name in subject.cpu_map.models if not name.startswith(cpu.model))),
        )
    else:
        right = nearest(cpu.model, subject.cpu_map.models)
        advice = f"Did you mean {right}?" if right else "`virsh cpu-models x86_64` lists the models."
        yield rule("unknown-model").finding(place, cpu.model, right or "", model=cpu.model, near=advice)


def _lint_vendor(subject: Subject) -> Iterator[Finding]:
    cpu = subject.cpu
    if cpu.vendor_id is not None and (len(cpu.vendor_id) != _VENDOR_LETTERS or "," in cpu.vendor_id):
        yield rule("vendor-id").finding(subject.place("model"), cpu.vendor_id, vendor_id=cpu.vendor_id)
    if cpu.vendor is None:
        return
    place = subject.place("vendor")
    if cpu.model is None:
        yield rule("vendor-without-model").finding(place)
    elif cpu.vendor not in subject.cpu_map.vendors:
        vendors = ", ".join(subject.cpu_map.vendors)
        yield rule("unknown-vendor").finding(place, cpu.vendor, vendors, vendor=cpu.vendor, vendors=vendors)
    elif subject.vendor is not None and subject.vendor != cpu.vendor:
        yield rule("vendor-of-another-model").finding(
            place, cpu.vendor, subject.vendor, vendor=cpu.vendor, model=cpu.model, theirs=subject.vendor
        )


def _lint_effects(subject: Subject) -> Iterator[Finding]:
    cpu, mode = subject.cpu, subject.cpu.mode
    if cpu.migratable is not None and mode not in _OWN_CPU:
        yield rule("migratable-not-allowed").finding(cpu.place, mode=mode.value)
    if mode in (CpuMode.CUSTOM, CpuMode.DEFAULT):
        return
    if cpu.match is not Match.EXACT:
        yield rule("match-without-effect").finding(cpu.place, match=cpu.match.value, mode=mode.value)
    if cpu.model is not None:
        yield rule("model-without-effect").finding(subject.place("model"), model=cpu.model, mode=mode.value)
    elif cpu.fallback is not None:
        yield rule("fallback-without-effect").finding(subject.place("model"), mode=mode.value)


def _lint_passthrough(subject: Subject) -> Iterator[Finding]:
    cpu, mode = subject.cpu, subject.cpu.mode
    if mode is CpuMode.HOST_PASSTHROUGH and subject.is_tcg:
        yield rule("tcg-passthrough").finding(cpu.place)
    elif mode in _OWN_CPU and subject.is_kvm:
        if cpu.migratable is False:
            yield rule("not-to-migrate").finding(cpu.place, mode=mode.value)
        else:
            yield rule("passthrough-ties").finding(cpu.place, mode=mode.value)


def _lint_checks(subject: Subject) -> Iterator[Finding]:
    cpu = subject.cpu
    if cpu.mode not in (CpuMode.CUSTOM, CpuMode.HOST_MODEL) or not subject.is_kvm:
        return
    # libvirt itself writes check='none' for modes that it does not compare.
    if cpu.check is Check.NONE and subject.required:
        count = f"{len(subject.required)} feature{'s are' if len(subject.required) > 1 else ' is'}"
        yield rule("check-none").finding(cpu.place, "none", "partial", count=count)
    if cpu.mode is CpuMode.CUSTOM and cpu.match is Match.STRICT and subject.is_compared:
        yield rule("match-strict").finding(cpu.place, "strict", "exact")


def _lint_mitigations(subject: Subject) -> Iterator[Finding]:
    if not subject.contents or not subject.is_kvm:
        return
    has = subject.contents | subject.asked.keys()
    missing = missing_mitigations(subject.vendor, has, subject.cpu_map.features)
    if missing:
        yield rule("mitigations").finding(subject.place("model"), model=subject.cpu.model, names=" ".join(missing))
