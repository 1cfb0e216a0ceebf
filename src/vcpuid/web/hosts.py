"""Hosts that a form speaks of: snapshots and dumps that were sent, or this machine as it is now."""

from __future__ import annotations

from typing import Final

from vcpuid.dumps import parse_dump
from vcpuid.errors import UndecidedError, UsageError
from vcpuid.evidence import Evidence, Gap
from vcpuid.gather.collect import collect
from vcpuid.gather.options import Options
from vcpuid.snapshot import Snapshot, is_snapshot
from vcpuid.terms.dump import Dump
from vcpuid.web.form import Form, Part
from vcpuid.web.form_view import Field

_HERE = "here"
HOST: Final = Field("host", "A snapshot of a host, as `vcpuid collect` writes it.", is_file=True)
DUMP: Final = HOST._replace(description="A snapshot of a host, or a CPUID dump of any format.")
MACHINE: Final = Field("machine", "`here` stands for the machine that answers.", _HERE, choices=(_HERE,))


def read_host(form: Form) -> Evidence:
    """Read the one host of a form with the fields HOST and MACHINE: a snapshot, a dump, or this machine.

    Raises:
        UsageError: There is none, or more than one.
        InputError: It is no snapshot and no dump, or damaged.
    """
    part = _part_of(form)
    if part is None:
        return Evidence(Snapshot.of(collect(Options())))
    return evidence_of(part) if is_snapshot(part.content) else Evidence.of_dump(_dump_of(part))


def read_dump_of(form: Form) -> Dump:
    """Read CPUID, and the MSRs beside it, of the one host of a form with the fields HOST and MACHINE.

    Raises:
        UsageError: There is none, or more than one.
        InputError: It is no snapshot and no dump, or damaged.
        UndecidedError: CPUID of this machine cannot be read.
    """
    part = _part_of(form)
    if part is not None:
        return _dump_of(part)
    cpuid = Evidence(Snapshot.of(collect(Options(only=("cpuid",))))).cpuid
    if isinstance(cpuid, Gap):
        raise UndecidedError(f"CPUID cannot be read here: {cpuid.why}", next_step=cpuid.remedy or None)
    return Dump(cpuid.dump.cpus, "this machine")


def _part_of(form: Form) -> Part | None:
    """Give what was sent of the one host; None for this machine."""
    part = form.first(HOST.name, MACHINE.name)
    if part is None:
        raise UsageError("no host", expected="a snapshot, a CPUID dump, or this machine")
    if part.field == HOST.name:
        return part
    if form.text(MACHINE.name) != _HERE:
        raise UsageError("no such machine", found=form.text(MACHINE.name), expected=_HERE)
    return None


def evidence_of(part: Part) -> Evidence:
    """Read a snapshot.

    Raises:
        InputError: It is none, or damaged.
    """
    return Evidence(Snapshot.parse(part.content, part.source))


def _dump_of(part: Part) -> Dump:
    return Dump(parse_dump(part.content, part.source).dump.cpus, part.source)
