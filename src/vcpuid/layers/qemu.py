"""QEMU: does this binary know the feature, and can it give it under this accelerator?"""

from __future__ import annotations

from vcpuid.atlas import describe_since, known_in
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest
from vcpuid.evidence.qemu import QmpAnswer
from vcpuid.layers.rule import name_fields, rule, unread
from vcpuid.layers.special import always_given, beside_cpuid, follows_topology, on_request
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.verdict import Layer, Provenance, Verdict

_FULLEST = {Accelerator.KVM: "host", Accelerator.TCG: "max"}

_ADVICE = {
    Accelerator.KVM: (
        "QEMU {version} does not give {feature} on this host: see what it warns of, "
        "`{path} -accel kvm -cpu host,+{qemu} -S -display none -monitor stdio`."
    ),
    Accelerator.TCG: (
        "TCG of QEMU {version} does not emulate {feature}. "
        "Run the guest under KVM (type='kvm') on a host that has it."
    ),
}


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge by QEMU's own answers where it was asked, else by our table of names for its version."""
    accelerator = (guest.accelerator if guest else None) or Accelerator.KVM
    names = feature.spellings(Dialect.QEMU)
    if on_request(feature) and not feature.name.startswith("hv-"):
        return rule("qemu.on-request").verdict("given when asked for by name")
    if follows_topology(feature):
        return rule("qemu.topology").verdict("set by the guest's own -smp")
    beside = beside_cpuid(feature)
    if beside is not None:
        return rule("qemu.beside").verdict(beside)
    if not names:
        return rule("qemu.no-name").verdict("QEMU has no name for it")
    if always_given(feature, accelerator):
        return rule("qemu.adds").verdict("QEMU gives it itself")
    if guest is not None and guest.launch_security:
        return rule("qemu.launch-security").verdict(f"launch security {guest.launch_security}")
    answer = _answer_for(evidence, accelerator, guest)
    if answer is not None:
        decided = _judge_answer(feature, answer, names)
        if decided is not None:
            return decided
    return _judge_version(feature, evidence, guest)


def _answer_for(evidence: Evidence, accelerator: Accelerator, guest: Guest | None) -> QmpAnswer | None:
    if isinstance(evidence.qmp, Gap):
        return None
    fitting = [answer for answer in evidence.qmp if answer.accelerator is accelerator]
    emulator = guest.emulator if guest else None
    exact = [answer for answer in fitting if answer.path == emulator]
    return next(iter(exact or fitting), None)


def _judge_answer(feature: Feature, answer: QmpAnswer, names: frozenset[str]) -> Verdict | None:
    label = f"{answer.path} {answer.version}"
    fullest = answer.expansions.get(_FULLEST[answer.accelerator]) or answer.expansions.get("max") or {}
    known = [fullest[name] for name in sorted(names) if name in fullest]
    if answer.properties is not None and not names & answer.properties and not known:
        return _unknown_name(feature, answer.version, Provenance("QMP device-list-properties", label))
    if feature.name == "sgx" and answer.accelerator is Accelerator.KVM and answer.sgx_error:
        proof = [Provenance("QMP query-sgx-capabilities", answer.sgx_error)]
        return rule("qemu.no-sgx").verdict(answer.sgx_error, proof, mend=f"QEMU said: {answer.sgx_error}.")
    if not known:
        return None
    model = _FULLEST[answer.accelerator]
    proof = [Provenance("QMP query-cpu-model-expansion", f"{label}, {model}: {str(any(known)).lower()}")]
    unmigratable = answer.expansions.get("host,migratable=off") or {}
    if not any(known) and any(unmigratable.get(name) for name in names):
        proof.append(Provenance("QMP query-cpu-model-expansion", f"{label}, host,migratable=off: true"))
        return rule("qemu.not-migratable").verdict("only with migratable=off", proof)
    conclusion = "expands" if any(known) else "expands-not"
    advice = _ADVICE[answer.accelerator].format(**name_fields(feature), path=answer.path, version=answer.version)
    return rule(f"qemu.{conclusion}").verdict(f"{model} expansion; the name is known", proof, advice=advice)


def _judge_version(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    fields = name_fields(feature)
    if evidence.snapshot.record("qmp").state == "failed" and isinstance(evidence.qmp, Gap):
        return unread(Layer.QEMU, evidence.qmp)
    if isinstance(evidence.qemu, Gap):
        return unread(Layer.QEMU, evidence.qemu)
    emulator = guest.emulator if guest else None
    binaries = sorted(evidence.qemu, key=lambda binary: binary.path != emulator)
    if not binaries:
        return unread(Layer.QEMU, Gap("QEMU", "no binary found", "--qemu PATH names one."))
    binary = binaries[0]
    version = binary.version
    since = min((name.since for name in feature.names[Dialect.QEMU] if name.since), default="")
    knows = known_in(Dialect.QEMU, since, version) if version else None
    dated = describe_since(Dialect.QEMU, since)
    proof = Provenance(f"{binary.path} {version or '(unknown version)'}", f"name known since {dated}")
    if knows is None:
        return rule("qemu.version-unknown").verdict(
            f"QEMU {version or 'of unknown version'}; name known since {dated}", [proof], **fields
        )
    if knows:
        return rule("qemu.name-known").verdict(f"the name is known ({dated}); not asked", [proof], **fields)
    return _unknown_name(feature, str(version), proof)


def _unknown_name(feature: Feature, version: str, proof: Provenance) -> Verdict:
    since = min((name.since for name in feature.names[Dialect.QEMU] if name.since), default="")
    return rule("qemu.unknown-name").verdict(
        f"QEMU {version} does not know the name",
        [proof],
        version=version,
        since=describe_since(Dialect.QEMU, since),
        **name_fields(feature),
    )
