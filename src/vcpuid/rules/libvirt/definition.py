"""A CPU definition in the map's bits: what it asks for, policy by policy, and as a whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from vcpuid.errors import InputError
from vcpuid.rules.libvirt.models import CpuData, Model, Models
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, Policy
from vcpuid.terms.place import Place

_TAKEN_AWAY = frozenset((Policy.DISABLE, Policy.FORBID))
_HOSTS_OWN = frozenset((CpuMode.HOST_PASSTHROUGH, CpuMode.HOST_MODEL, CpuMode.MAXIMUM))
_BY_RULES = Place("libvirt's rules")


def encode(models: Models, cpu: GuestCpu) -> CpuData:
    """Give the bits of a definition: its model's, with what it requires, less what it disables or forbids.

    A feature of policy `optional` counts for neither side. The vendor is the definition's, or the model's.

    Raises:
        InputError: `check_written` refuses it, it has no model, or the map has not its model or a feature.
    """
    model = _model_of(models, cpu)
    bits = model.bits
    for policy, feature in _asked(models, cpu):
        if policy in _TAKEN_AWAY:
            bits &= ~feature
        elif policy is not Policy.OPTIONAL:
            bits |= feature
    return CpuData(bits, cpu.vendor or model.vendor)


def encode_policy(models: Models, cpu: GuestCpu, policy: Policy) -> int:
    """Give the bits of the features of one policy; for `require` with those of its model, if it has one.

    Raises:
        InputError: `check_written` refuses it, or the map has not its model or a feature of whatever policy.
    """
    check_written(cpu)
    model = None if cpu.model is None else models.model(cpu.model, cpu.place)
    bits = model.bits if model is not None and policy is Policy.REQUIRE else 0
    for asked, feature in _asked(models, cpu):
        if asked is policy:
            bits |= feature
    return bits


def _asked(models: Models, cpu: GuestCpu) -> Iterator[tuple[Policy, int]]:
    """Give each request's policy and bits. In a host's definition libvirt does not look at policies."""
    for request in cpu.requests:
        policy = Policy.REQUIRE if cpu.is_host else request.policy
        yield policy, models.feature(request.name, request.place).bits


def check_written(cpu: GuestCpu) -> None:
    """See that libvirt would read a definition, before it looks for any name in its map.

    Raises:
        InputError: A feature stands twice in it, or it lacks the model that it needs. A guest's needs none where
            its mode stands for the host's CPU, or where it has neither features nor a vendor.
    """
    names = [request.name for request in cpu.requests]
    if len(set(names)) < len(names):
        twice = next(request for place, request in enumerate(cpu.requests) if request.name in names[:place])
        raise InputError(
            "the CPU feature is named twice, which libvirt refuses",
            source=twice.place.source,
            line=twice.place.line,
            found=repr(twice.name),
        )
    if cpu.model is None and (cpu.is_host or cpu.vendor or (cpu.requests and cpu.mode not in _HOSTS_OWN)):
        raise _lacks_model(cpu)


def _model_of(models: Models, cpu: GuestCpu) -> Model:
    check_written(cpu)
    if cpu.model is None:
        raise _lacks_model(cpu)
    return models.model(cpu.model, cpu.place)


def _lacks_model(cpu: GuestCpu) -> InputError:
    return InputError(
        "the CPU definition names no model",
        source=cpu.place.source,
        line=cpu.place.line,
        found=f"mode {cpu.mode.value}",
        expected="a <model>",
    )


def expand(models: Models, cpu: GuestCpu) -> GuestCpu:
    """Write every feature of the model out, sorted by name; what the model has removed is disabled in a guest.

    Raises:
        InputError: The definition has no model or names a feature twice, or the map has not the model.
    """
    if cpu.mode is not CpuMode.CUSTOM:
        return cpu
    model = _model_of(models, cpu)
    policies = dict.fromkeys(models.names(model.bits), Policy.REQUIRE)
    if cpu.is_host:
        policies |= dict.fromkeys((request.name for request in cpu.requests), Policy.REQUIRE)
    else:
        policies |= {request.name: request.policy for request in cpu.requests}
        policies = dict.fromkeys(model.removed, Policy.DISABLE) | policies
    return replace(cpu, requests=requests_of(sorted(policies.items())))


def migratable(models: Models, cpu: GuestCpu) -> GuestCpu:
    """Leave out the features with which a guest cannot migrate (`invtsc`, for one)."""
    kept = tuple(
        request
        for request in cpu.requests
        if (feature := models.features.get(request.name)) is None or feature.migratable
    )
    return replace(cpu, requests=kept)


def check_feature(models: Models, cpu: GuestCpu, name: str) -> bool:
    """Tell whether a definition has a feature.

    Raises:
        InputError: The map has not the feature, or `encode` refuses the definition.
    """
    wanted = models.feature(name).bits
    return encode(models, cpu).bits & wanted == wanted


def requests_of(policies: Iterable[tuple[str, Policy]]) -> tuple[FeatureRequest, ...]:
    """Give requests that no document has written."""
    return tuple(FeatureRequest(name, policy, _BY_RULES) for name, policy in policies)


def disable_removed(models: Models, cpu: GuestCpu) -> GuestCpu:
    """Disable in a guest what its model has removed and the definition does not name."""
    model = models.models.get(cpu.model or "")
    if model is None or not model.removed:
        return cpu
    named = {request.name for request in cpu.requests}
    missing = ((name, Policy.DISABLE) for name in model.removed if name not in named)
    return replace(cpu, requests=(*cpu.requests, *requests_of(missing)))


def overlay(requests: Iterable[FeatureRequest], over: Collection[FeatureRequest]) -> tuple[FeatureRequest, ...]:
    """Put requests over others: a feature that both name keeps its place and takes the policy of `over`."""
    merged = {request.name: request for request in requests}
    return tuple((merged | {request.name: request for request in over}).values())
