"""nova.conf as the collector read it."""

from __future__ import annotations

from vcpuid.guest.nova import NovaCpu, NovaEntry, NovaFile, parse_nova
from vcpuid.snapshot.node import Node
from vcpuid.terms.place import Place


def read_nova(data: Node) -> NovaCpu | None:
    """Read the `nova` source; None where the host has no nova.conf.

    Raises:
        InputError: The record is damaged.
    """
    files = read_nova_files(data)
    entries = [entry for file in files for entry in file.entries]
    return parse_nova(entries, Place(files[0].source)) if files else None


def read_nova_files(data: Node) -> tuple[NovaFile, ...]:
    """Read the files of the `nova` source, in Nova's order; their headings are not in it.

    Raises:
        InputError: The record is damaged.
    """
    return tuple(_read_file(file) for file in data["files"])


def _read_file(node: Node) -> NovaFile:
    path = node["path"].text()
    entries = [
        NovaEntry(
            entry["section"].text(),
            entry["key"].text(),
            entry["value"].text(),
            Place(path, entry["line"].number()),
        )
        for entry in node["entries"]
    ]
    return NovaFile(path, tuple(entries), ())
