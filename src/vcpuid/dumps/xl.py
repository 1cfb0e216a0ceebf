"""The CPUID strings of Xen's xl.cfg: `cpuid = ["0x00000007,0x00:ebx=xx0...", "1:ecx=..."]`.

Leaf and subleaf are decimal, or hexadecimal with 0x; a register has 32 characters, highest bit first: 0 and 1
force the bit, x, k and s take it from the host (man xl.cfg, Xend format).
"""

from __future__ import annotations

import re

from vcpuid.dumps.assembly import Assembly, Row
from vcpuid.dumps.remarks import Remarks
from vcpuid.terms.dump import Dump

EXAMPLE = "0x00000007,0x00:ebx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxx1xx"
_REGISTERS = ("eax", "ebx", "ecx", "edx")
_WIDTH = 32

_NUMBER = r"0x[0-9a-f]{1,8}+|[0-9]{1,10}+"
_STRING = re.compile(
    rf"(?<![^\s=\"'\[,])({_NUMBER})(?:\s*+,\s*+({_NUMBER}))?:((?:e[abcd]x=[01xks]*+,?)++)", re.IGNORECASE
)
_REGISTER = re.compile(r"(e[abcd]x)=([01xks]*+)", re.IGNORECASE)
_MEANT_AS_STRING = re.compile(r"\be[abcd]x\s*+=\s*+[01xks]{4}|[01xks]{20}", re.IGNORECASE)
_COMMENT = re.compile(r"#.*")
_LOOK = re.compile(rf"(?<!\w)(?:{_NUMBER}):e[abcd]x=[01xks]{{8}}", re.IGNORECASE)
_BY_NAME = re.compile(r"^[ \t]*+cpuid[ \t]*+=[ \t]*+[\"']host", re.MULTILINE)


def why_not(head: str) -> str | None:
    """Tell why this has no such strings, or None where it has some."""
    if _LOOK.search(head):
        return None
    if _BY_NAME.search(head):
        return "its cpuid setting names features ('host,...'); only the form with leaf and register has bits"
    return f"no string like {EXAMPLE!r}"


def parse(text: str, remarks: Remarks) -> Dump:
    """Read the strings into one CPU, in which bits of the host are 0; a note tells how many these are.

    A row that is not in it is unknown.

    Raises:
        InputError: There is no such string.
    """
    assembly = Assembly(remarks)
    registers: dict[tuple[int, int], list[int]] = {}
    passed = 0
    for number, line in enumerate(text.split("\n"), 1):
        code = _COMMENT.sub("", line)
        if _MEANT_AS_STRING.search(_STRING.sub("", code)):
            remarks.fault("a damaged line", line=number, found=line, expected=f"strings like {EXAMPLE!r}")
        for match in _STRING.finditer(code):
            leaf, subleaf = _number(match[1]), _number(match[2] or "0")
            if max(leaf, subleaf) >> _WIDTH:
                remarks.fault("a leaf of more than 32 bits", line=number, found=match[0])
                continue
            row = registers.setdefault((leaf, subleaf), [0, 0, 0, 0])
            for register, bits in _REGISTER.findall(match[3]):
                if len(bits) != _WIDTH:
                    remarks.fault(
                        f"{register} of leaf {leaf:#x} has {len(bits)} bits",
                        line=number,
                        found=bits,
                        expected=f"{_WIDTH} characters of 0, 1, x, k, s",
                    )
                    continue
                passed += _WIDTH - bits.count("0") - bits.count("1")
                row[_REGISTERS.index(register.lower())] = int(re.sub("[^01]", "0", bits), 2)
    for (leaf, subleaf), (eax, ebx, ecx, edx) in registers.items():
        assembly.add_row(Row(leaf, subleaf, (eax, ebx, ecx, edx)))
    if passed:
        remarks.note(f"{passed} bits are taken from the host; they are shown as 0.")
    return assembly.build()


def _number(digits: str) -> int:
    return int(digits, 16) if digits[:2] in ("0x", "0X") else int(digits)
