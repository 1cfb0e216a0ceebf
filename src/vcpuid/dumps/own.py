"""vcpuid's own dump: a JSON document, schema `vcpuid-dump/1`, that keeps everything a dump has.

Rows are written as in a snapshot; `missing` says what a row means that is not there.
"""

from __future__ import annotations

import json
from typing import Any

from vcpuid.dumps.json_text import own_advice, parse_object
from vcpuid.dumps.remarks import Remarks
from vcpuid.dumps.snapshot import Rows, read_cpus, read_msr_values
from vcpuid.errors import InputError
from vcpuid.snapshot.node import Node
from vcpuid.terms.dump import Cpu, Dump, MissingRow

SCHEMA = "vcpuid-dump/1"
EXAMPLE = f'"schema": "{SCHEMA}"'


def why_not(head: str) -> str | None:
    """Tell why this is no such document, or None where it looks like one."""
    is_one = head.lstrip()[:1] == "{" and '"vcpuid-dump/' in head
    return None if is_one else f"no JSON with {EXAMPLE}"


def parse(text: str, remarks: Remarks) -> Dump:
    """Read a document.

    Raises:
        InputError: It is damaged, or of another version.
    """
    root = parse_object(text, remarks.source)
    with own_advice("Write it anew with `vcpuid convert`."):
        return _read(root)


def _read(root: Node) -> Dump:
    if (schema := root["schema"].text()) != SCHEMA:
        raise InputError(
            "a dump of another version of vcpuid", source=root.source, found=schema[:60], expected=SCHEMA
        )
    rows = read_cpus(root["cpus"])
    cpus = tuple(
        Cpu(number, rows[number], read_msr_values(msrs) if msrs else {}, _missing(node))
        for node in root["cpus"]
        for number, msrs in [(node["cpu"].number(), node.get("msrs"))]
    )
    if not cpus:
        raise root["cpus"].error("no CPU", "at least one")
    return Dump(cpus, root["origin"].text())


def _missing(node: Node) -> MissingRow:
    name = node["missing"].text()
    try:
        return MissingRow(name)
    except ValueError:
        raise node["missing"].error(repr(name[:40]), "zero or unknown") from None


def keep(dump: Dump) -> Dump:
    """Give the part of a dump that this format can hold: all of it."""
    return dump


def write(dump: Dump) -> str:
    """Write a document."""
    return json.dumps(dump_document(dump), indent=1) + "\n"


def dump_document(dump: Dump) -> dict[str, Any]:
    """Give the document; CPUs of which most rows repeat an earlier CPU stand there as `like` it."""
    document: dict[str, Any] = {"schema": SCHEMA, "origin": dump.origin, "cpus": []}
    first: Cpu | None = None
    for cpu in dump.cpus:
        entry: dict[str, Any] = {"cpu": cpu.number, "missing": cpu.missing.value}
        if first is None:
            first = cpu
            entry |= {"rows": _rows_document(dict(cpu.rows))}
        else:
            entry |= _like(cpu, first)
        if cpu.msrs:
            entry["msrs"] = {f"{index:08x}": f"{value:016x}" for index, value in sorted(cpu.msrs.items())}
        document["cpus"].append(entry)
    return document


def _like(cpu: Cpu, first: Cpu) -> dict[str, Any]:
    differing = {key: row for key, row in cpu.rows.items() if first.rows.get(key) != row}
    lacking = sorted(first.rows.keys() - cpu.rows.keys())
    if 2 * (len(differing) + len(lacking)) > len(cpu.rows):
        return {"rows": _rows_document(dict(cpu.rows))}
    entry: dict[str, Any] = {"like": first.number, "rows": _rows_document(differing)}
    if lacking:
        entry["lacks"] = [_key(*key) for key in lacking]
    return entry


def _rows_document(rows: Rows) -> dict[str, str]:
    return {
        _key(*key): " ".join(f"{register:08x}" for register in registers)
        for key, registers in sorted(rows.items())
    }


def _key(leaf: int, subleaf: int) -> str:
    return f"{leaf:08x}.{subleaf}"
