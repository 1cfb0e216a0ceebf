"""nova.conf's values as Nova sees them: the last file wins, old names serve, `$names` are filled in, types hold.

Rules read in oslo.config 10.7's cfg.py and types.py (Apache-2.0); property tests compare with the real one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vcpuid.atlas.tables import load_table
from vcpuid.errors import InputError
from vcpuid.guest.nova.ini import NovaEntry, group_by_file
from vcpuid.terms.place import Place

_TABLES = f"{__file__.rpartition('/')[0]}/tables"
_NAME = r"[_a-z][._a-z0-9]*"
_TEMPLATE = re.compile(rf"\$(?:(\$)|({_NAME})|\{{({_NAME})\}})", re.IGNORECASE)
_TRUE, _FALSE = frozenset(("true", "1", "on", "yes")), frozenset(("false", "0", "off", "no"))
_DEPTH_LIMIT = 20


class Option(NamedTuple):
    """One of Nova's options; the table says what its columns mean."""

    section: str
    name: str
    kind: str
    default: str
    choices: tuple[str, ...]
    formerly: tuple[str, ...]


@cache
def load_options() -> Mapping[tuple[str, str], Option]:
    """Load Nova's options by section and name."""
    rows = load_table("options", _TABLES)
    options = (
        Option(**row | {name: tuple(row[name].split()) for name in ("choices", "formerly")})  # type: ignore[arg-type]
        for row in rows
    )
    return {(option.section, option.name): option for option in options}


@cache
def nova_version() -> str:
    """Give the release of Nova that the options are from."""
    with Path(_TABLES, "options.csv").open(encoding="utf-8") as file:
        return next(line.split()[2] for line in file if line.startswith("# version: "))


class ValueRefusedError(InputError):
    """A value at which oslo.config makes Nova fail; `words` is what it says."""

    def __init__(self, message: str, place: Place, found: str, expected: str, words: str) -> None:
        super().__init__(message, source=place.source, line=place.line, found=found, expected=expected)
        self.place = place
        self.words = words


class UnseenValueError(InputError):
    """A value that rests on another which is not in the evidence."""


class Item(NamedTuple):
    """One item of a list and its line."""

    text: str
    place: Place


class Settings:
    """What Nova reads of its configuration.

    Args:
        entries: The entries of its files in Nova's order.
        is_whole: Whether they are all that the files hold; a snapshot has only those of an allow-list.
    """

    def __init__(self, entries: Sequence[NovaEntry], *, is_whole: bool = True) -> None:
        self._files = group_by_file(entries)
        self._is_whole = is_whole

    def entry(self, section: str, name: str) -> NovaEntry | None:
        """Give the entry that counts for an option; None where none does.

        The last file that has it wins. Within a file the present name wins over old ones, and the last of a name.
        """
        option = load_options().get((section, name))
        for entries in reversed(self._files):
            for wanted in (name, *(option.formerly if option else ())):
                for entry in reversed(entries):
                    if (entry.group, entry.key) == (section, wanted):
                        return entry
        return None

    def text(self, section: str, name: str) -> str | None:
        """Give the value of a text option; None where it is not set and has no default.

        Raises:
            ValueRefusedError: Nova fails at it.
            UnseenValueError: It rests on what is not in the evidence.
        """
        option = load_options()[section, name]
        entry = self.entry(section, name)
        if entry is None:
            return option.default or None
        return _checked(self._fill(entry.text, entry, ()), entry, option)

    def flag(self, section: str, name: str) -> bool:
        """Give the value of a flag.

        Raises:
            ValueRefusedError, UnseenValueError: As in `text`.
        """
        option = load_options()[section, name]
        entry = self.entry(section, name)
        text = option.default if entry is None else _checked(self._fill(entry.text, entry, ()), entry, option)
        return text.lower() in _TRUE

    def items(self, section: str, name: str) -> tuple[Item, ...]:
        """Give the items of a list, each with its line.

        Raises:
            ValueRefusedError, UnseenValueError: As in `text`.
        """
        entry = self.entry(section, name)
        if entry is None:
            return ()
        text = self._fill(entry.text, entry, ())
        return tuple(_items(text, entry.place, follows_lines="$" not in entry.text))

    def _fill(self, text: str, entry: NovaEntry, within: tuple[tuple[str, str], ...]) -> str:
        """Fill in `$name` and `${section.name}`; a doubled or escaped dollar sign is one."""

        def value(match: re.Match[str]) -> str:
            escaped, *names = match.groups()
            return "$" if escaped else self._value_of(next(filter(None, names)), entry, within)

        return _TEMPLATE.sub(value, text.replace(r"\$", "$$"))

    def _value_of(self, name: str, entry: NovaEntry, within: tuple[tuple[str, str], ...]) -> str:
        section, dot, bare = name.partition(".")
        places = [(section, bare)] if dot else [(entry.group, name)]
        option = next((load_options()[key] for key in [*places, ("DEFAULT", name)] if key in load_options()), None)
        if option is None:
            if dot and all(section != known for known, _ in load_options()):
                raise self._unseen(name, entry)
            words = f"no such option {name} in group [DEFAULT]"
            if any(name == known for known, _ in load_options()):
                words = f"template substitution error: substituting group {name} not supported"
            raise ValueRefusedError(
                f"Nova has no option ${name} to fill in",
                entry.place,
                repr(entry.text[:60]),
                "the name of an option",
                words,
            )
        key = (option.section, option.name)
        if key in within or len(within) > _DEPTH_LIMIT:
            raise ValueRefusedError(
                f"${name} leads back to itself", entry.place, repr(entry.text[:60]), "a value", "recursion"
            )
        return self._rendered(option, name, entry, (*within, key))

    def _rendered(self, option: Option, name: str, entry: NovaEntry, within: tuple[tuple[str, str], ...]) -> str:
        """Give an option's value as the text that stands in for its `$name`."""
        found = self.entry(option.section, option.name)
        if found is None and (
            option.section == "DEFAULT" or option.kind == "other" or not (self._is_whole or _is_ours(option))
        ):
            raise self._unseen(name, entry)
        raw = option.default if found is None else found.text
        holder = found or NovaEntry(option.section, option.name, raw, entry.place)
        text = (
            _checked(self._fill(raw, holder, within), holder, option) if found else self._fill(raw, holder, within)
        )
        if option.kind == "list":
            return str([item.text for item in _items(text, entry.place, follows_lines=False)])
        if option.kind == "flag":
            return str(text.lower() in _TRUE)
        if option.kind == "other":
            raise self._unseen(name, entry)
        return text

    def _unseen(self, name: str, entry: NovaEntry) -> UnseenValueError:
        return UnseenValueError(
            f"${name} is filled in by Nova, and its value is not known here",
            source=entry.place.source,
            line=entry.place.line,
            found=repr(entry.text[:60]),
        )


def _is_ours(option: Option) -> bool:
    """Tell whether the collector keeps an option, so that its absence means that it is not set."""
    return option.name.startswith(("cpu_mod", "virt_type", "skip_cpu", "hw_machine_type"))


def _checked(text: str, entry: NovaEntry, option: Option) -> str:
    """See that a text is a value of its option.

    Raises:
        ValueRefusedError: Nova fails at it.
    """
    if option.choices and text not in option.choices:
        raise _not_valid(entry, f"Valid values are [{', '.join(option.choices)}], but found {text!r}", option)
    if option.kind == "flag" and text.lower() not in _TRUE | _FALSE:
        raise _not_valid(entry, f"Unexpected boolean value {text!r}", option)
    return text


def _not_valid(entry: NovaEntry, words: str, option: Option) -> ValueRefusedError:
    return ValueRefusedError(
        f"[{option.section}] {option.name} has a value that Nova does not take",
        entry.place,
        repr(entry.text[:60]),
        ", ".join(option.choices) or "true or false",
        words,
    )


def _items(text: str, place: Place, *, follows_lines: bool) -> list[Item]:
    """Split a list: by commas alone, each item without the blanks around it."""
    stripped = text.strip().rstrip(",")
    if not stripped:
        return []
    line = text[: len(text) - len(text.lstrip())].count("\n")
    items = []
    for part in stripped.split(","):
        lead = part[: len(part) - len(part.lstrip())].count("\n")
        where = (
            Place(place.source, place.line + line + lead) if follows_lines and place.line is not None else place
        )
        items.append(Item(part.strip(), where))
        line += part.count("\n")
    return items
