"""Firecracker's custom CPU templates, and the fingerprints of its cpu-template-helper, which hold one.

An entry is `{"leaf": "0x7", "subleaf": "0x0", "flags": 1, "modifiers": [{"register": "ebx", "bitmap": "0b..."}]}`;
a bitmap has 32 characters, for an MSR 64: 0, 1, or x for a bit that comes from the host (Firecracker,
docs/cpu_templates/schema.json). A fingerprint is a whole guest and has no x.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from vcpuid.dumps.assembly import Assembly, Msr, Row
from vcpuid.dumps.json_text import own_advice, parse_object
from vcpuid.dumps.losses import first_with_rows
from vcpuid.dumps.remarks import Remarks
from vcpuid.errors import InputError
from vcpuid.snapshot.node import Node
from vcpuid.terms.address import LEAVES_WITH_SUBLEAVES
from vcpuid.terms.dump import Dump, MissingRow

EXAMPLE = '{"cpuid_modifiers": [{"leaf": "0x7", "subleaf": "0x0", "flags": 1, "modifiers": [...]}]}'
_REGISTERS = ("eax", "ebx", "ecx", "edx")
_REGISTER_BITS, _MSR_BITS = 32, 64
_SIGNIFICANT_INDEX = 1  # KVM_CPUID_FLAG_SIGNIFCANT_INDEX of Linux's KVM API: the leaf has subleaves

_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,8}|0b[01]{1,32}|[0-9]{1,10}")


def why_not(head: str) -> str | None:
    """Tell why this is no such document, or None where it looks like one."""
    is_one = head.lstrip()[:1] == "{" and ('"cpuid_modifiers"' in head or '"guest_cpu_config"' in head)
    return None if is_one else 'no JSON with "cpuid_modifiers" or "guest_cpu_config"'


class _PassedBits:
    """How many bits come from the host."""

    def __init__(self) -> None:
        self.count = 0

    def parse(self, node: Node, width: int) -> int:
        """Read a bitmap; bits of the host are counted and become 0."""
        digits = node.text().lower().removeprefix("0b").replace("_", "")
        if len(digits) != width or digits.strip("01x"):
            raise node.error(repr(node.text()[:80]), f"0b and {width} characters of 0, 1 and x")
        self.count += digits.count("x")
        return int(digits.replace("x", "0"), 2)


def parse(text: str, remarks: Remarks) -> Dump:
    """Read a template or fingerprint into one CPU, in which bits of the host are 0.

    A note tells how many these are. A row that is not in it is unknown.

    Raises:
        InputError: It is damaged, or has no row.
    """
    root = parse_object(text, remarks.source)
    assembly = Assembly(remarks)
    passed = _PassedBits()
    with own_advice("Compare it with Firecracker's documentation of CPU templates."):
        template = root.get("guest_cpu_config") or root
        for entry in template.get("cpuid_modifiers") or ():
            with _faults_to(remarks):
                assembly.add_row(_parse_row(entry, passed))
        for entry in template.get("msr_modifiers") or ():
            with _faults_to(remarks):
                assembly.add_msr(Msr(_parse_number(entry["addr"]), passed.parse(entry["bitmap"], _MSR_BITS)))
    if passed.count:
        remarks.note(f"{passed.count} bits are taken from the host; they are shown as 0.")
    return assembly.build()


@contextmanager
def _faults_to(remarks: Remarks) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        remarks.adopt(error)


def _parse_row(entry: Node, passed: _PassedBits) -> Row:
    words = [0, 0, 0, 0]
    for modifier in entry["modifiers"]:
        register = modifier["register"]
        if register.text() not in _REGISTERS:
            raise register.error(repr(register.text()[:40]), "eax, ebx, ecx or edx")
        words[_REGISTERS.index(register.text())] = passed.parse(modifier["bitmap"], _REGISTER_BITS)
    subleaf = entry.get("subleaf")
    eax, ebx, ecx, edx = words
    return Row(_parse_number(entry["leaf"]), _parse_number(subleaf) if subleaf else 0, (eax, ebx, ecx, edx))


def _parse_number(node: Node) -> int:
    digits = node.text()
    if not _NUMBER.fullmatch(digits) or (number := _to_number(digits)) >> _REGISTER_BITS:
        raise node.error(repr(digits[:40]), "a number of 32 bits like 0x7")
    return number


def _to_number(digits: str) -> int:
    return int(digits, 0) if digits[:2] in ("0x", "0b") else int(digits)


def keep(dump: Dump) -> Dump:
    """Give the part of a dump that this format can hold: one CPU."""
    first = first_with_rows(dump)
    return replace(dump, cpus=(replace(first, number=0, missing=MissingRow.UNKNOWN),))


def write(dump: Dump) -> str:
    """Write the first CPU as a template that forces every bit."""
    cpu = keep(dump).cpus[0]
    document: dict[str, Any] = {
        "cpuid_modifiers": [
            {
                "leaf": f"{leaf:#x}",
                "subleaf": f"{subleaf:#x}",
                "flags": _SIGNIFICANT_INDEX if leaf in LEAVES_WITH_SUBLEAVES or subleaf else 0,
                "modifiers": [
                    {"register": register, "bitmap": f"0b{value:032b}"}
                    for register, value in zip(_REGISTERS, registers, strict=True)
                ],
            }
            for (leaf, subleaf), registers in sorted(cpu.rows.items())
        ],
        "msr_modifiers": [
            {"addr": f"{index:#x}", "bitmap": f"0b{value:064b}"} for index, value in sorted(cpu.msrs.items())
        ],
    }
    return json.dumps(document, indent=2) + "\n"
