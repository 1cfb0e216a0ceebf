"""What a host makes of a guest's definition: host-model filled in, optional features decided, models replaced."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from vcpuid.errors import InputError
from vcpuid.rules.libvirt.decode import Blockers, Side, decode
from vcpuid.rules.libvirt.definition import check_feature, disable_removed, encode, expand, overlay, requests_of
from vcpuid.rules.libvirt.models import CpuData, Models
from vcpuid.terms.guest import Check, CpuMode, FeatureRequest, GuestCpu, Match, Policy

_UNTOUCHED = frozenset((CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM))


def update(models: Models, cpu: GuestCpu, host: GuestCpu) -> GuestCpu:
    """Make a guest's definition independent of the host: a named model, features that are on or off.

    Args:
        models: The map.
        cpu: What the guest asks for.
        host: What mode host-model stands for on this host, without what cannot migrate.

    Raises:
        InputError: The map has not a model or a feature.
    """
    if cpu.mode in _UNTOUCHED:
        return cpu
    if cpu.mode is CpuMode.HOST_MODEL or cpu.match is Match.MINIMUM:
        return disable_removed(models, _take_host_model(models, cpu, host))
    requests = tuple(_decide(models, request, host) for request in cpu.requests)
    return disable_removed(models, replace(cpu, requests=requests))


def _take_host_model(models: Models, cpu: GuestCpu, host: GuestCpu) -> GuestCpu:
    decided = [_decide(models, request, host) for request in cpu.requests]
    if cpu.mode is CpuMode.CUSTOM and cpu.model is not None:
        # The host must have what the guest's model has; what it has beside that is asked for too.
        models.model(cpu.model, cpu.place)
    return replace(
        cpu,
        mode=CpuMode.CUSTOM,
        match=Match.EXACT,
        model=host.model,
        vendor=host.vendor if cpu.mode is CpuMode.HOST_MODEL else cpu.vendor,
        requests=overlay(host.requests, decided),
    )


def _decide(models: Models, request: FeatureRequest, host: GuestCpu) -> FeatureRequest:
    if request.policy is not Policy.OPTIONAL:
        return request
    has = check_feature(models, host, request.name)
    return replace(request, policy=Policy.REQUIRE if has else Policy.DISABLE)


def translate(models: Models, cpu: GuestCpu, allowed: Blockers | None) -> GuestCpu:
    """Replace a model that the hypervisor does not have by one that it has, with the features that differ.

    Raises:
        InputError: It may not be replaced, or no allowed model fits; the map has not a model or a feature.
    """
    if allowed is None or cpu.mode is not CpuMode.CUSTOM or cpu.model in allowed:
        return cpu
    if cpu.fallback is False:
        raise InputError(
            "the hypervisor does not have the CPU model, and fallback='forbid' keeps it from being replaced",
            source=cpu.place.source,
            line=cpu.place.line,
            found=cpu.model,
        )
    data = encode(models, cpu)
    model = models.model(cpu.model or "", cpu.place)
    signature = 0
    if model.signatures:
        family, number, steppings = model.signatures[0]
        stepping = (steppings & -steppings).bit_length() - 1 if steppings else 0
        signature = make_signature(family, number, stepping)
    decoded = decode(models, CpuData(data.bits, data.vendor, signature), Side.GUEST, allowed=allowed).cpu
    return replace(cpu, model=decoded.model, vendor=cpu.vendor, requests=overlay(decoded.requests, cpu.requests))


def make_signature(family: int, model: int, stepping: int) -> int:
    """Give leaf 1 EAX of a family, model and stepping."""
    extended = max(family - 0xF, 0)
    return extended << 20 | (model & 0xF0) << 12 | (family - extended) << 8 | (model & 0xF) << 4 | stepping


def update_live(models: Models, cpu: GuestCpu, enabled: int, disabled: int) -> GuestCpu:
    """Correct a started guest's definition by what QEMU has given and refused.

    Args:
        models: The map.
        cpu: The definition with which it was started.
        enabled: The bits that QEMU says the guest has.
        disabled: The bits that were asked for and that QEMU has dropped.

    Raises:
        InputError: With check='full' the guest differs from its definition; the map has not a model or feature.
    """
    if cpu.mode is not CpuMode.CUSTOM:
        return cpu
    changes = dict(_live_changes(models, cpu, enabled, disabled))
    if cpu.check is Check.FULL:
        # What QEMU's model has and the map's had not is no surprise while nobody names it.
        added = frozenset(models.model(cpu.model or "", cpu.place).added) - {
            request.name for request in cpu.requests
        }
        extra = [name for name, policy in changes.items() if policy is Policy.REQUIRE and name not in added]
        missing = [name for name, policy in changes.items() if policy is Policy.DISABLE]
        if extra or missing:
            raise _unlike_its_definition(extra, missing)
    return replace(cpu, check=Check.FULL, requests=overlay(cpu.requests, requests_of(changes.items())))


def _live_changes(models: Models, cpu: GuestCpu, enabled: int, disabled: int) -> Iterator[tuple[str, Policy]]:
    expected = {request.name: request.policy for request in expand(models, cpu).requests}
    for feature in models.features.values():
        is_expected = expected.get(feature.name) is Policy.REQUIRE
        if not is_expected and enabled & feature.bits == feature.bits:
            yield feature.name, Policy.REQUIRE
        elif is_expected and disabled & feature.bits == feature.bits:
            yield feature.name, Policy.DISABLE


def _unlike_its_definition(extra: Collection[str], missing: Collection[str]) -> InputError:
    lists = (("extra features", extra), ("missing features", missing))
    return InputError(
        "the guest's CPU does not match its definition, as check='full' demands",
        found="; ".join(f"{label}: {','.join(names)}" for label, names in lists if names),
    )
