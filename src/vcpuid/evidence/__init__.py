"""A snapshot's raw records read into typed evidence, one file a source.

A source that has nothing to say is a `Gap`, which tells why and what would give the evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcpuid.evidence.gap import Gap

if TYPE_CHECKING:
    from vcpuid.evidence.host import Evidence

__all__ = ["Evidence", "Gap"]


def __getattr__(name: str) -> object:
    """Import what reads all sources when it is first used: whoever reads one does without the others."""
    if name != "Evidence":
        raise AttributeError(f"module 'vcpuid.evidence' has no attribute {name!r}")
    from vcpuid.evidence.host import Evidence  # noqa: PLC0415

    return Evidence
