"""What a guest of the fleet carries when it moves, and whether a host can take it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from vcpuid.answers.compare import Comparer, Compatibility, Missing, Way
from vcpuid.answers.offer import Offer
from vcpuid.answers.party import Basis, Party
from vcpuid.errors import InputError
from vcpuid.fleet.upgraded import Refusal, refusal_of
from vcpuid.guest.libvirt import parse_cpu, parse_xml
from vcpuid.terms.guest import Accelerator, CpuMode, FeatureRequest, GuestCpu, Policy
from vcpuid.terms.verdict import Layer

_STORE = "fleet store"
_UNTOLD = "the store does not tell its CPU"
_TAKES = "mode {mode}: it starts with what the host gives"
_SILENT = "QEMU starts it, and silently without what is missing, unless `enforce` is set"
_OTHER = "it runs under {accelerator}, and what {host} gives under that is not known"
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
        accelerator: Who runs their instructions; None where the store does not tell.
        machine: Their machine type; empty where the store does not tell.
        is_domain: Whether libvirt knows them.
    """

    running: bool
    asked: GuestCpu | None
    got: GuestCpu | None
    accelerator: Accelerator | None = None
    machine: str = ""
    is_domain: bool = True


def read_guest(
    asked: str,
    got: str,
    *,
    running: bool,
    accelerator: str | None = None,
    machine: str | None = None,
    domain: bool | None = None,
) -> Guest:
    """Read a row of the guests' table; older stores have no more than the first three columns, and only domains.

    Raises:
        InputError: The store is damaged.
    """
    return Guest(
        running,
        _cpu(asked),
        _cpu(got),
        Accelerator(accelerator) if accelerator else None,
        machine or "",
        is_domain=domain is not False,
    )


@lru_cache(maxsize=4096)
def _cpu(text: str) -> GuestCpu | None:
    return parse_cpu(parse_xml(text, _STORE), _STORE) if text else None


def start(comparer: Comparer, guest: Guest, there: Offer) -> Step:
    """Judge whether a guest can be started anew on a host."""
    if guest.asked is None:
        return Step(Compatibility.UNKNOWN, _UNTOLD)
    refusal = _refusal(guest, guest.asked, there)
    if refusal is not None:
        return refusal
    if guest.asked.mode not in _MODES:
        return Step(Compatibility.COMPATIBLE, _TAKES.format(mode=guest.asked.mode.value))
    step = _custom(comparer, guest, guest.asked, there)
    is_silent = not guest.is_domain and step.compatibility is Compatibility.INCOMPATIBLE and step.features
    return step._replace(reason=_SILENT) if is_silent else step


def migrate(comparer: Comparer, guest: Guest, here: Offer, there: Offer) -> Step:
    """Judge whether a running guest can go from one host to another, with the CPU that it has."""
    cpu = guest.got or guest.asked
    if cpu is None:
        return Step(Compatibility.UNKNOWN, _UNTOLD)
    refusal = _refusal(guest, cpu, there)
    if refusal is not None:
        return refusal
    if guest.got is None and not guest.is_domain:
        cpu = _without_dropped(comparer, guest, cpu, here)
    return _carry(comparer, guest, cpu, here, there)


def _without_dropped(comparer: Comparer, guest: Guest, cpu: GuestCpu, here: Offer) -> GuestCpu:
    """Take away what QEMU has surely dropped at the start: the guest does not need it elsewhere."""
    if cpu.mode not in _MODES or _under(comparer, guest, here) is not here:
        return cpu
    try:
        way = comparer.guest_way(Party("guest", Basis.DEFINITION, is_guest=True, cpu=cpu), here)
    except InputError:
        return cpu
    off = tuple(FeatureRequest(one.feature, Policy.DISABLE, cpu.place) for one in way.missing if one.is_sure)
    named = {request.name for request in off}
    kept = tuple(request for request in cpu.requests if request.name not in named)
    return replace(cpu, requests=(*kept, *off))


def come_back(comparer: Comparer, guest: Guest, here: Offer, there: Offer) -> Step:
    """Judge whether a guest that was started on another host can come back to its own."""
    if guest.asked is None:
        return Step(Compatibility.UNKNOWN, _UNTOLD)
    return _carry(comparer, guest, guest.asked, there, here)


def leave(comparer: Comparer, guest: Guest, here: Offer, there: Offer) -> Step:
    """Judge whether a guest can leave: migrated while it runs, else started there."""
    return migrate(comparer, guest, here, there) if guest.running else start(comparer, guest, there)


def _refusal(guest: Guest, cpu: GuestCpu, there: Offer) -> Step | None:
    """Say what names the target's own programs do not know; None where none is known to be unknown."""
    found = refusal_of(there.party, cpu, guest.machine, is_domain=guest.is_domain)
    return None if found is None else _step_of_refusal(found)


def _step_of_refusal(found: Refusal) -> Step:
    return Step(Compatibility.INCOMPATIBLE, found.reason, found.names)


def _carry(comparer: Comparer, guest: Guest, cpu: GuestCpu, source: Offer, target: Offer) -> Step:
    """Judge whether a guest can go from host to host with a CPU; of a host's own mode it is all of the source."""
    if cpu.mode in _MODES:
        return _custom(comparer, guest, cpu, target)
    seen = [_under(comparer, guest, offer) for offer in (source, target)]
    for offer, found in zip((source, target), seen, strict=True):
        if found is None:
            return _untold(guest, offer)
    first, second = (offer for offer in seen if offer is not None)
    return _step(comparer.host_way(first, second))


def _custom(comparer: Comparer, guest: Guest, cpu: GuestCpu, there: Offer) -> Step:
    seen = _under(comparer, guest, there)
    if seen is None:
        return _untold(guest, there)
    try:
        return _step(comparer.guest_way(Party("guest", Basis.DEFINITION, is_guest=True, cpu=cpu), seen))
    except InputError as error:  # one guest with a name that no map has is not to silence the others
        return Step(Compatibility.UNKNOWN, ": ".join(filter(None, (error.message, error.found))))


def _under(comparer: Comparer, guest: Guest, host: Offer) -> Offer | None:
    """Give a host as the guest's accelerator shows it; None where that is not known."""
    seen = host.party.under(guest.accelerator)
    if seen is None or seen is host.party:
        return None if seen is None else host
    return comparer.reader.read(seen)


def _untold(guest: Guest, host: Offer) -> Step:
    accelerator = guest.accelerator.value if guest.accelerator else "another accelerator"
    return Step(Compatibility.UNKNOWN, _OTHER.format(accelerator=accelerator, host=host.party.name))


def _step(way: Way) -> Step:
    sure = way.compatibility is Compatibility.INCOMPATIBLE
    missing = tuple(_name(one) for one in way.missing if one.is_sure or not sure)
    return Step(way.compatibility, way.reason, (*missing, *(f"not {name}" for name in way.forbidden)))


def _name(one: Missing) -> str:
    """Name a feature, and the layer that loses it where that is known."""
    if one.layer is None or (one.layer is Layer.LIBVIRT and one.rule == _NO_NAME):
        return one.feature
    return f"{one.feature} ({one.layer.value})"
