"""A guest's CPU between two dialects: what one project's document says, and what another's cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from vcpuid.atlas import Atlas
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.feature import Dialect
from vcpuid.terms.guest import FeatureRequest, GuestCpu, Match, Setting
from vcpuid.terms.place import Place


class Loss(NamedTuple):
    """Something that was asked for and that the target does not say.

    Attributes:
        what: What it is, in the words of where it stands.
        why: Why it is lost, in a clause.
        place: Where it stands.
    """

    what: str
    why: str
    place: Place


@dataclass(frozen=True, slots=True)
class Definition:
    """What one document says of a guest's CPU.

    Attributes:
        dialect: Whose names its features have: libvirt's or QEMU's.
        cpu: The CPU; its requests are features alone.
        beside: What is set besides features, by QEMU's property, in the order of the document.
        epc: The sections of EPC memory.
        losses: What of the document is in none of these.
    """

    dialect: Dialect
    cpu: GuestCpu
    beside: tuple[Setting, ...] = ()
    epc: tuple[EpcSection, ...] = ()
    losses: tuple[Loss, ...] = ()


class Written(NamedTuple):
    """A definition in another dialect, without a line's end, and what that could not say."""

    text: str
    losses: tuple[Loss, ...]


def translate_requests(definition: Definition, target: Dialect) -> tuple[tuple[FeatureRequest, ...], list[Loss]]:
    """Give the features by the target's own names, and those for which it has none."""
    requests: dict[str, FeatureRequest] = {}
    losses = []
    for request in definition.cpu.requests:
        name = translate_name(request.name, definition.dialect, target)
        if name is None:
            what = f"feature {request.name} ({request.policy.value})"
            losses.append(Loss(what, f"{target.label} has no name for it", request.place))
        else:
            # Of two requests for one feature the later counts, as with QEMU; libvirt takes each name once.
            requests.pop(name, None)
            requests[name] = FeatureRequest(name, request.policy, request.place)
    return tuple(requests.values()), losses


def translate_name(name: str, origin: Dialect, target: Dialect) -> str | None:
    """Give the name that another project has for exactly the same bits; None where it has none."""
    feature = Atlas.load().named(origin, name)
    if feature is None:
        return name if origin is target else None
    own = feature.name_in(target)
    if own is None or target is not Dialect.QEMU:
        return own
    # QEMU's own names have dashes; those with underscores are aliases of them.
    dashed = own.replace("_", "-")
    return dashed if dashed in feature.spellings(target) else own


def lose_settings(settings: tuple[Setting, ...], why: str) -> list[Loss]:
    """Give a loss for each setting."""
    return [Loss(f"{setting.name}={setting.text}", why, setting.place) for setting in settings]


def lose_epc(epc: tuple[EpcSection, ...], why: str) -> list[Loss]:
    """Give a loss for each section of EPC memory."""
    return [Loss(f"{section.size_bytes >> 10} KiB of EPC memory", why, section.place) for section in epc]


def lose_members(cpu: GuestCpu, why: str) -> Iterator[Loss]:
    """Give a loss for each of what only libvirt and QEMU have forms for."""
    said = {
        f"match='{cpu.match.value}'": cpu.match is not Match.EXACT,
        f"migratable={'on' if cpu.migratable else 'off'}": cpu.migratable is not None,
        f"cache mode {cpu.cache.mode if cpu.cache else ''}": cpu.cache is not None,
        f"vendor {cpu.vendor}": cpu.vendor is not None,
        f"vendor letters {cpu.vendor_id}": cpu.vendor_id is not None,
        f"{len(cpu.cells)} NUMA cells": bool(cpu.cells),
    }
    return (Loss(what, why, cpu.place) for what, is_said in said.items() if is_said)
