"""A guest's sockets, cores and threads, as Nova chooses them.

Rules read in Nova 34's nova/virt/hardware.py (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vcpuid.rules.nova.refusal import NovaRefusalError, When
from vcpuid.rules.nova.values import Wishes
from vcpuid.terms.guest import Topology

_LEVELS = ("sockets", "cores", "threads")
_NO_LIMIT = 65536


class _Counts(NamedTuple):
    """One number for each level; 0 where nothing is said."""

    sockets: int
    cores: int
    threads: int

    def exceeds(self, limits: _Counts) -> bool:
        """Tell whether a level is above its limit, where that has one."""
        return any(limit and own > limit for own, limit in zip(self, limits, strict=True))

    def __str__(self) -> str:
        return ", ".join(f"{level}={count}" for level, count in zip(_LEVELS, self, strict=True))


def choose_topology(wishes: Wishes) -> Topology:
    """Give the best topology: nearest to what is preferred, then few threads, then many sockets.

    Raises:
        NovaRefusalError: A limit or a preference cannot hold.
    """
    preferred, limits = _constraints(wishes)
    vcpus = wishes.flavor.vcpus
    maximum = _Counts(*(min(vcpus, limit) for limit in limits))
    possible = sorted(
        _possible(vcpus, maximum), key=lambda counts: (-counts.sockets * counts.cores, -counts.sockets)
    )
    if not possible:
        words = (
            f"Requested vCPU limits {maximum.sockets}:{maximum.cores}:{maximum.threads} are impossible to satisfy "
            f"for vcpus count {vcpus}"
        )
        raise NovaRefusalError("ImageVCPULimitsRangeImpossible", words, When.SCHEDULE, wishes.flavor_place)
    best = max(possible, key=lambda counts: _score(counts, preferred))  # of equal ones the first
    return Topology(*best)


def _possible(vcpus: int, maximum: _Counts) -> Iterator[_Counts]:
    for sockets in (count for count in range(1, maximum.sockets + 1) if vcpus % count == 0):
        rest = vcpus // sockets
        for cores in (count for count in range(1, min(maximum.cores, rest) + 1) if rest % count == 0):
            if rest // cores <= maximum.threads:
                yield _Counts(sockets, cores, rest // cores)


def _score(counts: _Counts, preferred: _Counts) -> int:
    return sum(1 for own, wish in zip(counts, preferred, strict=True) if wish and own == wish)


def _constraints(wishes: Wishes) -> tuple[_Counts, _Counts]:
    """Give the preference and the limits of flavor and image together."""
    flavor_limits, image_limits = _read(wishes, "max_")
    if image_limits.exceeds(flavor_limits):
        words = f"Image vCPU topology limits ({image_limits}) exceeds the limits of the flavor ({flavor_limits})"
        raise NovaRefusalError("ImageVCPULimitsRangeExceeded", words, When.SCHEDULE, wishes.place)
    limits = _Counts(
        *(own or flavors or _NO_LIMIT for own, flavors in zip(image_limits, flavor_limits, strict=True))
    )
    flavor_wish, image_wish = _read(wishes, "")
    if flavor_wish.exceeds(limits):
        flavor_wish = _Counts(0, 0, 0)
    if image_wish.exceeds(limits):
        words = f"Image vCPU topology ({image_wish}) exceeds the limits of the flavor or image ({limits})"
        raise NovaRefusalError("ImageVCPUTopologyRangeExceeded", words, When.SCHEDULE, wishes.place)
    return (image_wish if any(image_wish) else flavor_wish), limits


def _read(wishes: Wishes, prefix: str) -> tuple[_Counts, _Counts]:
    try:
        flavors = _Counts(*(int(wishes.flavor.specs.get(f"hw:cpu_{prefix}{level}", 0)) for level in _LEVELS))
    except ValueError as error:
        words = f"Invalid flavor extra spec. Error: {error}"
        raise NovaRefusalError("InvalidRequest", words, When.SCHEDULE, wishes.flavor_place) from None
    return flavors, _Counts(*(wishes.numbers.get(f"hw_cpu_{prefix}{level}", 0) for level in _LEVELS))
