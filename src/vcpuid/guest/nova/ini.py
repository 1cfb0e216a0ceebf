"""The INI dialect of oslo.config: sections, `key = value` and `key: value`, continuation lines, quotes.

Rules read in oslo.config 10.7's iniparser.py (Apache-2.0); property tests compare with the real one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vcpuid.errors import InputError
from vcpuid.terms.place import Place

_LINE_END = re.compile("\r\n|\r|\n")
_QUOTES = ("'", '"')
# The sections that are looked at, each on a line of its own; libvirt's and QEMU's own configurations have none.
_OWN_SECTION = re.compile(r"^\[\s*(?:DEFAULT|libvirt|workarounds)\s*\]", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NovaEntry:
    """One `key = value` of a nova.conf, and where it stands.

    Attributes:
        section: Its section as written.
        key: Its key.
        value: Its value; continuation lines stand behind line ends.
        place: The line of its key.
    """

    section: str
    key: str
    value: str
    place: Place

    @property
    def group(self) -> str:
        """Its section as oslo.config calls it: in lower case, but for [DEFAULT]."""
        return self.section if self.section == "DEFAULT" else self.section.lower()

    @property
    def text(self) -> str:
        """Its value without the quotes around its first line."""
        first, *others = self.value.split("\n")
        return "\n".join((strip_quotes(first), *others))


def strip_quotes(text: str) -> str:
    """Take off the quotes that stand at both ends, as oslo.config does: whatever is between them."""
    return text[1:-1] if text.startswith(_QUOTES) and text[0] == text[-1] else text


@dataclass(frozen=True, slots=True)
class NovaFile:
    """A file, as far as oslo.config would read it.

    Attributes:
        source: Its name.
        entries: Its entries in their order.
        sections: The headings in their order, with their places.
        fault: Why oslo.config refuses the whole file; None where it does not.
    """

    source: str
    entries: tuple[NovaEntry, ...]
    sections: tuple[tuple[str, Place], ...]
    fault: InputError | None = None


def is_nova_conf(text: str) -> bool:
    """Tell whether a text has a section of nova.conf."""
    return _OWN_SECTION.search(text) is not None


def parse_ini(text: str, source: str) -> NovaFile:
    """Read a text up to the first line that oslo.config refuses."""
    entries: list[NovaEntry] = []
    sections: list[tuple[str, Place]] = []
    try:
        for item in _parse(text, source):
            if isinstance(item, NovaEntry):
                entries.append(item)
            else:
                sections.append(item)
    except InputError as error:
        return NovaFile(source, tuple(entries), tuple(sections), error)
    return NovaFile(source, tuple(entries), tuple(sections))


def _parse(text: str, source: str) -> Iterator[NovaEntry | tuple[str, Place]]:
    section: str | None = None
    open_entry: _OpenEntry | None = None
    for number, raw in enumerate([*_LINE_END.split(text), ""], start=1):
        line, place = raw.rstrip(), Place(source, number)
        if line.startswith((" ", "\t")):
            if open_entry is None:
                raise _refused("a line that continues no value", place, line, "a key at the line's beginning")
            open_entry.lines.append(line.lstrip())
            continue
        if open_entry is not None:
            yield open_entry.close(section)
            open_entry = None
        if line.startswith("["):
            section = _section(line, place)
            yield section, place
        elif line and not line.startswith(("#", ";")):
            open_entry = _OpenEntry(*_split(line, place), place)


@dataclass(slots=True)
class _OpenEntry:
    """An entry whose value may go on."""

    key: str
    lines: list[str]
    place: Place

    def close(self, section: str | None) -> NovaEntry:
        if section is None:
            raise _refused("a value before any section", self.place, self.key, "[DEFAULT] or another above it")
        return NovaEntry(section, self.key, "\n".join(self.lines), self.place)


def _section(line: str, place: Place) -> str:
    if not line.endswith("]"):
        raise _refused("a section's line goes on behind its name", place, line, "[name] and nothing more")
    if len(line) <= len("[]"):
        raise _refused("a section without a name", place, line, "[name]")
    return line[1:-1]


def _split(line: str, place: Place) -> tuple[str, list[str]]:
    key, separator, value = line, "", ""
    if match := re.search("[=:]", line):
        key, separator, value = line[: match.start()], match.group(), line[match.end() :]
    if not separator:
        raise _refused("neither a value nor a section", place, line, "key = value")
    if not key.strip():
        raise _refused("a value without a key", place, line, "key = value")
    return key.strip(), [value.strip()]


def _refused(message: str, place: Place, found: str, expected: str) -> InputError:
    return InputError(message, source=place.source, line=place.line, found=repr(found[:60]), expected=expected)


def group_by_file(entries: Iterable[NovaEntry]) -> list[list[NovaEntry]]:
    """Give the entries of each file, in the order in which Nova reads the files."""
    files: dict[str, list[NovaEntry]] = {}
    for entry in entries:
        files.setdefault(entry.place.source, []).append(entry)
    return list(files.values())
