"""A message's cause on a host, and what a test of it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from vcpuid.answers.why import Answer, conclude
from vcpuid.atlas import Match
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest
from vcpuid.layers import JUDGES
from vcpuid.terms.feature import Dialect, Feature

BY_GUEST: Final = "Name the guest: --domain NAME."
_MOST_FEATURES = 60
_MOST_TOLD = 6


class Holding(Enum):
    """Whether a cause holds. Missing evidence is UNKNOWN, never a no."""

    HOLDS = "holds"
    HOLDS_NOT = "does-not-hold"
    UNKNOWN = "unknown"
    UNTESTED = "untested"


class Tested(NamedTuple):
    """What a test found.

    Attributes:
        holding: Whether the cause holds.
        found: What was seen; may be empty.
        would_tell: For UNKNOWN: what would tell.
    """

    holding: Holding
    found: str = ""
    would_tell: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A feature as a text names it.

    Attributes:
        text: The name or address there.
        features: What it is: one, or several where a message hides which; none for a name that nobody knows.
        near: Names that are near to an unknown one.
    """

    text: str
    features: tuple[Feature, ...]
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A message's cause on a host.

    Attributes:
        argument: What the cause's row asks about.
        names: The features that the message names, of those that the cause is about.
        values: What else the message tells: a model, a level.
        dialect: Whose names these are.
        evidence: The host; None where none was given.
        guest: The guest; None where none was named.
        domain: That guest's domain, by name or UUID.
        answers: What `why` has said of features in other cases.
    """

    argument: str
    names: tuple[Named, ...]
    values: Mapping[str, str]
    dialect: Dialect
    evidence: Evidence | None
    guest: Guest | None = None
    domain: str | None = None
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def features(self) -> list[Feature]:
        """The features of which the text leaves no doubt."""
        certain = [name.features[0] for name in self.names if len(name.features) == 1]
        return list({feature.address: feature for feature in certain}.values())[:_MOST_FEATURES]

    def why(self, feature: Feature, evidence: Evidence) -> Answer:
        """Follow a feature over this host's hops."""
        answer = self.answers.get(feature.address)
        if answer is None:
            verdicts = {layer: judge(feature, evidence, self.guest) for layer, judge in JUDGES.items()}
            answer = conclude(Match(feature, ()), self.guest, verdicts)
            self.answers[feature.address] = answer
        return answer


def yes_or_no(found: str, *, holds: bool) -> Tested:
    """Give a decided result."""
    return Tested(Holding.HOLDS if holds else Holding.HOLDS_NOT, found)


def unread(gap: Gap) -> Tested:
    """Give the result of a test whose evidence is missing."""
    return Tested(Holding.UNKNOWN, str(gap), gap.remedy)


def some(parts: list[str]) -> str:
    """Join the first of several findings."""
    more = len(parts) - _MOST_TOLD
    return "; ".join(parts[:_MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")
