"""vcpuid: which CPU does my guest really get, and why?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcpuid.answers.explain import explain
    from vcpuid.answers.why import why
    from vcpuid.snapshot import Snapshot

__version__ = "0.1.0"
__all__ = ["Snapshot", "__version__", "explain", "why"]

_HOMES = {
    "Snapshot": "vcpuid.snapshot",
    "explain": "vcpuid.answers.explain",
    "why": "vcpuid.answers.why",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that the command line starts fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'vcpuid' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
