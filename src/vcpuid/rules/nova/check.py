"""What Nova checks of CPUs and what it reports: at its start, to placement, before a live migration.

Rules read in Nova 34's nova/virt/libvirt/driver.py (Apache-2.0) and compared with three releases by running them.
libvirt's part is `rules.libvirt.compare`, on the CPU that domain capabilities offer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from vcpuid.errors import InputError
from vcpuid.guest.nova import NovaConfig
from vcpuid.rules.libvirt.compare import Relation, compare
from vcpuid.rules.nova.guest import configured_cpu
from vcpuid.rules.nova.host import NovaHost
from vcpuid.rules.nova.refusal import NovaRefusalError, When
from vcpuid.rules.nova.traits import traits_of
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, Match, Policy
from vcpuid.terms.place import Place

_RESULT_URL = "http://libvirt.org/html/libvirt-libvirt-host.html#virCPUCompareResult"
_DEFAULT_MODEL = "qemu64"


class Result(Enum):
    """How a check ends."""

    PASSED = "passed"
    REFUSED = "refused"
    SKIPPED = "skipped"  # Nova does not look
    UNKNOWN = "unknown"  # the evidence does not tell
    RANDOM = "random"  # a flag stands with both signs: it differs from run to run


@dataclass(frozen=True, slots=True)
class Check:
    """A check's end and its reasons.

    Attributes:
        result: How it ends.
        reason: Why, in a clause.
        words: What Nova says, where it refuses.
        missing: The features that the host lacks; Nova does not name them.
        place: What it is about.
    """

    result: Result
    reason: str = ""
    words: str = ""
    missing: tuple[str, ...] = ()
    place: Place | None = None


def check_start(config: NovaConfig, host: NovaHost) -> Check:
    """Tell what nova-compute's look at the CPU options ends with when it starts on a host."""
    if config.contradiction is not None:
        return Check(Result.REFUSED, "the options contradict each other", config.contradiction, (), config.place)
    if config.mode != "custom":
        return Check(Result.SKIPPED, "Nova looks at mode custom only")
    if config.skips_start:
        return Check(Result.SKIPPED, "[workarounds] skip_cpu_compare_at_startup is set")
    for item in config.models:
        try:
            model = host.model_name(item.text, When.START, item.place)
        except NovaRefusalError as error:
            reason = f"{host.models.title} has no model {item.text}"
            return Check(Result.REFUSED, reason, error.words, (), item.place)
        wanted = GuestCpu(CpuMode.CUSTOM, model, config.requests, item.place)
        check = _compare_both(config, host, wanted)
        if check.result is not Result.PASSED:
            words = (
                f"Configured CPU model: {item.text} and CPU Flags {[flag.text for flag in config.flags]} are not"
            )
            words += " compatible with host CPU. Please correct your config and try again."
            return replace(
                check, words=f"{words} {check.words}" if check.words else "", place=check.place or item.place
            )
    return Check(Result.PASSED, "the hypervisor offers every model with the flags")


def _compare_both(config: NovaConfig, host: NovaHost, wanted: GuestCpu) -> Check:
    """Compare; where flags stand with both signs, once with each."""
    checks = [_compare(config, host, wanted)]
    if config.random:
        checks += [
            _compare(config, host, replace(wanted, requests=_with_policy(wanted.requests, config.random, policy)))
            for policy in (Policy.REQUIRE, Policy.DISABLE)
        ]
    if len({check.result for check in checks}) > 1:
        return Check(Result.RANDOM, f"{', '.join(config.random)} stands with both signs")
    return checks[0]


def _with_policy(
    requests: tuple[FeatureRequest, ...], names: tuple[str, ...], policy: Policy
) -> tuple[FeatureRequest, ...]:
    return tuple(replace(request, policy=policy) if request.name in names else request for request in requests)


def _compare(config: NovaConfig, host: NovaHost, wanted: GuestCpu) -> Check:
    """Compare a CPU with what the hypervisor offers, as Nova's _compare_cpu has libvirt do it."""
    if config.virt_type != "kvm":
        return Check(Result.PASSED, f"Nova compares nothing with virt_type {config.virt_type}")
    if host.offered is None:
        return Check(Result.UNKNOWN, "what the hypervisor offers is not known")
    if any(not request.name for request in wanted.requests):
        words = "Unacceptable CPU info: XML error: Invalid CPU feature name"
        return Check(Result.REFUSED, "a flag is empty", words)
    try:
        comparison = compare(host.models, host.offered, wanted)
    except InputError as error:
        words = f"Unacceptable CPU info: internal error: Unknown CPU feature {(error.found or '').strip(chr(39))}"
        place = Place(error.source, error.line) if error.source else None
        return Check(Result.REFUSED, f"{error.message}: {error.found}", words, (), place)
    if comparison.relation is not Relation.INCOMPATIBLE:
        return Check(Result.PASSED)
    words = f"Unacceptable CPU info: CPU doesn't have compatibility.\n\n0\n\nRefer to {_RESULT_URL}"
    return Check(Result.REFUSED, comparison.reason, words, comparison.missing)


def report_traits(config: NovaConfig, host: NovaHost) -> tuple[str, ...] | None:
    """Give the CPU traits that Nova reports to placement; None where the host's own CPU is not known.

    A flag counts whether it is wanted or not: `-vmx` reports the trait as `vmx` does. In mode custom it is what
    any of the models has.

    Raises:
        NovaRefusalError: Nova fails at it.
    """
    cpu = configured_cpu(config, host)
    if cpu is None:
        return ()
    flags = {request.name for request in cpu.requests}
    if cpu.mode in (CpuMode.HOST_MODEL, CpuMode.HOST_PASSTHROUGH):
        own = host.own_features(When.START)
        return None if own is None else traits_of(own | flags)
    if host.cpu is None:
        return None
    models = [_DEFAULT_MODEL]
    if cpu.mode is CpuMode.CUSTOM:
        models = [host.model_name(item.text, When.START, item.place) for item in config.models]
    features: frozenset[str] = frozenset(flags)
    for model in models:
        features |= host.features_of(replace(host.cpu, model=model, requests=()), When.START)
    return traits_of(features)


def check_migration(config: NovaConfig, guest: GuestCpu | None, source: NovaHost, destination: NovaHost) -> Check:
    """Tell what Nova's comparison ends with before a live migration.

    Args:
        config: The destination's configuration.
        guest: The guest's CPU as Nova keeps it; None for one that it kept none of.
        source: The host that it runs on.
        destination: The host that it is to go to.

    A guest with a model is compared by that and its flags. Any other is compared by what its host's CPU has,
    whatever the guest was given of it: a false no is usual (Launchpad bug 2039803).
    """
    if config.skips_migration is None:
        return Check(Result.UNKNOWN, "the value of [workarounds] skip_cpu_compare_on_dest is not known, or none")
    if config.skips_migration:
        return Check(Result.SKIPPED, "[workarounds] skip_cpu_compare_on_dest is set on the destination")
    if guest is not None and guest.model:
        return _compare_both(config, destination, replace(guest, match=Match.EXACT))
    if source.cpu is None:
        return Check(Result.UNKNOWN, "the source's own CPU is not known")
    try:
        features = source.own_features(When.MIGRATE) or frozenset()
    except NovaRefusalError as error:
        return Check(Result.REFUSED, "libvirt cannot describe the source's CPU", error.words)
    place = source.cpu.place
    requests = tuple(FeatureRequest(name, Policy.REQUIRE, place) for name in sorted(features))
    return _compare(config, destination, replace(source.cpu, requests=requests))
