"""Features put into a map: the new map, linted before anybody writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vcpuid.answers.map_entry import entry_of
from vcpuid.errors import UsageError
from vcpuid.rules.libvirt.entry import Entry
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.map_edit import features_file, insert_entries
from vcpuid.rules.libvirt.map_lint import lint_map
from vcpuid.rules.libvirt.map_reader import load_map
from vcpuid.terms.feature import Feature
from vcpuid.terms.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class MapEdit:
    """A map's file with entries in it, not yet written.

    Attributes:
        file: The file's name within the map.
        raw: Its new bytes.
        entries: What was put in.
        findings: What the linter says of the whole new map, but for notes on what was there before.
    """

    file: str
    raw: bytes
    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether libvirt would take the new map."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


class Written(NamedTuple):
    """What became of an edit.

    Attributes:
        file: The file that has it, or would have it.
        backup: What the file was before; None where there was none.
        is_written: Whether it was written: a map that libvirt would refuse is not.
    """

    file: str
    backup: str | None
    is_written: bool


def add_to_map(files: Mapping[str, bytes], source: str, features: Sequence[Feature]) -> MapEdit:
    """Put features into a map.

    Raises:
        UsageError: A feature has no entry, or the map has its name or bit already.
        InputError: The map cannot be read.
    """
    texts = {name: raw.decode("utf-8", "surrogateescape") for name, raw in files.items()}
    cpu_map = load_map(texts, source)
    entries = tuple({entry.name: entry for entry in map(entry_of, features)}.values())
    for entry in entries:
        _refuse_double(entry, cpu_map)
    file = features_file(files, source)
    raw = insert_entries(files[file], entries, f"{source}/{file}")
    before = {_gist(finding) for finding in lint_map(files, source) if finding.severity is Severity.NOTE}
    findings = lint_map({**files, file: raw}, source)
    return MapEdit(file, raw, entries, tuple(found for found in findings if _gist(found) not in before))


def _gist(finding: Finding) -> tuple[str, str]:
    return finding.rule, finding.message


def _refuse_double(entry: Entry, cpu_map: CpuMap) -> None:
    own = cpu_map.features.get(entry.name)
    if own is not None:
        bits = " + ".join(map(str, own.bits)) or "no bit"
        next_step = (
            "Nothing is to be done."
            if own.bits == (entry.bit,)
            else f"Mend that entry: `vcpuid map lint` says how; {entry.name} is {entry.bit}."
        )
        raise UsageError(
            f"the map has {entry.name} already", source=str(own.place), found=bits, next_step=next_step
        )
    for other in cpu_map.features.values():
        if entry.bit in other.bits:
            raise UsageError(
                f"the map has the bit of {entry.name} already",
                source=str(other.place),
                found=f"{entry.bit} as {other.name}",
                next_step=f"Ask for it as {other.name}.",
            )
