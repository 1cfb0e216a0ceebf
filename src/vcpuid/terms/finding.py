"""A fault in a file that somebody wrote, with what it leads to and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from vcpuid.terms.place import Place


class Severity(Enum):
    """How bad a finding is: `ERROR` makes the answer a no."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault.

    Attributes:
        severity: How bad it is.
        rule: The row of the linter's table that draws it, as in `map.zero-mask`.
        place: Where it stands.
        message: What is wrong, in one clause.
        found: What stands there; may be empty.
        expected: What should stand there; may be empty.
        consequence: What libvirt or QEMU does with it, and when.
        mend: What to write or to do, as a sentence.
        host: The host on which it holds; empty where it holds on every one.
    """

    severity: Severity
    rule: str
    place: Place
    message: str
    found: str
    expected: str
    consequence: str
    mend: str
    host: str = ""
