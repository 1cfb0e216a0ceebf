"""Process: does the QEMU process's own -cpu ask for it?"""

from __future__ import annotations

from vcpuid.errors import InputError
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest
from vcpuid.guest.qemu import CommandLine, CpuArgument
from vcpuid.layers.asking import DEFAULT_MODEL, libvirt_names
from vcpuid.layers.forecast import qemu_of
from vcpuid.layers.rule import name_fields, rule
from vcpuid.layers.special import (
    beside_cpuid,
    follows_topology,
    is_guest_made,
    is_kvm_paravirtual,
    is_not_migratable,
    on_by_default,
    on_request,
)
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.guest import Accelerator, CpuMode
from vcpuid.terms.verdict import Provenance, Verdict


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge the -cpu option that counts: the last one."""
    if guest is None or guest.command is None:
        if guest is not None and guest.running:
            return rule("process.unread").verdict("its command line is not in the evidence")
        return rule("process.none").verdict("not running" if guest else "no guest given")
    command = guest.command
    names = feature.spellings(Dialect.QEMU)
    effective = command.effective
    asked = effective.cpu.request_for(names) if effective else None
    proof = _proof(command)
    if effective is not None and asked is not None:
        conclusion = "require" if asked.policy.asks else "disable"
        if conclusion == "disable" and _replaced_one_asks(command, names):
            conclusion = "replaced"
        summary = f"-cpu {_shorten(effective.text, asked.name)}"
        return rule(f"process.{conclusion}").verdict(summary, proof, libvirt=_libvirt(feature, evidence))
    by_default = _judge_default(feature, command, proof)
    if by_default is not None:
        return by_default
    if effective is not None and effective.cpu.mode in (CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM):
        return rule("process.passthrough").verdict(f"-cpu {_model_of(effective)}", proof)
    if _replaced_one_asks(command, names):
        return rule("process.replaced").verdict(
            f"a second -cpu {_model_of(command.cpus[-1])}", proof, libvirt=_libvirt(feature, evidence)
        )
    model = effective.cpu.model if effective else DEFAULT_MODEL
    has = _expansion_has(evidence, guest, model or DEFAULT_MODEL, names)
    summary = f"-cpu {model}" if effective else f"no -cpu: {model}"
    if has is None:
        return _judge_by_table(feature, evidence, guest, proof, summary) or rule("process.undecided").verdict(
            f"{summary}: contents not in the evidence", proof
        )
    conclusion = "model" if has else "model-lacks"
    return rule(f"process.{conclusion}").verdict(
        f"{summary} {'has' if has else 'lacks'} it", proof, qemu=feature.name_in(Dialect.QEMU) or feature.name
    )


def _judge_default(feature: Feature, command: CommandLine, proof: list[Provenance]) -> Verdict | None:
    """Judge what QEMU does unasked: its defaults, and what it leaves out of a CPU that may migrate."""
    cpu = command.effective.cpu if command.effective else None
    hidden = cpu.request_for(frozenset(("kvm",))) if cpu and is_kvm_paravirtual(feature) else None
    if hidden is not None and not hidden.policy.asks:
        return rule("process.disable").verdict("kvm=off hides KVM's own leaves", proof)
    if on_by_default(feature, command.accelerator or Accelerator.KVM):
        return rule("process.default").verdict("on by default in QEMU", proof)
    passes_all = cpu is not None and cpu.mode in (CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM)
    migratable = cpu.request_for(frozenset(("migratable",))) if cpu else None
    if passes_all and is_not_migratable(feature) and (migratable is None or migratable.policy.asks):
        return rule("process.migratable").verdict(
            "-cpu host leaves out what cannot migrate", proof, **name_fields(feature)
        )
    if follows_topology(feature) or is_guest_made(feature) or (on_request(feature) and passes_all):
        return rule("process.beside").verdict(beside_cpuid(feature) or "", proof)
    return None


def _proof(command: CommandLine) -> list[Provenance]:
    lines = [Provenance(str(command.place), f"-cpu {argument.text}") for argument in command.cpus]
    if command.replaced:
        lines.append(Provenance(str(command.place), f"{len(command.cpus)} -cpu options; the last counts"))
    return lines or [Provenance(str(command.place), "no -cpu option")]


def _replaced_one_asks(command: CommandLine, names: frozenset[str]) -> bool:
    requests = (argument.cpu.request_for(names) for argument in command.replaced)
    return any(request is not None and request.policy.asks for request in requests)


def _libvirt(feature: Feature, evidence: Evidence) -> str:
    return min(libvirt_names(feature, evidence), default=feature.name)


def _model_of(argument: CpuArgument) -> str:
    return argument.text.split(",", maxsplit=1)[0]


def _shorten(text: str, name: str) -> str:
    """Show the model and the option that names the feature; the rest stays in the evidence."""
    model, *options = text.split(",")
    place = next((place for place, option in enumerate(options) if name in _names_of(option)), 0)
    before = ",..." if place else ""
    after = ",..." if place + 1 < len(options) else ""
    return f"{model}{before},{options[place]}{after}"


def _names_of(option: str) -> tuple[str, str]:
    written = option.lstrip("+-").partition("=")[0]
    return written, written.replace("_", "-")


def _judge_by_table(
    feature: Feature, evidence: Evidence, guest: Guest, proof: list[Provenance], summary: str
) -> Verdict | None:
    """Judge by the measured contents of the model in the guest's version of QEMU."""
    known = qemu_of(evidence, guest)
    names = sorted(feature.spellings(Dialect.QEMU))
    asked = next((found.name for name in names if known and (found := known.feature(name))), None)
    if known is None or asked is None or guest.command is None:
        return None
    effective = guest.command.effective
    try:
        machine = known.machine(guest.command.machine)
        name = (effective.cpu.model if effective else None) or machine.cpu
        model = known.model(known.version_meant(name, machine))
    except InputError:
        return None
    has = asked in model.features
    rules = f"the tables of {known.label}"
    conclusion = "model-by-table" if has else "model-by-table-lacks"
    return rule(f"process.{conclusion}").verdict(
        f"{summary} {'has' if has else 'lacks'} it, by {rules}",
        [*proof, Provenance(rules, f"contents of {model.name}")],
        predicted_by=rules,
        qemu=asked,
    )


def _expansion_has(evidence: Evidence, guest: Guest, model: str, names: frozenset[str]) -> bool | None:
    if isinstance(evidence.qmp, Gap):
        return None
    for answer in evidence.qmp:
        properties = answer.expansions.get(model)
        if answer.accelerator is guest.accelerator and properties is not None:
            known = [properties[name] for name in names if name in properties]
            return any(known) if known else None
    return None
