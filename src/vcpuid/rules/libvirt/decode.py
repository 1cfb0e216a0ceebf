"""Which named model describes a CPU's bits best, and why the others do not.

Models are tried from the newest to the oldest. What counts is measured on libvirt 9.0 and 11.3, one oddity with
it: of D disabled features at the end of a guest's list only the first half (rounded up) are counted as such.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from vcpuid.errors import InputError
from vcpuid.rules.libvirt.definition import requests_of
from vcpuid.rules.libvirt.models import CpuData, Model, Models, split_signature
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, Match, Policy
from vcpuid.terms.place import Place

# CPUs whose TSX Intel has switched off by microcode: family 6, models 60, 69, 70, and 63 below stepping 4.
_TSX_LOST = frozenset((60, 69, 70))
_TSX_LOST_BELOW_STEPPING_4 = 63
_TSX = ("hle", "rtm")

Blockers = Mapping[str, Collection[str]]
"""The models that a hypervisor knows, each with the features that keep it from running them on this host."""


class Side(Enum):
    """Whose CPU is described."""

    HOST = "host"
    GUEST = "guest"


class Outcome(Enum):
    """What became of a model."""

    CHOSEN = "chosen"
    VENDOR = "it is another vendor's"
    UNKNOWN = "the hypervisor does not know it"
    NOT_FOR_SIDE = "the map keeps it out of such descriptions"
    LACKS = "the CPU lacks features of it, and a host's description takes none away"
    SIGNATURE = "another model has the CPU's family and model"
    SCORE = "another model needs fewer features beside it"


class Trial(NamedTuple):
    """One model that was tried.

    Attributes:
        model: Its name.
        outcome: What became of it.
        extra: The bits that it lacks and the CPU has.
        lacking: The bits that it has and the CPU lacks.
        matches: Whether it has the CPU's family and model.
        score: What its description costs; the least wins. None where it was not weighed.
        penalty: The part of the score that disabled features make up.
    """

    model: str
    outcome: Outcome
    extra: int = 0
    lacking: int = 0
    matches: bool = False
    score: int | None = None
    penalty: int = 0


class Decoded(NamedTuple):
    """A description, and the trials that led to it, in the order in which models were tried."""

    cpu: GuestCpu
    trials: tuple[Trial, ...]


def decode(
    models: Models,
    data: CpuData,
    side: Side,
    *,
    allowed: Blockers | None = None,
    preferred: Collection[str] = (),
    migratable: bool = False,
) -> Decoded:
    """Describe a CPU by the best model and the features that differ.

    Args:
        models: The map.
        data: The CPU.
        side: Whether it describes a host or a guest.
        allowed: The hypervisor's models; None for all of the map's.
        preferred: Models that win over others of the same cost; a single one wins outright.
        migratable: Leave out features with which a guest cannot migrate.

    Raises:
        InputError: No model of the map fits.
    """
    data = _without_lost_tsx(models, data)
    trials: list[Trial] = []
    best = -1
    for model in reversed(models.models.values()):
        trial = _try(models, model, data, side, allowed)
        wins = trial.score is not None and (best < 0 or _is_better(trial, trials[best], preferred, data))
        trials.append(trial)
        if wins:
            best = len(trials) - 1
        if wins and len(preferred) == 1 and model.name in preferred:
            break
    if best < 0:
        raise InputError(
            "no model of the map describes this CPU",
            source=models.title,
            found=f"vendor {data.vendor}" if data.vendor else "a vendor that the map does not know",
        )
    chosen = trials[best]
    if data.signature and chosen.matches:
        trials = [
            trial if trial.score is None or trial.matches else trial._replace(outcome=Outcome.SIGNATURE)
            for trial in trials
        ]
    trials[best] = chosen._replace(outcome=Outcome.CHOSEN)
    return Decoded(_describe(models, data, chosen, side, migratable=migratable), tuple(trials))


def best_model(models: Models, data: CpuData) -> str | None:
    """Name the model by which `decode` describes a guest's CPU, of all of the map's; None where no model fits.

    The same by far fewer steps, for whom the name is enough: a fleet has many thousands of CPUs.
    """
    if not models.is_regular:
        try:
            return decode(models, data, Side.GUEST).cpu.model
        except InputError:
            return None
    vendor, signature = data.vendor, data.signature
    bits = _without_lost_tsx(models, data).bits & models.known
    count = bits.bit_count()
    best, least = None, (0, 0)
    for model in _candidates(models, vendor, signature):
        shared = (bits & model.bits).bit_count()
        disabled = model.size - shared + (model.removed & ~(bits ^ model.bits)).bit_count()
        cost = _cost(count - shared, disabled)
        if best is None or cost < least:
            best, least = model.name, cost
    return best


class _Candidate(NamedTuple):
    """A model that may describe a guest, as numbers: its features, how many these are, those that it disables."""

    name: str
    bits: int
    size: int
    removed: int


@lru_cache(maxsize=1024)
def _candidates(models: Models, vendor: str | None, signature: int) -> tuple[_Candidate, ...]:
    """Give the models that may describe guests of a CPU, as `decode` tries them.

    Where some are meant for its family and model these alone: they win over all others.
    """
    own = [
        model
        for model in reversed(models.models.values())
        if model.on_guest and not (vendor and model.vendor and vendor != model.vendor)
    ]
    if signature:
        own = [model for model in own if model.matches(signature)] or own
    return tuple(
        _Candidate(model.name, model.bits, model.bits.bit_count(), models.bits_of(model.removed)) for model in own
    )


def _without_lost_tsx(models: Models, data: CpuData) -> CpuData:
    family, model, stepping = split_signature(data.signature)
    lost = model in _TSX_LOST or (model == _TSX_LOST_BELOW_STEPPING_4 and stepping < 4)  # noqa: PLR2004
    if data.vendor != "Intel" or family != 6 or not lost:  # noqa: PLR2004 -- a family, as the manuals number it
        return data
    tsx = models.bits_of(name for name in _TSX if name in models.features)
    return data._replace(bits=data.bits & ~tsx)


def _try(models: Models, model: Model, data: CpuData, side: Side, allowed: Blockers | None) -> Trial:
    if allowed is not None and model.name not in allowed:
        return Trial(model.name, Outcome.UNKNOWN)
    if data.vendor and model.vendor and data.vendor != model.vendor:
        return Trial(model.name, Outcome.VENDOR)
    if not (model.on_host if side is Side.HOST else model.on_guest):
        return Trial(model.name, Outcome.NOT_FOR_SIDE)
    extra, lacking = data.bits & ~model.bits, model.bits & ~data.bits
    for name in () if allowed is None else allowed[model.name]:
        blocker = models.features.get(name)
        if blocker is not None and extra & blocker.bits != blocker.bits:
            lacking |= blocker.bits
    enabled, disabled = models.count(extra), models.count(lacking)
    matches = bool(data.signature) and model.matches(data.signature)
    if side is Side.HOST:
        if disabled:
            return Trial(model.name, Outcome.LACKS, extra, lacking, matches)
        return Trial(model.name, Outcome.SCORE, extra, lacking, matches, enabled)
    if model.removed:
        disabled += len(set(model.removed) - set(models.names(extra)) - set(models.names(lacking)))
    score, penalty = _cost(enabled, disabled)
    return Trial(model.name, Outcome.SCORE, extra, lacking, matches, score, penalty)


def _cost(enabled: int, disabled: int) -> tuple[int, int]:
    """Give the score of a guest's description with so many features, and the part of it that is a penalty."""
    penalised = (disabled + 1) // 2
    penalty = penalised * (penalised + 3) // 2  # 2 for the first, 3 for the second...
    return enabled + disabled - penalised + penalty, penalty


def _is_better(trial: Trial, best: Trial, preferred: Collection[str], data: CpuData) -> bool:
    if len(preferred) == 1 and trial.model in preferred:
        return True
    if data.signature and trial.matches != best.matches:
        return trial.matches
    assert trial.score is not None and best.score is not None  # noqa: S101, PT018 -- both were weighed
    if trial.score != best.score:
        return trial.score < best.score or (trial.model in preferred and trial.penalty < best.penalty)
    return trial.penalty < best.penalty


def _describe(models: Models, data: CpuData, trial: Trial, side: Side, *, migratable: bool) -> GuestCpu:
    enabled, disabled = list(models.names(trial.extra)), list(models.names(trial.lacking))
    model = models.models[trial.model]
    if side is Side.GUEST:
        disabled += [name for name in model.removed if name not in enabled and name not in disabled]
    if migratable:
        enabled = [name for name in enabled if models.features[name].migratable]
    requests = requests_of(
        [*((name, Policy.REQUIRE) for name in enabled), *((name, Policy.DISABLE) for name in disabled)]
    )
    return make_cpu(trial.model, data.vendor, requests, side)


def make_cpu(model: str, vendor: str | None, requests: tuple[FeatureRequest, ...], side: Side) -> GuestCpu:
    """Give a description that libvirt itself would write."""
    is_host = side is Side.HOST
    return GuestCpu(
        CpuMode.CUSTOM,
        model,
        requests,
        Place("libvirt's rules"),
        match=Match.EXACT,
        fallback=None if is_host else False,
        vendor=vendor,
        arch="x86_64" if is_host else None,
    )
