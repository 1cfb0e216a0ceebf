"""The tables of messages and of their causes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from vcpuid.terms.verdict import Layer

TABLES = Path(__file__).parent / "tables"
# Each file has the messages of these programs; the order is that in which messages are told.
FILES = ("qemu", "libvirt", "nova", "wrappers", "kernel", "sgx", "guest")
# Where a message has a space a log may have a line break and an indent. All is bounded, so that nothing runs away.
_MACROS = {
    # libvirt's list of extra features goes on with ", missing features: " in one line.
    "<NAMES>": r"(?P<features>[\w.-]{1,60}(?:,\s{0,40}(?!missing\s)[\w.-]{1,60}){0,400})",
    "<NAME>": r"(?P<feature>[\w.-]{1,60})",
    "<BIT>": r"(?P<bit>(?:CPUID|MSR)[\w.:,=()\[\]-]{1,80}?\s?\[bit\s\d{1,2}\])",
}
_SPACE = r"\s{1,40}"


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that a message may come from.

    Attributes:
        name: Its name, as in `stale-cache`.
        says: The cause in a sentence.
        mend: What to do about it.
        test: The test that evidence of the host is put to; None where only people can tell.
        argument: What the test asks about: a feature, a device, a version; may be empty.
        features: Only a message that names one of these has it (`vmx-*` stands for many); empty for any.
        but_not: Names of which it is not the cause, whatever else the message names.
        source: Where this was seen.
    """

    name: str
    says: str
    mend: str
    test: str | None
    argument: str
    features: tuple[str, ...]
    but_not: tuple[str, ...]
    source: str

    def concerns(self, names: tuple[str, ...]) -> bool:
        """Tell whether a message that names these features may have this cause."""
        if names and all(name in self.but_not for name in names):
            return False
        return not self.features or any(fnmatchcase(name, glob) for name in names for glob in self.features)


@dataclass(frozen=True, slots=True)
class Sample:
    """A text as somebody met it, and where."""

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Message:
    """What a program says.

    Attributes:
        name: The name of its row, as in `qemu.no-such-model`.
        program: Who says it.
        layer: The hop at which it is said.
        expression: The text, as a regular expression with macros. Its groups are `features` (a list of names),
            `feature` (one name), `bit` (an address), and others, which are told as they are.
        anchor: A word that every such text has, for a quick look.
        means: What has happened.
        causes: What it may come from, most likely first.
        tells: What it tells without writing it, such as who runs the guest.
        is_wrapper: Whether it only reports what another program said.
        versions: Which versions say it so; may be empty.
        samples: Real texts.
    """

    name: str
    program: str
    layer: Layer
    expression: str
    anchor: str
    means: str
    causes: tuple[Cause, ...]
    tells: Mapping[str, str]
    is_wrapper: bool
    versions: str
    samples: tuple[Sample, ...]

    @property
    def pattern(self) -> re.Pattern[str]:
        """The text to search for. It is compiled when it is first asked for: of all, a text has few anchors."""
        return _compile(self.expression)


@cache
def load_causes() -> Mapping[str, Cause]:
    """Load the causes by their names."""
    return {
        name: Cause(
            name=name,
            says=row["says"],
            mend=row["mend"],
            test=row.get("test"),
            argument=row.get("argument", ""),
            features=tuple(row.get("features", ())),
            but_not=tuple(row.get("but_not", ())),
            source=row["source"],
        )
        for name, row in _read("causes").items()
    }


@cache
def load_messages() -> tuple[Message, ...]:
    """Load every message, in the order of the tables: of two that fit the same text the first counts."""
    causes = load_causes()
    return tuple(
        Message(
            name=f"{file}.{name}",
            program=row["program"],
            layer=Layer(row["layer"]),
            expression=row["pattern"],
            anchor=_anchor(row["pattern"]),
            means=row["means"],
            causes=tuple(causes[cause] for cause in row["causes"]),
            tells=row.get("tells", {}),
            is_wrapper=row.get("wrapper", False),
            versions=row.get("versions", ""),
            samples=tuple(Sample(sample["text"], sample["source"]) for sample in row["samples"]),
        )
        for file in FILES
        for name, row in _read(file).items()
    )


@cache
def load_programs() -> Mapping[str, Mapping[str, list[str]]]:
    """Load how a text shows which programs wrote it: regular expressions for signs and for versions."""
    return _read("programs")


def _read(name: str) -> dict[str, Any]:
    with (TABLES / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    pattern = pattern.replace(" ", _SPACE)
    for macro, meaning in _MACROS.items():
        pattern = pattern.replace(macro, meaning)
    return re.compile(pattern, re.MULTILINE)


def _anchor(pattern: str) -> str:
    """Give the longest word that a pattern has outside of its groups; empty where it has none."""
    depth, outside, is_escaped = 0, "", False
    for letter in re.sub(r"<[A-Z]+>", " ", pattern):
        is_plain = not is_escaped
        depth += (letter == "(" and is_plain) - (letter == ")" and is_plain)
        outside += letter if depth == 0 and is_plain and letter not in "()\\" else " "
        is_escaped = letter == "\\" and is_plain
    # What a quantifier follows may be missing, and what stands in brackets is one letter of many.
    certain = re.sub(r".[?*]|.\{[^}]*\}|\[[^]]*\][?*+]?", " ", outside)
    return max(re.findall(r"[\w'-]{4,}", certain), key=len, default="")
