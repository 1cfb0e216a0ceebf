"""libvirt's CPU data: `<cpudata arch='x86'>`, as libvirt's test data has it.

A row is `<cpuid eax_in='0x00000007' ecx_in='0x00' eax='0x00000000' ebx='...' ecx='...' edx='...'/>`, an MSR
`<msr index='0x10a' edx='0x00000000' eax='0x00000000'/>`, EDX being the upper half. One CPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from xml.parsers import expat

from vcpuid.dumps.assembly import Assembly, Msr, Row
from vcpuid.dumps.losses import first_with_rows
from vcpuid.dumps.remarks import Remarks
from vcpuid.errors import InputError
from vcpuid.terms.dump import Dump, MissingRow

EXAMPLE = "<cpuid eax_in='0x00000007' ecx_in='0x00' eax='0x00000000' ebx='0x029c6fbf' .../>"

_DEPTH_LIMIT = 64

# Element to its attributes, of which the first must be there.
_ATTRIBUTES = {
    "cpuid": ("eax_in", "ecx_in", "eax", "ebx", "ecx", "edx"),
    "msr": ("index", "edx", "eax"),
}

_NUMBER = re.compile(r"(?:0x)?[0-9a-fA-F]{1,8}")
_LOOK = re.compile(r"<cpudata\b")


def why_not(head: str) -> str | None:
    """Tell why this is no such XML, or None where it looks like it."""
    return None if _LOOK.search(head) else "no <cpudata>"


class _Reader:
    """Takes the elements as they come."""

    def __init__(self, remarks: Remarks) -> None:
        self.assembly = Assembly(remarks)
        self._remarks = remarks
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.EndElementHandler = self._end
        self._depth = 0
        self._open = 0  # <cpudata> elements
        self._seen = False

    def read(self, text: str) -> None:
        """Read the whole XML."""
        # A declaration of an encoding says nothing any more: the text is decoded.
        text = re.sub(r"\A\s*+<\?xml[^>]{0,200}\?>", lambda match: "\n" * match[0].count("\n"), text)
        try:
            self._parser.Parse(text.encode("utf-8", errors="replace"), True)  # noqa: FBT003 - expat's interface
        except expat.ExpatError as error:
            message = expat.ErrorString(error.code)
            raise InputError(
                f"not well-formed XML: {message}", source=self._remarks.source, line=error.lineno
            ) from None

    def _refuse_doctype(self, *_: object) -> None:
        raise InputError(
            "a document type declaration",
            source=self._remarks.source,
            line=self._parser.CurrentLineNumber,
            expected="plain <cpudata>, which never has one",
        )

    def _end(self, element: str) -> None:
        self._depth -= 1
        self._open -= element == "cpudata"

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        line = self._parser.CurrentLineNumber
        self._depth += 1
        if self._depth > _DEPTH_LIMIT:
            raise InputError("XML that is nested too deeply", source=self._remarks.source, line=line)
        if element == "cpudata":
            if self._seen:
                self._remarks.fault("a second <cpudata>", line=line, expected="one CPU")
            self._seen = True
            self._open += 1
        elif self._open and element not in _ATTRIBUTES:
            self._remarks.fault(
                "an unknown element in <cpudata>", line=line, found=f"<{element}>", expected="<cpuid> or <msr>"
            )
        elif self._open:
            words = self._numbers(element, attributes, line)
            if words is None:
                return
            if element == "msr":
                self.assembly.add_msr(Msr(words["index"], words["edx"] << 32 | words["eax"]))
            else:
                registers = (words["eax"], words["ebx"], words["ecx"], words["edx"])
                self.assembly.add_row(Row(words["eax_in"], words["ecx_in"], registers), line)

    def _numbers(self, element: str, attributes: dict[str, str], line: int) -> dict[str, int] | None:
        """Give an element's numbers, 0 where one is missing, or None after a fault."""
        needed, *_ = names = _ATTRIBUTES[element]
        if needed not in attributes:
            self._remarks.fault(f"a <{element}> without {needed}", line=line, expected=f"one like {EXAMPLE}")
            return None
        if unknown := attributes.keys() - set(names):
            self._remarks.fault(
                f"a <{element}> with an unknown attribute",
                line=line,
                found=", ".join(sorted(unknown)),
                expected=f"only {', '.join(names)}",
            )
            return None
        for name in names:
            value = attributes.get(name, "0")
            if not _NUMBER.fullmatch(value):
                self._remarks.fault(
                    f"a damaged <{element}>",
                    line=line,
                    found=f"{name}='{value}'",
                    expected="a number of 32 bits like 0x00000007",
                )
                return None
        return {name: int(attributes.get(name, "0"), 16) for name in names}


def parse(text: str, remarks: Remarks) -> Dump:
    """Read the XML; a row that is not in it is unknown: what libvirt computes for guests has only features.

    Raises:
        InputError: It is not well-formed, or has no row.
    """
    reader = _Reader(remarks)
    reader.read(text)
    return reader.assembly.build()


def keep(dump: Dump) -> Dump:
    """Give the part of a dump that this format can hold: one CPU."""
    return replace(dump, cpus=(replace(first_with_rows(dump), number=0, missing=MissingRow.UNKNOWN),))


def write(dump: Dump) -> str:
    """Write the first CPU as libvirt's test data has it."""
    return "\n".join(["<cpudata arch='x86'>", *_write_cpu(dump), "</cpudata>", ""])


def _write_cpu(dump: Dump) -> Iterator[str]:
    cpu = keep(dump).cpus[0]
    for (leaf, subleaf), (eax, ebx, ecx, edx) in sorted(cpu.rows.items()):
        yield (
            f"  <cpuid eax_in='0x{leaf:08x}' ecx_in='0x{subleaf:02x}' "
            f"eax='0x{eax:08x}' ebx='0x{ebx:08x}' ecx='0x{ecx:08x}' edx='0x{edx:08x}'/>"
        )
    for index, value in sorted(cpu.msrs.items()):
        yield f"  <msr index='0x{index:x}' edx='0x{value >> 32:08x}' eax='0x{value & 0xFFFFFFFF:08x}'/>"
