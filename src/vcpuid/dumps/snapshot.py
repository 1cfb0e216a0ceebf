"""The CPUID rows of a vcpuid snapshot, and of the JSON documents that write rows alike.

A CPU is `{"cpu": 0, "rows": {"00000007.0": "eax ebx ecx edx"}}`; a later one may be `like` an earlier one: then it
has only the rows that differ, and the keys that it `lacks`.
"""

from __future__ import annotations

from vcpuid.dumps.assembly import CPU_LIMIT, ROW_LIMIT
from vcpuid.dumps.json_text import parse_object
from vcpuid.dumps.remarks import Remarks
from vcpuid.errors import InputError
from vcpuid.snapshot import Snapshot
from vcpuid.snapshot.document import SCHEMA
from vcpuid.snapshot.node import Node
from vcpuid.terms.dump import Cpu, Dump, MissingRow, Registers

EXAMPLE = f'"schema": "{SCHEMA}"'

Rows = dict[tuple[int, int], Registers]


def why_not(head: str) -> str | None:
    """Tell why this is no snapshot, or None where it looks like one."""
    is_one = head.lstrip()[:1] == "{" and '"vcpuid-snapshot/' in head
    return None if is_one else f"no JSON with {EXAMPLE}"


def parse(text: str, remarks: Remarks) -> Dump:
    """Read the CPUs of a snapshot, with their MSRs; a row that is not in it is zero.

    Raises:
        InputError: The snapshot is damaged or newer than this program, or has no CPUID.
    """
    record = Snapshot.of(parse_object(text, remarks.source).value, remarks.source)
    cpuid = record.record("cpuid")
    if cpuid.data is None:
        why = "; ".join(why for _, why, _ in cpuid.problems) or cpuid.state
        raise InputError("a snapshot without CPUID", source=remarks.source, found=why)
    msr = record.record("msr")
    msrs = {} if msr.data is None else read_msrs(msr.data["cpus"])
    cpus = [
        Cpu(number, rows, msrs.get(number, {}), MissingRow.ZERO)
        for number, rows in read_cpus(cpuid.data["cpus"]).items()
    ]
    if not cpus:
        raise InputError("a snapshot in which no CPU was read", source=remarks.source)
    return Dump(tuple(cpus), remarks.source)


def read_cpus(nodes: Node) -> dict[int, Rows]:
    """Read a list of CPUs into number and rows.

    Raises:
        InputError: The list is damaged.
    """
    cpus: dict[int, Rows] = {}
    for node in nodes:
        number = node["cpu"].number()
        if len(cpus) >= CPU_LIMIT or number in cpus or number < 0:
            raise node["cpu"].error(str(number), f"a number of its own for each of at most {CPU_LIMIT} CPUs")
        rows = read_rows(node["rows"])
        like = node.get("like")
        if like is not None:
            model = cpus.get(like.number())
            if model is None:
                raise like.error(f"CPU {like.number()}", "the number of an earlier CPU")
            lacks = {parse_row_key(key) for key in node.get("lacks") or ()}
            rows = {key: row for key, row in model.items() if key not in lacks} | rows
        if len(rows) > ROW_LIMIT:
            raise node["rows"].error(f"{len(rows)} rows", f"at most {ROW_LIMIT}")
        cpus[number] = rows
    return cpus


def read_rows(node: Node) -> Rows:
    """Read rows `leaf.subleaf` to `eax ebx ecx edx`; the leaf is hexadecimal, the subleaf decimal."""
    return {parse_row_key(Node(key, value.path, value.source)): value.registers() for key, value in node.members()}


def parse_row_key(node: Node) -> tuple[int, int]:
    """Read `0000000d.1` as (0xd, 1)."""
    leaf, separator, subleaf = node.text().partition(".")
    try:
        key = int(leaf, 16), int(subleaf) if separator else 0
    except ValueError:
        raise node.error(repr(node.text()[:40]), "a row's key like 0000000d.1") from None
    if min(key) < 0 or max(key) >> 32:
        raise node.error(repr(node.text()[:40]), "a leaf and a subleaf of 32 bits")
    return key


def read_msrs(node: Node) -> dict[int, dict[int, int]]:
    """Read MSRs by CPU: `{"0": {"0000003a": "0000000000000005"}}`."""
    return {
        Node(cpu, values.path, values.source).decimal(): read_msr_values(values) for cpu, values in node.members()
    }


def read_msr_values(node: Node) -> dict[int, int]:
    """Read MSR index to value, both hexadecimal.

    Raises:
        InputError: A number is no hexadecimal one, or too wide.
    """
    values = {}
    for index, value in node.members():
        key, bits = Node(index, value.path, value.source).hexadecimal(), value.hexadecimal()
        if key >> 32 or bits >> 64:
            raise value.error(f"{index}: {value.text()}"[:60], "an index of 32 and a value of 64 bits")
        values[key] = bits
    return values
