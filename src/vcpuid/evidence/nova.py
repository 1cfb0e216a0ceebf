"""nova.conf as the collector read it."""

from __future__ import annotations

from vcpuid.guest.nova import NovaCpu, NovaEntry, parse_nova
from vcpuid.snapshot.node import Node
from vcpuid.terms.place import Place


def read_nova(data: Node) -> NovaCpu | None:
    """Read the `nova` source; None where the host has no nova.conf.

    Raises:
        InputError: The record is damaged.
    """
    entries = [
        NovaEntry(
            entry["section"].text(),
            entry["key"].text(),
            entry["value"].text(),
            Place(file["path"].text(), entry["line"].number()),
        )
        for file in data["files"]
        for entry in file["entries"]
    ]
    paths = [file["path"].text() for file in data["files"]]
    return parse_nova(entries, Place(paths[0])) if paths else None
