"""Which hosts lack a feature?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vcpuid.answers.look_up import look_up_for_map
from vcpuid.decode.dynamic import Cause, causes_of
from vcpuid.fleet.configuration import EvidenceLayer
from vcpuid.fleet.fleet import Fleet
from vcpuid.terms.feature import Dialect, Feature


class Lacking(NamedTuple):
    """The answer.

    Attributes:
        date: The snapshot of the fleet.
        feature: The feature.
        layers: The evidence that was asked, in this order; the first that knows decides.
        has: How many hosts have it.
        lacks: The hosts that lack it.
        untold: The hosts of which nothing is known.
    """

    date: str
    feature: Feature
    layers: tuple[EvidenceLayer, ...]
    has: int
    lacks: Sequence[str]
    untold: Sequence[str]


def find_lacking(
    fleet: Fleet, name: str | Feature, layer: EvidenceLayer | None = None, vendor: str | None = None
) -> Lacking:
    """Find the hosts that lack a feature; of several bits all have to be there.

    Args:
        fleet: The fleet.
        name: A feature's name in any dialect, or its address; libvirt's own meaning of a name comes first.
        layer: The evidence to go by; None for the best that each host has.
        vendor: Chooses between meanings of an ambiguous name.

    Raises:
        UnknownNameError, AmbiguousNameError: The name cannot be resolved.
        InputError: The store cannot be read.

    Examples:
        >>> from vcpuid import fleet_missing, open_fleet
        >>> answer = fleet_missing(open_fleet("fleet", "2026-01-31"), "rtm")
        >>> answer.has, list(answer.lacks), list(answer.untold)
        (2, ['node-3', 'node-4'], [])
    """
    feature = look_up_for_map(name, vendor) if isinstance(name, str) else name
    layers = _layers_of(feature, layer)
    told: dict[bool | None, list[int]] = {True: [], False: [], None: []}
    for fp, configuration in fleet.configurations().items():
        told[configuration.tells(feature.bits, layers)].append(fp)
    hosts = {state: fleet.hosts_of(told[state]) for state in (False, None)}
    has = fleet.count_of(told[True])
    return Lacking(fleet.date, feature, layers, has, hosts[False], hosts[None])


def _layers_of(feature: Feature, chosen: EvidenceLayer | None) -> tuple[EvidenceLayer, ...]:
    """Give the layers that can know a feature.

    libvirt knows those that it has a name for. Bits that the operating system switches say nothing in CPUID.
    """
    layers = list(EvidenceLayer) if chosen is None else [chosen]
    if feature.name_in(Dialect.LIBVIRT) is None:
        layers = [layer for layer in layers if layer is not EvidenceLayer.HOST_MODEL]
    if causes_of(feature.bits) - {Cause.FIRMWARE}:
        layers = [layer for layer in layers if layer is not EvidenceLayer.CPUID]
    return tuple(layers)
