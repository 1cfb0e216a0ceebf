"""How Nova says no: at which moment, by which of its exceptions, in which words."""

from __future__ import annotations

from enum import Enum

from vcpuid.errors import InputError
from vcpuid.terms.place import Place


class When(Enum):
    """When something comes to light."""

    START = "start"  # nova-compute starts
    SCHEDULE = "schedule"  # the API or the scheduler answers
    SPAWN = "spawn"  # a guest is made on its host
    MIGRATE = "migrate"  # a live migration is asked for


class NovaRefusalError(InputError):
    """Nova refuses.

    Args:
        kind: Its exception's class.
        words: What that says.
        when: When it does.
        place: What it refuses.
        missing: The features that it does not name, where there are such.
    """

    def __init__(
        self, kind: str, words: str, when: When, place: Place | None = None, missing: tuple[str, ...] = ()
    ) -> None:
        super().__init__(
            f"Nova refuses it at {when.value}: {kind}: {words}",
            source=place.source if place else None,
            line=place.line if place else None,
        )
        self.kind = kind
        self.words = words
        self.when = when
        self.missing = missing
