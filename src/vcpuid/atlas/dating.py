"""When a name came into a project, as far as a source dates it.

Names were measured in a few versions only. A `since` that equals the oldest measured version with a minus behind
it (`7.2-`) means "that version or earlier"; one that equals a later measured version means "after the measured
version before it"; any other is a date that a source gives.
"""

from __future__ import annotations

import re

from vcpuid.terms.feature import Dialect

# The versions whose names were measured, oldest first.
MEASURED = {Dialect.QEMU: ("7.2", "10.0", "10.2", "11.1"), Dialect.LIBVIRT: ("9.0", "11.3", "12.8")}

_LEADING_NUMBERS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,2}")


def describe_since(dialect: Dialect, since: str) -> str:
    """Say a table's `since` in words."""
    if since.endswith("-"):
        return f"{since[:-1]} or earlier"
    measured = MEASURED.get(dialect, ())
    if since in measured[1:]:
        return f"{since} or earlier, after {measured[measured.index(since) - 1]}"
    return since or "no measured version"


def known_in(dialect: Dialect, since: str, version: str) -> bool | None:
    """Tell whether a version knows a name; None where it lies between versions that were measured."""
    asked, first = _numbers(version), _numbers(since.rstrip("-"))
    if not asked or not first:
        return None
    if asked >= first:
        return True
    measured = MEASURED.get(dialect, ())
    if since.endswith("-"):
        return None
    if since in measured[1:]:
        before = _numbers(measured[measured.index(since) - 1])
        return False if asked[:2] <= before else None
    return False


def _numbers(version: str) -> tuple[int, ...]:
    leading = _LEADING_NUMBERS.match(version)
    return tuple(int(part) for part in leading[0].split(".")) if leading else ()
