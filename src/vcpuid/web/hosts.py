"""Hosts that a form speaks of: snapshots that were sent, or this machine as it is now."""

from __future__ import annotations

from typing import Final

from vcpuid.evidence import Evidence
from vcpuid.snapshot import Snapshot
from vcpuid.web.form import Part
from vcpuid.web.form_view import Field

HOST: Final = Field("host", "A snapshot of a host, as `vcpuid collect` writes it.", is_file=True)


def evidence_of(part: Part) -> Evidence:
    """Read a snapshot.

    Raises:
        InputError: It is none, or damaged.
    """
    return Evidence(Snapshot.parse(part.content, part.source))
