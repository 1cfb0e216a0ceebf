"""The mode, the models, and what turns Nova's checks off."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations

from vcpuid.guest.nova import Item, NovaConfig, read_flags
from vcpuid.rules.libvirt.mitigations import missing_mitigations
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.lint import nearest
from vcpuid.rules.nova.lint.subject import Subject, rule
from vcpuid.terms.finding import Finding
from vcpuid.terms.guest import CpuMode


def lint(subject: Subject) -> Iterator[Finding]:
    """Give the findings of the options beside the flags."""
    config = subject.config
    if config is None:
        return
    yield from _lint_contradictions(config)
    yield from _lint_mode(subject, config)
    yield from _lint_models(subject, config)
    yield from _lint_order(subject)
    yield from _lint_mitigations(subject, config)
    yield from _lint_checks(subject, config)


def _lint_contradictions(config: NovaConfig) -> Iterator[Finding]:
    words = config.contradiction
    if words is None:
        return
    mode = config.mode or "not set"
    if config.accelerator is None:
        name = "mode-of-hypervisor"
        yield rule(name).finding(config.mode_place, mode=mode, virt_type=config.virt_type, words=words)
    elif config.models:
        yield rule("models-without-mode").finding(config.models[0].place, mode=mode, words=words)
    else:
        yield rule("mode-without-models").finding(config.mode_place, words=words)


def _lint_mode(subject: Subject, config: NovaConfig) -> Iterator[Finding]:
    if config.accelerator is None:
        return
    if config.mode == "none":
        yield rule("mode-none").finding(config.mode_place)
    elif config.effective_mode is CpuMode.HOST_PASSTHROUGH and config.virt_type == "kvm":
        yield rule("passthrough-ties").finding(config.mode_place)
    if config.virt_type == "qemu" and (entry := subject.settings.entry("libvirt", "virt_type")) is not None:
        yield rule("virt-type-qemu").finding(entry.place)


def _lint_models(subject: Subject, config: NovaConfig) -> Iterator[Finding]:
    seen: set[str] = set()
    for item in config.models:
        right = subject.spellings.get(item.text.lower())
        if not item.text:
            yield rule("empty-model").finding(item.place)
        elif right is None:
            yield _unknown_model(subject, item)
        elif right != item.text:
            yield rule("model-case").finding(item.place, item.text, right, model=item.text, right=right)
        if item.text and item.text.lower() in seen:
            yield rule("model-twice").finding(item.place, model=item.text)
        seen.add(item.text.lower())


def _unknown_model(subject: Subject, item: Item) -> Finding:
    newest = shipped_map()
    newer = next((name for name in newest.models if name.lower() == item.text.lower()), None)
    if newer is not None:
        return rule("newer-model").finding(
            item.place, item.text, model=newer, title=subject.cpu_map.title, newest=newest.version
        )
    near = nearest(item.text.lower(), subject.spellings)
    right = subject.spellings[near] if near else ""
    mend = f"Did you mean {right}?" if right else "`virsh cpu-models x86_64` lists the models."
    return rule("unknown-model").finding(
        item.place, item.text, right, model=item.text, near=f" ({right}?)" if right else "", mend=mend
    )


def _lint_order(subject: Subject) -> Iterator[Finding]:
    vendors = {model: vendor for model in subject.models if (vendor := subject.vendor(model)) is not None}
    for (first, vendor), (second, other) in combinations(vendors.items(), 2):
        if vendor != other:
            yield rule("models-of-vendors").finding(
                subject.models[first].place, model=first, vendor=vendor, other=second, others=other
            )
            break
    for (first, item), (second, _) in combinations(subject.models.items(), 2):
        if subject.contents(first) > subject.contents(second):
            yield rule("models-order").finding(item.place, model=first, lesser=second)


def _lint_mitigations(subject: Subject, config: NovaConfig) -> Iterator[Finding]:
    if config.virt_type != "kvm":
        return
    asked = {request.name for request in config.requests if request.policy.asks}
    for model, item in subject.models.items():
        has = subject.contents(model) | asked
        missing = missing_mitigations(subject.vendor(model), has, subject.cpu_map.features)
        if missing:
            flags = [*_flags_beside(config, missing), *missing]
            yield rule("mitigations").finding(
                item.place, model=model, names=" ".join(missing), flags=", ".join(flags)
            )


def _flags_beside(config: NovaConfig, wanted: Collection[str]) -> Iterator[str]:
    """Give the flags as they are written, each once, without those that take away what is wanted."""
    texts = (
        item.text
        for item, request in zip(config.flags, read_flags(config.flags), strict=True)
        if request.name and request.name not in wanted
    )
    yield from dict.fromkeys(texts)


def _lint_checks(subject: Subject, config: NovaConfig) -> Iterator[Finding]:
    if config.virt_type != "kvm":
        return
    start = subject.settings.entry("workarounds", "skip_cpu_compare_at_startup")
    if config.skips_start and start is not None:
        yield rule("start-check-skipped").finding(start.place)
    destination = subject.settings.entry("workarounds", "skip_cpu_compare_on_dest")
    if config.skips_migration and destination is not None:
        yield rule("migration-check-skipped").finding(destination.place)
