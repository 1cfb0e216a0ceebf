"""The files of a fleet's store, and the manifest that names those which count.

Files are written under new names and never changed. The manifest is replaced last, in one step: whoever is killed
before that has changed nothing, and what was left over is cleared away by the next ingest.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vcpuid.errors import InputError, not_json
from vcpuid.snapshot.node import Node, describe

SCHEMA: Final = "vcpuid-fleet/1"
LOCK, INCOMING, SUFFIX = "lock", "incoming-", ".parquet"
HOW_TO_FILL: Final = "`vcpuid fleet ingest PATH... --store DIR` makes and fills one."
_MANIFEST = "manifest.json"
_RESTORE: Final = "Put back a copy of the manifest, or ingest into a new folder."


@dataclass(slots=True)
class Files:
    """The files of one snapshot of the fleet."""

    hosts: list[str] = field(default_factory=list)
    guests: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Manifest:
    """What the store's files are."""

    snapshots: dict[str, Files] = field(default_factory=dict)
    configs: list[str] = field(default_factory=list)

    @property
    def dates(self) -> tuple[str, ...]:
        """The snapshots of the fleet, oldest first."""
        return tuple(sorted(self.snapshots))

    @property
    def names(self) -> set[str]:
        """The names of all files that count."""
        parts = [self.configs, *(files.hosts + files.guests for files in self.snapshots.values())]
        return {name for part in parts for name in part}

    def text(self) -> str:
        """Give the document."""
        snapshots = {
            date: {"hosts": files.hosts, "guests": files.guests} for date, files in sorted(self.snapshots.items())
        }
        document = {"schema": SCHEMA, "snapshots": snapshots, "configs": self.configs}
        return json.dumps(document, indent=1) + "\n"

    def replace(self, folder: Path) -> None:
        """Make this the manifest of a store, whole or not at all, once its files are on the disk."""
        part = folder / f".{_MANIFEST}.part"
        with part.open("w", encoding="utf-8") as file:
            file.write(self.text())
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / _MANIFEST)
        sync(folder)


def read_manifest(folder: Path, *, new: bool = False) -> Manifest:
    """Read the manifest of a store; a `new` one, in a folder with nothing else, has an empty one.

    Raises:
        InputError: This is no store, it cannot be read, or it is one of a newer version.
    """
    path = folder / _MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        others = [entry for entry in _entries(folder) if entry != LOCK and not entry.startswith(INCOMING)]
        if new and not [entry for entry in others if not entry.endswith(SUFFIX)]:
            return Manifest()
        message = "not a fleet store: there are other things in it" if new else "not a fleet store"
        raise InputError(message, source=str(folder), next_step=HOW_TO_FILL) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise not_json(error, str(path), expected="the manifest of a store", next_step=_RESTORE) from None
    return _parse_manifest(document, str(path))


def _entries(folder: Path) -> list[str]:
    with suppress(OSError):
        return [entry.name for entry in folder.iterdir()]
    return []


def _parse_manifest(document: object, source: str) -> Manifest:
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(document, dict) or schema != SCHEMA:
        raise InputError(
            "a store of a newer version" if str(schema).startswith("vcpuid-fleet/") else "not a fleet store",
            source=source,
            found=schema[:60] if isinstance(schema, str) else describe(document),
            expected=SCHEMA,
            next_step="Use the vcpuid that made it, or ingest into a new folder.",
        )
    root = Node(document, "", source)
    try:
        snapshots = {
            date: Files(_names(files["hosts"]), _names(files["guests"]))
            for date, files in root["snapshots"].members()
        }
        return Manifest(snapshots, _names(root["configs"]))
    except InputError as fault:
        raise fault.advising(_RESTORE) from None


def _names(names: Node) -> list[str]:
    """Give names of files, none of which leads out of the store."""
    texts = list(names.texts())
    for name in texts:
        if not re.fullmatch(r"[\w.-]+\.parquet", name):
            raise names.error(repr(name[:60]), "names of Parquet files")
    return texts


def sync(path: Path) -> None:
    """Have a file or folder on the disk before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
