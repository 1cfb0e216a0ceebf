"""What of a nova.conf goes wrong on which host: Nova's start check, flags that it cannot give, migrations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vcpuid.answers.lint_host import LintHost
from vcpuid.answers.nova import nova_host
from vcpuid.errors import InputError
from vcpuid.evidence.gap import Gap
from vcpuid.guest.nova import NovaConfig
from vcpuid.rules.libvirt.definition import encode
from vcpuid.rules.nova.check import Check, Result, check_migration, check_start
from vcpuid.rules.nova.host import NovaHost
from vcpuid.rules.nova.lint import Subject, rule
from vcpuid.rules.nova.traits import flags_by_trait
from vcpuid.terms.finding import Finding
from vcpuid.terms.guest import Accelerator, CpuMode

_MOST_NAMES = 8


@dataclass(frozen=True)
class _Side:
    """A host with what Nova sees of it."""

    host: LintHost
    nova: NovaHost


def lint_nova_on_hosts(subject: Subject, hosts: Sequence[LintHost]) -> Iterator[Finding]:
    """Give the findings that hold on single hosts, and between them."""
    config = subject.config
    if config is None or config.accelerator is None or config.contradiction is not None:
        return  # told already
    sides: dict[str, _Side] = {}
    for host in hosts:
        for finding in _lint_host(subject, config, host, sides):
            yield replace(finding, host=host.name)
    if config.virt_type == "kvm" and config.mode != "custom":
        yield from _lint_migrations(config, sides)


def _lint_host(subject: Subject, config: NovaConfig, host: LintHost, sides: dict[str, _Side]) -> Iterator[Finding]:
    libvirt = host.libvirt
    if isinstance(libvirt, Gap):
        mend = libvirt.remedy or f"Collect the host anew: {libvirt.why}."
        yield rule("host-untold").finding(config.place, mend=mend)
        return
    accelerator = config.accelerator or Accelerator.KVM
    capabilities = libvirt.capabilities_for(accelerator, None)
    if capabilities is None:
        if config.virt_type == "kvm" and libvirt.capabilities:
            yield rule("host-without-kvm").finding(config.place)
        else:
            mend = "Collect the host anew, with the libvirt daemon running there: `vcpuid collect`."
            yield rule("host-untold").finding(config.place, mend=mend)
        return
    try:
        side = _Side(host, nova_host(libvirt, subject.cpu_map))
        offered = (
            None if capabilities.host_model is None else encode(side.nova.models, capabilities.host_model).bits
        )
    except InputError:
        mend = "Collect the host anew: its map and its capabilities do not fit."
        yield rule("host-untold").finding(config.place, mend=mend)
        return
    sides[host.snapshot] = side
    if config.mode == "custom":
        yield from _lint_start(subject, config, side)
        return
    mode = config.effective_mode or CpuMode.DEFAULT
    is_offered = capabilities.host_passthrough if mode is CpuMode.HOST_PASSTHROUGH else offered is not None
    if mode in (CpuMode.HOST_PASSTHROUGH, CpuMode.HOST_MODEL) and not is_offered:
        yield rule("host-mode").finding(config.mode_place, mode=mode.value)
    if mode is not CpuMode.DEFAULT:
        yield from _lint_flags(subject, config, side, offered)


def _lint_start(subject: Subject, config: NovaConfig, side: _Side) -> Iterator[Finding]:
    known = {item.text.lower() for item in config.models} <= subject.spellings.keys()
    if not known or any(request.name not in subject.cpu_map.features for request in config.requests):
        return  # told already: Nova ends at that
    check = check_start(replace(config, skips_start=False), side.nova)
    place = check.place or config.place
    if check.result is Result.RANDOM:
        yield rule("host-start-random").finding(place, reason=check.reason)
    elif check.result is Result.REFUSED:
        model = next((item.text for item in config.models if item.place == check.place), config.models[0].text)
        flags = " with the flags" if config.flags else ""
        name = "host-spawn-refused" if config.skips_start else "host-start-refused"
        yield rule(name).finding(
            place, model=model, flags=flags, reason=_reason(check), mend=_mend_for(check, side.host)
        )


def _reason(check: Check) -> str:
    return f"{check.reason}: {_some(check.missing)}" if check.missing else check.reason


def _mend_for(check: Check, host: LintHost) -> str:
    if not check.missing:
        return (
            "Choose a model of this host's libvirt and CPU: `virsh domcapabilities` lists those that are usable."
        )
    first = check.missing[0]
    return (
        f"`vcpuid why {first} --host {host.snapshot}` says where a feature is lost. Choose a model that the host "
        "can give, or take away what is missing by flags with a minus sign."
    )


def _lint_flags(subject: Subject, config: NovaConfig, side: _Side, offered: int | None) -> Iterator[Finding]:
    for request in config.requests:
        if request.name not in subject.cpu_map.features:
            continue  # told already
        feature = side.nova.models.features.get(request.name)
        if feature is None:
            when = f'When a guest is spawned: libvirt refuses it: "unknown CPU feature: {request.name}".'
            title = side.nova.models.title
            yield rule("host-unknown-flag").finding(request.place, name=request.name, title=title, when=when)
        elif request.policy.asks and offered is not None and feature.bits & ~offered:
            traits = sorted(trait for trait, flag in flags_by_trait().items() if flag == request.name)
            told = f", and tells placement that the host has {' and '.join(traits)}" if traits else ""
            yield rule("host-lacks-flag").finding(
                request.place, name=request.name, snapshot=side.host.snapshot, trait=told
            )


def _lint_migrations(config: NovaConfig, sides: Mapping[str, _Side]) -> Iterator[Finding]:
    own: dict[str, frozenset[str]] = {}
    for key, side in sides.items():
        check = check_migration(config, None, side.nova, side.nova)
        own[key] = frozenset(check.missing)
        if check.result is Result.REFUSED:
            names = _some(check.missing) or check.reason
            finding = rule("host-refuses-own").finding(config.mode_place, names=names)
            yield replace(finding, host=side.host.name)
    for source_key, source in sides.items():
        for key, side in sides.items():
            check = check_migration(config, None, source.nova, side.nova)
            more = [name for name in check.missing if name not in own[source_key]]
            if key == source_key or check.result is not Result.REFUSED or (check.missing and not more):
                continue
            mend = (
                f"`vcpuid compare {source.host.snapshot} {side.host.snapshot}` says where each feature is lost. "
                "Use cpu_mode = custom with a model that both can give, or keep the hosts in aggregates of "
                "their own."
            )
            finding = rule("host-refuses-guest").finding(
                config.mode_place, other=source.host.name, names=_some(more) or check.reason, mend=mend
            )
            yield replace(finding, host=side.host.name)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return f"{' '.join(names[:_MOST_NAMES])}{f' and {more} more' if more > 0 else ''}"
