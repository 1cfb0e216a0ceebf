"""Reading and writing snapshots, with a gate for damaged, oversized and newer ones."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vcpuid.errors import InputError, not_json
from vcpuid.snapshot.node import Node, describe

SCHEMA = "vcpuid-snapshot/1"
_VERSION_DIGITS = 9
_SELF = re.compile(rb'"schema"\s*:\s*"vcpuid-snapshot/')
_HEAD_BYTES = 4096
_SIZE_LIMIT_BYTES = 64 * 1024 * 1024
_VALUE_LIMIT = (
    2_000_000  # a host with 1,000 guests has 32,000; an empty list is 3 bytes in a file and 64 in memory
)
_RECOLLECT = "Take a new snapshot with `vcpuid collect -o FILE`."


@dataclass(frozen=True, slots=True)
class Record:
    """One source's record: its data where there is any, and why something is missing.

    Attributes:
        name: The source, as in `kvm`.
        state: `ok`, `partial`, `failed` or `skipped`.
        problems: `(what, why, remedy)` of each failure.
        data: The raw evidence; None where there is none.
    """

    name: str
    state: str
    problems: tuple[tuple[str, str, str], ...]
    data: Node | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One host's raw evidence by source."""

    root: Node

    @classmethod
    def of(cls, document: dict[str, Any], source: str = "this host") -> Snapshot:
        """Take a document that is in memory already.

        Raises:
            InputError: It is no snapshot, or one of another version.
        """
        root = Node(document, "", source)
        _check_version(root)
        root["sources"]
        return cls(root)

    @classmethod
    def read(cls, path: str | Path) -> Snapshot:
        """Read a snapshot from a file, or from standard input where the path is `-`.

        Raises:
            InputError: The file cannot be read, is damaged, too large, or of another version.
        """
        source = "standard input" if str(path) == "-" else str(path)
        try:
            if str(path) == "-":
                raw = sys.stdin.buffer.read(_SIZE_LIMIT_BYTES + 1)
            else:
                with Path(path).open("rb") as file:
                    raw = file.read(_SIZE_LIMIT_BYTES + 1)
        except OSError as error:
            raise InputError(
                f"cannot be read: {error.strerror}",
                source=source,
                next_step="Check the path and its permissions.",
            ) from error
        return cls.parse(raw, source)

    @classmethod
    def parse(cls, raw: bytes, source: str) -> Snapshot:
        """Read a snapshot from its bytes.

        Raises:
            InputError: It is damaged, too large, or of another version.
        """
        return cls.of(_parse_json(raw, source), source)

    @property
    def source(self) -> str:
        """Where the document comes from, a path or `this host`."""
        return self.root.source

    @property
    def host_name(self) -> str:
        """The host's name, or the token that stands for it."""
        host = self.root.get("host")
        name = host and host.get("name")
        return name.text() if name else "unknown"

    @property
    def taken_at(self) -> str:
        """When it was taken, ISO 8601 in UTC; empty where the document does not say."""
        node = self.root.get("taken_at")
        return node.text() if node else ""

    def record(self, name: str) -> Record:
        """Give one source's record; a source that the collector did not know is `skipped`."""
        node = self.root["sources"].get(name)
        if node is None:
            why = (name, "not in this snapshot", _RECOLLECT)
            return Record(name, "skipped", (why,), None)
        problems = tuple(
            (problem["what"].text(), problem["why"].text(), remedy.text() if remedy else "")
            for problem in node.get("problems") or ()
            for remedy in (problem.get("remedy"),)
        )
        return Record(name, node["state"].text(), problems, node.get("data"))

    def records(self) -> tuple[Record, ...]:
        """Give every source's record, in the document's order."""
        return tuple(self.record(name) for name, _ in self.root["sources"].members())


def is_snapshot(raw: bytes) -> bool:
    """Tell whether a document calls itself a snapshot, of any version."""
    return _SELF.search(raw[:_HEAD_BYTES]) is not None


def _parse_json(raw: bytes, source: str) -> dict[str, Any]:
    if len(raw) > _SIZE_LIMIT_BYTES:
        raise InputError(
            "too large for a snapshot",
            source=source,
            found=f"more than {_SIZE_LIMIT_BYTES // 2**20} MiB",
            next_step="Is this a folder or archive of many? Give one snapshot.",
        )
    values = sum(map(raw.count, (b",", b"[", b"{")))
    if values > _VALUE_LIMIT:
        found, expected = f"about {values} values", f"at most {_VALUE_LIMIT} values"
        raise InputError("too much for a snapshot", source=source, found=found, expected=expected)
    if not raw.strip():
        raise InputError(
            "empty", source=source, expected=f"a JSON document, schema {SCHEMA}", next_step=_RECOLLECT
        )
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        fault = not_json(error, source, next_step=_RECOLLECT)
        if isinstance(error, ValueError) and _at_end(error):
            message = "ends in the middle: the file is truncated"
            raise InputError(message, source=source, line=fault.line, next_step=_RECOLLECT) from None
        raise fault from None
    if not isinstance(document, dict):
        raise InputError(
            "not a snapshot",
            source=source,
            found=describe(document),
            expected=f"an object, schema {SCHEMA}",
            next_step=_RECOLLECT,
        )
    return document


def _at_end(error: ValueError) -> bool:
    """Tell whether the parser ran out of text, be it inside a string, a literal or a character."""
    if isinstance(error, json.JSONDecodeError):
        return error.msg.startswith("Unterminated") or error.pos >= len(error.doc.rstrip()) - len("false")
    return isinstance(error, UnicodeDecodeError) and error.end == len(error.object)


def _check_version(root: Node) -> None:
    schema = root.get("schema")
    name = schema.text() if schema else ""
    if name == SCHEMA:
        return
    family, _, version = name.rpartition("/")
    is_version = version.isdecimal() and len(version) <= _VERSION_DIGITS
    if family == "vcpuid-snapshot" and is_version and int(version) > int(SCHEMA.rpartition("/")[2]):
        raise InputError(
            "this snapshot is newer than this vcpuid",
            source=root.source,
            found=name,
            expected=SCHEMA,
            next_step="Upgrade vcpuid, or take the snapshot again with this version.",
        )
    raise InputError(
        "not a snapshot", source=root.source, found=repr(name[:60]), expected=SCHEMA, next_step=_RECOLLECT
    )
