"""Linting a -cpu option: what QEMU refuses, what it drops without a word, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from vcpuid.atlas import Atlas
from vcpuid.atlas.dating import describe_since
from vcpuid.errors import InputError
from vcpuid.guest.qemu import CommandLine, CpuArgument, CpuOption, find_faults, find_warnings
from vcpuid.rules.lint import LintRule, load_rules, nearest
from vcpuid.rules.qemu.definition import Asker
from vcpuid.rules.qemu.knowledge import TABLES, Qemu, model_since
from vcpuid.rules.qemu.predict import predict
from vcpuid.rules.qemu.prediction import Prediction, Reason
from vcpuid.terms.dump import Cpu
from vcpuid.terms.feature import Dialect
from vcpuid.terms.finding import Finding
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.place import Place
from vcpuid.terms.verdict import State

RULES = f"{TABLES}/cpu_rules.toml"

_OTHERS = tuple(dialect for dialect in Dialect if dialect is not Dialect.QEMU)
_ONE_FEATURE = {
    Reason.DEPENDENCY: "dependency",
    Reason.CONFLICT: "conflict",
    Reason.LEVEL: "above-maximum",
}


def rule(name: str) -> LintRule:
    """Give a rule by its row."""
    return load_rules(RULES, "cpu")[name]


def lint_command(command: CommandLine, qemu: Qemu) -> tuple[Finding, ...]:
    """Lint what a command line says of the CPU, by the tables of a QEMU."""
    place, argument = command.place, command.effective
    findings: list[Finding] = []
    if command.replaced:
        models = [one.model for one in command.cpus]
        findings.append(
            rule("second-cpu").finding(place, count=len(models), used=models[-1], forgotten=", ".join(models[:-1]))
        )
    if argument is None:
        return tuple(findings)
    accelerator = command.accelerator or Accelerator.KVM
    refused = [*_refused(argument, qemu, accelerator, place)]
    findings += [*refused, *_doubtful(argument, place)]
    if not refused:
        prediction = _predict(command, qemu, None)
        findings += [] if prediction is None else [*_lost(prediction, qemu, place)]
        if prediction is not None and accelerator is Accelerator.TCG:
            findings += _not_given(prediction, f"TCG of {qemu.label}", place)
    return tuple(findings)


def lint_command_on_host(command: CommandLine, qemu: Qemu, host: str, given: Cpu) -> Iterator[Finding]:
    """Give what a host's KVM cannot give of what a command line asks for; nothing for one that does not start."""
    argument = command.effective
    if argument is None or command.accelerator is Accelerator.TCG:
        return
    if any(_refused(argument, qemu, Accelerator.KVM, command.place)):
        return
    prediction = _predict(command, qemu, given)
    for finding in () if prediction is None else _not_given(prediction, "KVM", command.place):
        yield replace(finding, host=host)


def _predict(command: CommandLine, qemu: Qemu, given: Cpu | None) -> Prediction | None:
    accelerator = command.accelerator or Accelerator.KVM
    try:
        return predict(command.effective, qemu, machine=command.machine, accelerator=accelerator, host=given)
    except InputError:
        return None  # a machine type that was not measured


def _refused(argument: CpuArgument, qemu: Qemu, accelerator: Accelerator, place: Place) -> Iterator[Finding]:
    faults = list(find_faults(argument))
    for fault in faults:
        said = f': "{fault.qemu}"' if fault.qemu else ""
        yield rule("grammar").finding(
            place, fault.found, fault.expected, reason=fault.message, said=said, right=fault.expected
        )
    faulty = {fault.found for fault in faults}
    model = argument.model
    if model == "host" and accelerator is Accelerator.TCG:
        yield rule("host-under-tcg").finding(place, model, "max")
    if model not in qemu.models and model not in faulty:
        advice = _advice_on_model(model, qemu)
        yield rule("unknown-model").finding(place, model, qemu=qemu.label, model=model, advice=advice)
    for option in argument.options:
        if option.text not in faulty and not _is_known(option, qemu):
            advice = _advice_on_property(option, qemu)
            yield rule("unknown-property").finding(
                place, option.text, qemu=qemu.label, model=model, name=option.name, advice=advice
            )


def _is_known(option: CpuOption, qemu: Qemu) -> bool:
    if qemu.feature(option.name) is not None or option.name in qemu.properties:
        return True
    known = option.known
    return known is not None and known.feature is None and known.name in qemu.properties


def _advice_on_model(model: str, qemu: Qemu) -> str:
    if since := model_since(model):
        return f"It is a model of QEMU {describe_since(Dialect.QEMU, since)}: use that, or another model."
    close = nearest(model.lower(), [name.lower() for name in qemu.models])
    right = next((name for name in qemu.models if name.lower() == close), None)
    return f"Did you mean {right}?" if right else "`qemu-system-x86_64 -cpu help` lists them."


def _advice_on_property(option: CpuOption, qemu: Qemu) -> str:
    known, name = option.known, option.name
    if known is not None and known.until:
        return f"It was last seen in QEMU {known.until}: leave it out."
    if known is not None:
        since = describe_since(Dialect.QEMU, known.since)
        return f"It is known since QEMU {since}: use that, or leave it out." if since else "Leave it out."
    right = _in_another_dialect((name, name.replace("-", "_")), qemu)
    right = right or nearest(name.lower(), [*qemu.features, *qemu.aliases, *qemu.properties])
    return f"Did you mean {right}?" if right else "`vcpuid explain` knows every feature by name or address."


def _in_another_dialect(names: Iterable[str], qemu: Qemu) -> str | None:
    atlas = Atlas.load()
    found = (atlas.named(dialect, name) for name in names for dialect in _OTHERS)
    spelled = (feature.name_in(Dialect.QEMU) for feature in found if feature is not None)
    return next((name for name in spelled if name and qemu.feature(name)), None)


def _doubtful(argument: CpuArgument, place: Place) -> Iterator[Finding]:
    """Give what QEMU takes, and whoever wrote it may not mean."""
    warnings = find_warnings(argument)
    if warnings:
        yield rule("ambiguous").finding(place, said=warnings[0])
    switched: dict[str, list[CpuOption]] = {}
    for option in argument.options:
        if option.known is not None and option.known.is_switch:
            switched.setdefault(option.known.name, []).append(option)
    for name, options in switched.items():
        if len({option.means for option in options}) > 1:
            request = argument.cpu.request_for(frozenset(option.name for option in options))
            result = "for" if request is not None and request.policy.asks else "not for"
            texts = ", ".join(option.text for option in options)
            yield rule("contradiction").finding(place, name=name, options=texts, result=result)
        if name == "migratable" and options[-1].means is False:
            yield rule("not-migratable").finding(place, options[-1].text)


def _lost(prediction: Prediction, qemu: Qemu, place: Place) -> Iterator[Finding]:
    """Give the features that the option itself names and that QEMU drops whatever the host can give."""
    for name, fate in prediction.fates.items():
        if fate.asker is not Asker.DEFINITION:
            continue
        states = {prediction.has(bits) for bits in qemu.features[name].bits}
        is_beyond = fate.reason is Reason.UNDECIDED and State.ABSENT in states
        row = "above-maximum" if is_beyond else _ONE_FEATURE.get(fate.reason)
        if row is not None:
            others = ", ".join(fate.others)
            yield rule(row).finding(place, name, name=name, needs=others, others=others)


def _not_given(prediction: Prediction, accelerator: str, place: Place) -> Iterator[Finding]:
    askers = (Asker.MODEL, Asker.DEFINITION) if prediction.starts is False else (Asker.DEFINITION,)
    lost = [
        name for name, fate in prediction.fates.items() if fate.reason is Reason.SUPPLY and fate.asker in askers
    ]
    if lost:
        row = "enforce-fails" if prediction.starts is False else "accelerator-lacks"
        yield rule(row).finding(place, accelerator=accelerator, names=", ".join(sorted(lost)))
