"""What a guest of the fleet carries when it moves, and whether a host can take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from vcpuid.answers.compare import Comparer, Compatibility, Missing, Way
from vcpuid.answers.offer import Offer
from vcpuid.answers.party import Basis, Party
from vcpuid.guest.libvirt import parse_cpu, parse_xml
from vcpuid.terms.guest import CpuMode, GuestCpu
from vcpuid.terms.verdict import Layer

_STORE = "fleet store"
_UNTOLD = "the store does not tell its CPU"
_TAKES = "mode {mode}: it starts with what the host gives"
_NO_NAME = "libvirt.unknown-name"
_MODES = frozenset((CpuMode.CUSTOM, CpuMode.DEFAULT))


class Step(NamedTuple):
    """One thing that is to be done with a guest, and the answer.

    Attributes:
        compatibility: Whether it can be done.
        reason: Why, in a sentence.
        features: What is missing, or is there and forbidden, by libvirt's names.
    """

    compatibility: Compatibility
    reason: str
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guest:
    """Equal guests of equal hosts.

    Attributes:
        running: Whether they run.
        asked: The <cpu> that they start with; None where the store does not tell.
        got: The <cpu> of the live XML; None where they do not run.
    """

    running: bool
    asked: GuestCpu | None
    got: GuestCpu | None


def read_guest(asked: str, got: str, *, running: bool) -> Guest:
    """Read a row of the guests' table.

    Raises:
        InputError: The store is damaged.
    """
    return Guest(running, _cpu(asked), _cpu(got))


def _cpu(text: str) -> GuestCpu | None:
    return parse_cpu(parse_xml(text, _STORE), _STORE) if text else None


def start(comparer: Comparer, guest: Guest, there: Offer) -> Step:
    """Judge whether a guest can be started anew on a host."""
    if guest.asked is None:
        return Step(Compatibility.UNKNOWN, _UNTOLD)
    if guest.asked.mode not in _MODES:
        return Step(Compatibility.COMPATIBLE, _TAKES.format(mode=guest.asked.mode.value))
    return _custom(comparer, guest.asked, there)


def migrate(comparer: Comparer, guest: Guest, here: Offer, there: Offer) -> Step:
    """Judge whether a running guest can go from one host to another, with the CPU that it has."""
    cpu = guest.got or guest.asked
    if cpu is None:
        return Step(Compatibility.UNKNOWN, _UNTOLD)
    if cpu.mode in _MODES:
        return _custom(comparer, cpu, there)
    return _step(comparer.host_way(here, there))


def come_back(comparer: Comparer, guest: Guest, here: Offer, there: Offer) -> Step:
    """Judge whether a guest that was started on another host can come back to its own."""
    if guest.asked is None:
        return Step(Compatibility.UNKNOWN, _UNTOLD)
    if guest.asked.mode in _MODES:
        return _custom(comparer, guest.asked, here)
    return _step(comparer.host_way(there, here))


def leave(comparer: Comparer, guest: Guest, here: Offer, there: Offer) -> Step:
    """Judge whether a guest can leave: migrated while it runs, else started there."""
    return migrate(comparer, guest, here, there) if guest.running else start(comparer, guest, there)


def _custom(comparer: Comparer, cpu: GuestCpu, there: Offer) -> Step:
    names = _unknown_names(cpu, there)
    if names:
        where = there.party.name
        return Step(Compatibility.INCOMPATIBLE, f"libvirt's map of {where} has no name for it", names)
    return _step(comparer.guest_way(Party("guest", Basis.DEFINITION, is_guest=True, cpu=cpu), there))


def _unknown_names(cpu: GuestCpu, there: Offer) -> tuple[str, ...]:
    """Give the names that the target's own libvirt does not know; none where its map is not known."""
    own = there.party.cpu_map
    if own is None:
        return ()
    written = (request.name for request in cpu.requests if request.name not in own.features)
    model = (cpu.model,) if cpu.model and cpu.model not in own.models else ()
    return (*model, *written)


def _step(way: Way) -> Step:
    sure = way.compatibility is Compatibility.INCOMPATIBLE
    missing = tuple(_name(one) for one in way.missing if one.is_sure or not sure)
    return Step(way.compatibility, way.reason, (*missing, *(f"not {name}" for name in way.forbidden)))


def _name(one: Missing) -> str:
    """Name a feature, and the layer that loses it where that is known."""
    if one.layer is None or (one.layer is Layer.LIBVIRT and one.rule == _NO_NAME):
        return one.feature
    return f"{one.feature} ({one.layer.value})"
