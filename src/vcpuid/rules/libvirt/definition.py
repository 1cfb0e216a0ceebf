"""A CPU definition in the map's bits: what it asks for, policy by policy, and as a whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from vcpuid.errors import InputError
from vcpuid.rules.libvirt.models import CpuData, Models
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, Policy
from vcpuid.terms.place import Place

_TAKEN_AWAY = frozenset((Policy.DISABLE, Policy.FORBID))
_BY_RULES = Place("libvirt's rules")


def encode(models: Models, cpu: GuestCpu) -> CpuData:
    """Give the bits of a definition: its model's, with what it requires, less what it disables or forbids.

    A feature of policy `optional` counts for neither side. The vendor is the definition's, or the model's.

    Raises:
        InputError: The map has not the model or a feature, or the definition has no model.
    """
    model = models.model(_model_name(cpu), cpu.place)
    bits = model.bits
    for request in cpu.requests:
        feature = models.feature(request.name, request.place)
        if request.policy in _TAKEN_AWAY:
            bits &= ~feature.bits
        elif request.policy is not Policy.OPTIONAL:
            bits |= feature.bits
    return CpuData(bits, cpu.vendor or model.vendor)


def encode_policy(models: Models, cpu: GuestCpu, policy: Policy) -> int:
    """Give the bits of the features of one policy; for `require` with the model's own.

    Raises:
        InputError: The map has not the model or a feature, or the definition has no model.
    """
    bits = models.model(_model_name(cpu), cpu.place).bits if policy is Policy.REQUIRE else 0
    for request in cpu.requests:
        feature = models.feature(request.name, request.place)  # an unknown one is refused under every policy
        if request.policy is policy:
            bits |= feature.bits
    return bits


def expand(models: Models, cpu: GuestCpu) -> GuestCpu:
    """Write every feature of the model out, sorted by name; what the model has removed is disabled in a guest.

    Raises:
        InputError: The map has not the model or a feature, or the definition has no model.
    """
    if cpu.mode is not CpuMode.CUSTOM:
        return cpu
    model = models.model(_model_name(cpu), cpu.place)
    policies = dict.fromkeys(models.names(model.bits), Policy.REQUIRE)
    policies |= {request.name: request.policy for request in cpu.requests}
    if not cpu.is_host:
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
        InputError: The map has not the feature, the model or a feature of the definition.
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


def _model_name(cpu: GuestCpu) -> str:
    if cpu.model is None:
        raise InputError(
            "the CPU definition names no model",
            source=cpu.place.source,
            line=cpu.place.line,
            found=f"mode {cpu.mode.value}",
            expected="a <model>",
        )
    return cpu.model
