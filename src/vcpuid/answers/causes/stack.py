"""Tests of causes by libvirt, by guests and by versions."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vcpuid.answers.causes.case import BY_GUEST, Case, Holding, Tested, some, unread, yes_or_no
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.libvirt import LibvirtEvidence
from vcpuid.evidence.running import ProcessEvidence
from vcpuid.layers import JUDGES
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.lint import near
from vcpuid.rules.qemu.knowledge import load_qemu
from vcpuid.terms.feature import Dialect
from vcpuid.terms.guest import Accelerator, CpuMode
from vcpuid.terms.verdict import Layer

_PLAIN_MODELS = frozenset(("qemu64", "kvm64", "qemu32", "kvm32"))


def stale_cache(_case: Case, evidence: Evidence) -> Tested:
    """Is libvirt's capabilities cache older than a QEMU in it?"""
    if isinstance(evidence.libvirt, Gap):
        return unread(evidence.libvirt)
    cache = evidence.libvirt.cache
    if not cache:
        return Tested(Holding.UNKNOWN, "libvirt's capabilities cache was not read", "Collect the host as root.")
    stale = sorted({file.emulator for file in cache if file.stale})
    found = f"older than {', '.join(stale)}" if stale else "the cache is younger than every QEMU in it"
    return yes_or_no(found, holds=bool(stale))


def _map_of(evidence: Evidence) -> CpuMap | Tested:
    if isinstance(evidence.libvirt, Gap):
        return unread(evidence.libvirt)
    fault = evidence.libvirt.map_fault
    if fault is not None:
        return Tested(Holding.UNKNOWN, str(fault).split("\n", maxsplit=1)[0], fault.next_step or "")
    if evidence.libvirt.cpu_map is None:
        return Tested(Holding.UNKNOWN, "libvirt's CPU map was not read", "Collect the host with --map DIR.")
    return evidence.libvirt.cpu_map


def wrong_mask(case: Case, evidence: Evidence) -> Tested:
    """Has the map a wrong mask for a feature of the text; or, where it names none, one of several bits for any?"""
    cpu_map = _map_of(evidence)
    if isinstance(cpu_map, Tested):
        return cpu_map
    features = cpu_map.features
    wrong = [
        f"{features[name].place}: {feature.name}"
        for feature in case.features
        for name in sorted(feature.spellings(Dialect.LIBVIRT))
        if name in features and not set(features[name].bits) & set(feature.bits)
    ]
    wrong += [
        f"{one.place}: {one.name} has {len(one.bits)} bits" for one in features.values() if len(one.bits) != 1
    ]
    return yes_or_no(some(wrong) or "every feature of the map is one bit", holds=bool(wrong))


def map_damaged(_case: Case, evidence: Evidence) -> Tested:
    """Can the host's map not be read, or has a feature of it several bits?"""
    cpu_map = _map_of(evidence)
    if not isinstance(evidence.libvirt, Gap) and evidence.libvirt.map_fault is not None:
        return Tested(Holding.HOLDS, str(evidence.libvirt.map_fault).split("\n", maxsplit=1)[0])
    if isinstance(cpu_map, Tested):
        return cpu_map
    several = [f"{one.place}: {one.name}" for one in cpu_map.features.values() if len(one.bits) != 1]
    return yes_or_no(some(several) or "the map can be read, and every feature is one bit", holds=bool(several))


def unknown_in_map(case: Case, evidence: Evidence) -> Tested:
    """Is a name of the text missing from the host's map?"""
    cpu_map = _map_of(evidence)
    if isinstance(cpu_map, Tested):
        return cpu_map
    unknown = [name.text for name in case.names if name.text not in cpu_map.features]
    found = f"not in {cpu_map.source}: {', '.join(unknown)}" if unknown else f"{cpu_map.source} has it"
    return yes_or_no(found, holds=bool(unknown))


def model_unknown(case: Case, evidence: Evidence) -> Tested:
    """Is the model of the text one that the host's libvirt or QEMU, whichever speaks, does not have?"""
    model = case.values.get("model", "")
    if case.dialect is Dialect.QEMU:
        return _unknown_to_qemu(model, evidence)
    cpu_map = _map_of(evidence)
    if isinstance(cpu_map, Tested):
        return cpu_map
    return _unknown_to(cpu_map.source, model, cpu_map.models)


def _unknown_to_qemu(model: str, evidence: Evidence) -> Tested:
    tell = "Run: qemu-system-x86_64 -cpu help"
    for version in _versions("qemu", evidence):
        tables = load_qemu(".".join(map(str, _numbers(version))))
        if tables.is_exact:
            return _unknown_to(tables.label, model, tables.models)
        return Tested(Holding.UNKNOWN, f"QEMU {version} has not been measured", tell)
    return Tested(Holding.UNKNOWN, "the version of QEMU is not known", tell)


def _unknown_to(whose: str, model: str, models: Collection[str]) -> Tested:
    if model in models:
        return Tested(Holding.HOLDS_NOT, f"{whose} has {model}")
    return Tested(Holding.HOLDS, f"{whose} has no {model}{near(model, models)}")


def foreign_model(case: Case, evidence: Evidence) -> Tested:
    """Is the guest's model another vendor's than the host's CPU?"""
    if case.guest is None:
        return Tested(Holding.UNKNOWN, would_tell=BY_GUEST)
    cpu_map = _map_of(evidence)
    if isinstance(cpu_map, Tested):
        return cpu_map
    if isinstance(evidence.cpuid, Gap):
        return unread(evidence.cpuid)
    definition = case.guest.definition or case.guest.live
    model = definition.cpu.model if definition else None
    vendor = _vendor_of_model(cpu_map, model)
    if vendor is None:
        return Tested(Holding.HOLDS_NOT, f"{model or 'the guest'} is of no vendor")
    return yes_or_no(
        f"{model} is {vendor}'s, the CPU {evidence.cpuid.vendor}'s", holds=vendor.lower() != evidence.cpuid.vendor
    )


def _vendor_of_model(cpu_map: CpuMap, name: str | None) -> str | None:
    seen = set()
    while name is not None and name in cpu_map.models and name not in seen:
        seen.add(name)
        model = cpu_map.models[name]
        if model.vendor is not None:
            return model.vendor
        name = model.ancestor
    return None


def _processes(case: Case, evidence: Evidence) -> tuple[ProcessEvidence, ...] | Tested:
    """Give the process of the guest that was named, or every QEMU."""
    if isinstance(evidence.processes, Gap):
        return unread(evidence.processes)
    if case.domain is None or isinstance(evidence.domains, Gap):
        return evidence.processes
    pids = {domain.pid for domain in evidence.domains if case.domain in (domain.name, domain.uuid)}
    return tuple(process for process in evidence.processes if process.pid in pids)


def second_cpu(case: Case, evidence: Evidence) -> Tested:
    """Has a QEMU process two -cpu options, or will it?"""
    processes = _processes(case, evidence)
    if isinstance(processes, Tested):
        return processes
    found = [
        f"{one.name or one.pid}: {len(one.command.cpus)} -cpu options" for one in processes if one.command.replaced
    ]
    definition = case.guest.next_definition or case.guest.definition if case.guest else None
    if definition is not None and "-cpu" in definition.passthrough:
        found.append("<qemu:commandline> has a -cpu")
    return yes_or_no(some(found) or f"none of {len(processes)} QEMU processes has two", holds=bool(found))


def binary_replaced(case: Case, evidence: Evidence) -> Tested:
    """Does a QEMU run whose binary an upgrade has replaced?"""
    processes = _processes(case, evidence)
    if isinstance(processes, Tested):
        return processes
    found = [f"{one.name or one.pid} runs a QEMU that is no longer there" for one in processes if one.is_replaced]
    return yes_or_no(some(found) or f"{len(processes)} QEMU processes run the installed one", holds=bool(found))


def tcg(case: Case) -> Tested:
    """Does the guest run under TCG?"""
    if case.values.get("type") == "qemu":
        return Tested(Holding.HOLDS, "the message is of a guest under TCG")
    accelerator = case.guest.accelerator if case.guest else None
    if accelerator is None:
        return Tested(Holding.UNKNOWN, would_tell=BY_GUEST)
    return yes_or_no(f"the guest runs under {accelerator.name}", holds=accelerator is Accelerator.TCG)


def default_model(case: Case, _evidence: Evidence) -> Tested:
    """Is the guest's CPU QEMU's default, or as poor?"""
    guest = case.guest
    definition = (guest.live or guest.definition) if guest else None
    effective = guest.command.effective if guest and guest.command else None
    cpu = effective.cpu if effective else definition.cpu if definition else None
    if cpu is None:
        return Tested(Holding.UNKNOWN, would_tell=BY_GUEST)
    is_plain = cpu.mode is CpuMode.DEFAULT or cpu.model in _PLAIN_MODELS
    return yes_or_no(f"its CPU is {cpu.model or cpu.mode.value}", holds=is_plain)


def nova_mode_none(_case: Case, evidence: Evidence) -> Tested:
    """Does nova.conf say cpu_mode=none?"""
    if isinstance(evidence.nova, Gap):
        return unread(evidence.nova)
    nova = evidence.nova
    if nova.config is None:
        return Tested(Holding.UNKNOWN, nova.refusal or nova.unseen or "")
    mode = nova.config.mode or "not set"
    return yes_or_no(f"cpu_mode is {mode}", holds=nova.cpu.mode is CpuMode.DEFAULT)


def qemu_lacks_name(case: Case, evidence: Evidence) -> Tested:
    """Is the host's QEMU older than a name of the text?"""
    if not case.features:
        return Tested(Holding.UNTESTED, "the text names no feature that is known")
    verdicts = [JUDGES[Layer.QEMU](feature, evidence, case.guest) for feature in case.features]
    lacks = [verdict.summary for verdict in verdicts if verdict.rule == "qemu.unknown-name"]
    if lacks:
        return Tested(Holding.HOLDS, some(lacks))
    unknown = next(
        (verdict for verdict in verdicts if verdict.rule in ("qemu.unread", "qemu.version-unknown")), None
    )
    if unknown is not None:
        return Tested(Holding.UNKNOWN, unknown.summary, unknown.mend)
    return Tested(Holding.HOLDS_NOT, verdicts[0].summary)


def older(case: Case, evidence: Evidence) -> Tested:
    """Is a program of the host older than the version that the row names?"""
    return _by_version(case, evidence, is_older=True)


def at_least(case: Case, evidence: Evidence) -> Tested:
    """Is a program of the host of the version that the row names, or newer?"""
    return _by_version(case, evidence, is_older=False)


def _by_version(case: Case, evidence: Evidence, *, is_older: bool) -> Tested:
    program, wanted = case.argument.split()
    versions = list(_versions(program, evidence))
    if not versions:
        return Tested(Holding.UNKNOWN, f"the version of {program} is not known", "Collect the host anew.")
    such = [version for version in versions if (_numbers(version) < _numbers(wanted)) is is_older]
    return yes_or_no(f"{program} {', '.join(such or versions)}", holds=bool(such))


def _versions(program: str, evidence: Evidence) -> Iterator[str]:
    if program == "qemu" and not isinstance(evidence.qemu, Gap):
        yield from (binary.version for binary in evidence.qemu if binary.version)
    if program == "libvirt" and isinstance(evidence.libvirt, LibvirtEvidence) and evidence.libvirt.version:
        yield evidence.libvirt.version


def _numbers(version: str) -> tuple[int, ...]:
    """Read the leading numbers of a version, past an epoch: `1:7.2+dfsg-7` is 7, 2."""
    numbers = []
    for part in version.rpartition(":")[2].split(".")[:3]:
        digits = part[: next((index for index, letter in enumerate(part) if not letter.isdecimal()), len(part))]
        numbers.append(int(digits[:6] or 0))
    return tuple(numbers)
