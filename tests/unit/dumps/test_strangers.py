"""What is no dump is called by its name, with the way to a dump."""

from __future__ import annotations

from pathlib import Path

import pytest

from vcpuid.dumps import parse_dump, read_bytes
from vcpuid.errors import InputError

STRANGERS = [
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG picture", "Registers are needed as text."),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG picture", "Registers are needed as text."),
    (b"%PDF-1.7\n", "a PDF document", "Save its text."),
    (b"\x7fELF\x02\x01\x01" + bytes(9), "an ELF program or library", None),
    (bytes(range(100)), "100 bytes that are no text", None),
    (b"<!DOCTYPE html>\n<html><body>hi</body></html>\n", "a page of HTML", "Save its text."),
    (b"<?xml version='1.0'?>\n<!-- x -->\n<domainCapabilities/>", "XML, <domainCapabilities>", None),
    (b'{"name": 1, "version": 2}', "JSON with the members 'name', 'version'", None),
    (b"[1, 2]", "a JSON list", None),
    (b"{}", "an empty JSON object", None),
    (b"{not json}", "text that begins with '{not json}'", None),
    (b"[" * 100_000, f"text that begins with {'[' * 60!r}", None),
    (b"\n  Processor: yes\n", "text that begins with 'Processor: yes'", None),
    (
        (
            b'CPU:\n   vendor_id = "GenuineIntel"\n   version information (1/eax):\n'
            b"   0x00000024 0x00: eax=0x00000000 ebx=0x00070001 ecx=0x00000000 edx=0x00000000\n"
        ),
        "the decoded output of cpuid",
        "`cpuid -r` writes the registers.",
    ),
    (b"x86info v1.31pre\nFound 1 CPU\n", "the decoded output of x86info", "`x86info -r` writes the registers."),
    (
        b"processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vme\n",
        "/proc/cpuinfo, which has the kernel's names but no registers",
        "Run `cpuid -r` there.",
    ),
    (
        b"Architecture:             x86_64\n  CPU op-mode(s):         32-bit, 64-bit\nVendor ID:  GenuineIntel\n",
        "the output of lscpu, which has the kernel's names but no registers",
        "Run `cpuid -r` there.",
    ),
]


@pytest.mark.parametrize(("raw", "what", "advice"), STRANGERS)
def test_a_stranger_is_called_by_its_name(raw: bytes, what: str, advice: str | None) -> None:
    with pytest.raises(InputError) as caught:
        parse_dump(raw, "file")
    assert caught.value.message == "no known form of a CPUID dump"
    assert caught.value.found == what
    first = str(caught.value.next_step).splitlines()[0]
    assert first == (advice or "These were tried, each with why it is not that:")
    assert "\n  cpuid: " in str(caught.value)


def test_registers_beside_decoded_output_are_a_dump() -> None:
    row = "   0x0000000{} 0x00: eax=0x00000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000000\n"
    text = f'CPU:\n   vendor_id = "GenuineIntel"\n\nCPU:\n{row.format(0)}{row.format(1)}'
    assert len(parse_dump(text.encode(), "file").dump.cpus[0].rows) == 2


def test_a_folder_is_no_dump(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder, not a dump"):
        read_bytes(tmp_path)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
def test_a_device_is_no_dump(path: str) -> None:
    with pytest.raises(InputError, match="a device, not a dump"):
        read_bytes(path)
