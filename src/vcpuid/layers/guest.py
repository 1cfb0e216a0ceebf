"""Guest: what did it get? Its own CPUID outranks QEMU's report, which outranks libvirt's live XML."""

from __future__ import annotations

from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import Guest
from vcpuid.evidence.running import MonitorEvidence
from vcpuid.guest.libvirt import DomainDefinition
from vcpuid.layers.asking import libvirt_names, map_of, model_has
from vcpuid.layers.forecast import forecast
from vcpuid.layers.rule import rule
from vcpuid.layers.words import has_all, show_words, word_evidence
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.guest import CpuMode
from vcpuid.terms.verdict import Provenance, State, Verdict


def judge(feature: Feature, evidence: Evidence, guest: Guest | None) -> Verdict:
    """Judge by the best evidence that decides: inside, then QMP, then the live XML, then by prediction."""
    if guest is None:
        return rule("guest.none").verdict("no guest given")
    if not (guest.running or guest.inside):
        return _predict(feature, evidence, guest) or rule("guest.none").verdict("not running")
    verdict: Verdict | None = None
    if guest.inside is not None:
        verdict = _judge_inside(feature, guest)
    if verdict is None and guest.monitor is not None:
        verdict = _judge_monitor(feature, guest.monitor)
    if verdict is None and guest.live is not None:
        verdict = _judge_live(feature, evidence, guest.live)
    if verdict is None or verdict.state is State.UNKNOWN:
        verdict = _predict(feature, evidence, guest) or verdict
    return verdict or rule("guest.unread").verdict("nothing tells what it got")


def _predict(feature: Feature, evidence: Evidence, guest: Guest) -> Verdict | None:
    found = forecast(evidence, guest)
    state = found.has(feature) if found else State.UNKNOWN
    if found is None or not state.decided:
        return None
    conclusion = "predicted" if state is State.PRESENT else "predicted-lacks"
    reason = found.reason(feature)
    rules = f"the rules of {found.prediction.rules}"
    proof = [
        Provenance(rules, f"-cpu {found.cpu}" if found.cpu else "QEMU's default model"),
        Provenance(f"{found.supply}, as QEMU meets it", reason or state.value),
    ]
    summary = f"predicted by {rules}" + (f": {reason}" if reason else "")
    return rule(f"guest.{conclusion}").verdict(summary, proof, predicted_by=rules)


def _judge_inside(feature: Feature, guest: Guest) -> Verdict | None:
    if guest.inside is None or not guest.inside.dump.cpus:
        return None
    cpus = guest.inside.dump.cpus
    found = [has_all(cpu, feature) for cpu in cpus]
    shown = next((cpu for cpu, has in zip(cpus, found, strict=True) if not has), cpus[0])
    if False not in found and None in found:
        return None
    conclusion = "inside" if all(found) else "inside-lacks"
    return rule(f"guest.{conclusion}").verdict(
        f"inside: {show_words(shown, feature)}", word_evidence("CPUID inside the guest", shown, feature)
    )


def _judge_monitor(feature: Feature, monitor: MonitorEvidence) -> Verdict | None:
    names = feature.spellings(Dialect.QEMU)
    dropped = names & monitor.dropped
    known = {name: monitor.properties[name] for name in sorted(names) if name in monitor.properties}
    if dropped:
        proof = [Provenance("QMP qom-get unavailable-features", ", ".join(sorted(dropped)))]
        return rule("guest.monitor-lacks").verdict("reported by QEMU: unavailable", proof)
    if not known:
        return None
    proof = [Provenance(f"QMP qom-get {name}", str(value).lower()) for name, value in known.items()]
    conclusion = "monitor" if any(known.values()) else "monitor-lacks"
    return rule(f"guest.{conclusion}").verdict("reported by QEMU: QMP", proof)


def _judge_live(feature: Feature, evidence: Evidence, live: DomainDefinition) -> Verdict:
    names = libvirt_names(feature, evidence)
    request = live.cpu.request_for(names)
    if request is not None:
        conclusion = "live" if request.policy.asks else "live-dropped"
        return rule(f"guest.{conclusion}").verdict(
            f"reported by QEMU: live XML policy={request.policy.value!r}",
            [Provenance(str(request.place), f"{request.name}: {request.policy.value}")],
        )
    proof = [Provenance(str(live.cpu.place), f"mode {live.cpu.mode.value}, model {live.cpu.model}")]
    # A second -cpu makes the model in the XML a fiction: libvirt does not know of it.
    if live.cpu.mode is not CpuMode.CUSTOM or "-cpu" in live.passthrough or not names:
        return rule("guest.undecided").verdict("the live XML does not tell", proof)
    has = model_has(names, live.cpu.model, map_of(evidence))
    if has is None:
        return rule("guest.undecided").verdict(f"model {live.cpu.model}: contents not in the evidence", proof)
    conclusion = "live" if has else "live-lacks"
    return rule(f"guest.{conclusion}").verdict(
        f"reported by QEMU: live XML, model {live.cpu.model} {'has' if has else 'lacks'} it", proof
    )
