"""Whether a host can run a CPU, and which features stand between them."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from vcpuid.rules.libvirt.definition import check_written, encode, encode_policy
from vcpuid.rules.libvirt.models import CpuData, Models
from vcpuid.terms.guest import GuestCpu, Match, Policy

_X86 = frozenset(("i686", "x86_64"))


class Relation(Enum):
    """What a host's CPU is to the one that is asked for, in libvirt's words."""

    IDENTICAL = "identical"
    SUPERSET = "superset"
    INCOMPATIBLE = "incompatible"


class Comparison(NamedTuple):
    """The answer and its reasons.

    Attributes:
        relation: What the host is to the CPU that is asked for.
        reason: Why they do not fit, in a clause; empty where they do.
        missing: Features that are asked for and the host lacks.
        forbidden: Features that may not be there and the host has.
        extra: Features that the host has and nobody mentions.
    """

    relation: Relation
    reason: str = ""
    missing: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


def compare(models: Models, host: GuestCpu, cpu: GuestCpu) -> Comparison:
    """Compare the CPU that is asked for with a host's description.

    A mode that stands for the host's own CPU asks for no more than the features that are written with it.

    Raises:
        InputError: libvirt would not read a definition, or the map has not a model or a feature.
    """
    return compare_data(models, encode(models, host)._replace(vendor=host.vendor), cpu)


def compare_data(models: Models, host: CpuData, cpu: GuestCpu) -> Comparison:
    """Compare the CPU that is asked for with what a host has.

    Raises:
        InputError: As in `compare`.
    """
    check_written(cpu)
    if cpu.arch is not None and cpu.arch not in _X86:
        return Comparison(Relation.INCOMPATIBLE, f"{cpu.arch} is another architecture")
    if cpu.vendor is not None and cpu.vendor != host.vendor:
        source = f"is from {host.vendor}" if host.vendor else "names no vendor"
        return Comparison(Relation.INCOMPATIBLE, f"the CPU is to be from {cpu.vendor}, the host {source}")
    parts = {policy: encode_policy(models, cpu, policy) for policy in Policy}
    has = host.bits
    mentioned = parts[Policy.FORCE] | parts[Policy.OPTIONAL] | parts[Policy.DISABLE]
    required = parts[Policy.REQUIRE] & ~mentioned
    forbidden = parts[Policy.FORBID] & has
    missing = required & ~has
    extra = has & ~(parts[Policy.REQUIRE] | mentioned)
    lists = [tuple(_named(models, bits)) for bits in (missing, forbidden, extra)]
    if forbidden:
        reason = "the host has features that are forbidden"
    elif missing:
        reason = "the host lacks features that are required"
    elif extra and cpu.match is Match.STRICT and not cpu.is_host:
        reason = "the match is strict, and the host has features that are not asked for"
    else:
        return Comparison(Relation.SUPERSET if extra else Relation.IDENTICAL, "", *lists)
    return Comparison(Relation.INCOMPATIBLE, reason, *lists)


def _named(models: Models, bits: int) -> list[str]:
    """Give the features that any of the bits belong to: a part of one is a whole one that does not fit."""
    return [feature.name for feature in models.features.values() if feature.bits & bits]
