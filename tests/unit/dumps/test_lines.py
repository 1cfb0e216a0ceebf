"""A damaged row of a format of lines is told wherever the damage is, and prose around a paste is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vcpuid.dumps import parse_dump
from vcpuid.dumps.formats import ParsedDump
from vcpuid.errors import InputError

SAMPLES = Path(__file__).parents[2] / "dumps" / "samples"

# Sample to the beginning of a row of CPUID and, where the format has them, of an MSR.
ROWS = {
    "aida64": ["CPUID 0000000B", "CPUID 80000004", "MSR 0000001B"],
    "corefreq": ["|- 00000007:00000000"],
    "cpuid": ["   0x00000014 0x01"],
    "cpuz": ["\t0x0000000B\t", "\tMSR 0x000000CE"],
    "ddcpuid": ["|        7 |"],
    "kcpuid": ["0x00000006:", "  2: EAX"],
    "libcpuid": ["basic_cpuid[1]", "intel_fn4[1]", "amd_fn8000001dh[0]"],
    "old-cpuid": ["   0x00000004"],
    "openhardwaremonitor": [" 00000004  1C004121"],
    "x86info": ["eax in: 0x00000007"],
    "xen": ["  00000007:00000001", "  000000ce"],
}
CASES = [(name, row) for name, rows in ROWS.items() for row in rows]

PROSE = """\
Hello,

On Mon, 2024-05-06 at 10:00 +0200, Jo <jo@example.org> wrote:
> this is CPUID of the host; CPUID 7 has the bit, and CPUID leaf 0x12 too. See also MSR 3A, and MSR Tools.
> CPUID
> CPU-Z says 0x7. [1] https://example.org/cpuid?leaf=00000007&id=550e8400-e29b-41d4-a716-446655440000
systemd[1]: Started x.service. kernel: BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
------[ APIC Base at 00000000-FEE00000 ]------
00:1f.3 Audio device [0403]: Intel Corporation Device [8086:5a98] (rev 0b)
| a | table |
12
0x7 is the leaf, eax=1 would be nice -> tell me

--
Jo, +49 12345678 12345678
"""


def read(name: str, text: str) -> ParsedDump:
    format_name = name.removeprefix("old-")
    return parse_dump(text.encode("latin-1"), "dump", format_name=format_name, lenient=True)


def count(parsed: ParsedDump) -> int:
    return sum(len(cpu.rows) + len(cpu.msrs) for cpu in parsed.dump.cpus) + parsed.fault_count


def sample(name: str) -> str:
    return (SAMPLES / f"{name}.txt").read_bytes().decode("latin-1")


def damaged(line: str) -> Iterator[str]:
    """Give the line with one letter lost, wrong or too many, at each place."""
    body = line.rstrip()
    for place in range(len(body)):
        yield body[:place] + body[place + 1 :]
        yield body[:place] + "O" + body[place + 1 :]
        yield body[:place] + "~" + body[place + 1 :]
        yield body[:place] + " " + body[place:]


@pytest.mark.parametrize(("name", "row"), CASES)
def test_a_row_with_one_wrong_letter_is_read_or_told(name: str, row: str) -> None:
    text = sample(name)
    line = next(line for line in text.split("\n") if line.startswith(row))
    whole = count(read(name, text))
    silent = [bad for bad in damaged(line) if count(read(name, text.replace(line, bad, 1))) < whole]
    assert not silent


@pytest.mark.parametrize(("name", "row"), CASES)
@pytest.mark.parametrize("after", ["", "\n", "\nroot@h07:~#\n"])
def test_the_beginning_of_a_row_is_told(name: str, row: str, after: str) -> None:
    text = sample(name)
    begin = text.index(f"\n{row}") + 1
    body = text[begin:].split("\n", 1)[0].rstrip()
    whole = count(read(name, text[:begin] + body + after))
    margin = len(body) - len(body.lstrip())
    digit = next(place for place, letter in enumerate(body) if letter.isdigit())
    lengths = range(max(digit + 1, margin + 3), len(body))
    silent = [body[:n] for n in lengths if count(read(name, text[:begin] + body[:n] + after)) < whole]
    assert not [line for line in silent if line != "  000000ce -"]  # half an arrow is nobody's row


@pytest.mark.parametrize("tail", ["CPUID 0", "CPUID 00", "CPUID 0000000", "MSR 0", "MSR 0000001"])
@pytest.mark.parametrize("after", ["", "\n", "\n> \n", "\r\n-- \r\nJo\r\n"])
def test_the_tail_of_a_truncated_paste_is_told(tail: str, after: str) -> None:
    raw = f"CPUID 00000000: 00000000-756E6547-6C65746E-49656E69\n{tail}{after}".encode()
    with pytest.raises(InputError, match=rf"^dump:2: a damaged line: found '{tail}', expected "):
        parse_dump(raw, "dump")


@pytest.mark.parametrize(
    "line",
    [
        "CPU1D 00000001: 000306C3-00100800-7FFAFBBF-BFEBFBFF",
        "CPUlD 00000001 000306C3 00100800 7FFAFBBF BFEBFBFF",
        "00000001: 000306C3-00100800-7FFAFBBF-BFEBFBFF",
        "CPUID00000001: 000306C3-00100800-7FFAFBBF-BFEBFBFF",
        "CPUID 0001: 000306C3-00100800-7FFAFBBF-BFEBFBFF",
        "306C3-00100800-7FFAFBBF-BFEBFBFF",
        "MSX 0000003A: 0000-0000-0000-0005",
        "0000003A: 0000-0000-0000-0005",
        "------[ CPUID Registers / Logical CPU #l ]------",
    ],
)
def test_a_misspelt_or_missing_word_is_told(line: str) -> None:
    raw = f"CPUID 00000000: 00000001-756E6547-6C65746E-49656E69\n{line}\n".encode()
    with pytest.raises(InputError) as caught:
        parse_dump(raw, "dump")
    assert caught.value.line == 2


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("cpuid", "CPU 1:", "CPU 1"), ("cpuid", "CPU 1:", "CPU l1:"), ("libcpuid", "CPU #1", "CPU #l")],
)
def test_a_damaged_heading_is_told(name: str, old: str, new: str) -> None:
    text = sample(name)
    assert old in text
    parsed = read(name, text.replace(old, new))
    assert [cpu.number for cpu in parsed.dump.cpus] == [0, 1]
    assert parsed.fault_count == 1
    assert "expected a heading like" in str(parsed.faults[0])


def test_subleaves_after_a_damaged_leaf_belong_to_no_other() -> None:
    text = sample("kcpuid")
    assert "0x0000000d: subleafs:" in text
    parsed = read("kcpuid", text.replace("0x0000000d: subleafs:", "0x000000d: subleafs:"))
    assert [key for key in parsed.dump.cpus[0].rows if key[0] in {0x7, 0xD}] == [(0x7, 0)]
    assert parsed.fault_count == 1 + 2


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.txt")))
def test_prose_around_a_paste_is_no_damage(name: str) -> None:
    if name in {"firecracker", "libvirt"}:  # documents as a whole
        return
    text = sample(name)
    around = read(name, f"{PROSE}\n{text}\n{PROSE}")
    assert around.faults == ()
    assert around.dump == read(name, text).dump
