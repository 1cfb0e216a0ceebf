"""One fault at a time in each format: told with its place, left out if wanted."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from vcpuid.dumps import FORMATS, parse_dump
from vcpuid.errors import InputError
from vcpuid.terms.dump import MissingRow

SAMPLES = Path(__file__).parents[2] / "dumps" / "samples"

# Sample, what is replaced by what, the line, and what the message has.
DAMAGE = [
    ("corefreq", "|- 00000007:00000000    00000001", "|- 00000007:0000000     00000001", 9, "a damaged line"),
    ("cpuid", "ecx=0x80000007", "ecx=0x8000000", 5, "a damaged line"),
    ("cpuz", "0x00000004\t\t0x1C004121", "0x00000004\t\t0x1C00412", 8, "a damaged line"),
    ("cpuz", "MSR 0x0000001B\t\t0x00000000\t", "MSR 0x0000001B\t", 16, "a damaged line"),
    ("ddcpuid", "|      281 |", "|      28x |", 6, "a damaged line"),
    ("kcpuid", "  1: EAX=0x00004122", "  1: EAX=0x0000412", 19, "a damaged line"),
    ("kcpuid", "0x00000006: EAX", "0x0000006: EAX", 7, "a damaged line"),
    ("libcpuid", "basic_cpuid[1]=000a0671", "basic_cpuid[1]=000a0", 6, "a damaged line"),
    ("libcpuid", "intel_fn11", "intel_fn99", 22, "expected an array that libcpuid has"),
    ("libvirt", "eax='0x00000016'", "eax='0x0000001g'", 4, "a damaged <cpuid>: found \"eax='0x0000001g'\""),
    ("libvirt", "<cpuid eax_in='0x00000000'", "<cpuid", 4, "a <cpuid> without eax_in"),
    ("libvirt", "<msr index='0x10a'", "<msr", 8, "a <msr> without index"),
    ("libvirt", "<cpuid eax_in='0x00000000'", "<cpuld eax_in='0x00000000'", 4, "an unknown element in <cpudata>"),
    ("libvirt", "ebx='0x756e6547'", "ebz='0x756e6547'", 4, "an unknown attribute: found 'ebz'"),
    ("libvirt", "<msr", "<cpudata/><msr", 8, "a second <cpudata>"),
    ("openhardwaremonitor", "00002FBB", "00002FB", 30, "a damaged line"),
    ("openhardwaremonitor", "Function  EAX", "Functi0n  EAX", 26, "expected the heading Function"),
    ("x86info", "ebx = f1bf2ffb", "ebx = f1bf2ff", 14, "a damaged line"),
    ("xen", "98c027ac:fc1cc410", "98c027ac", 8, "a damaged line"),
    ("xl", "ebx=xxxxx", "ebx=xxxx", 5, "ebx of leaf 0x7 has 31 bits"),
    ("xl", "7,0:", "7;0:", 5, "a damaged line"),
    ("xl", "7,0:ebx=", "7,0:ebx ", 5, "a damaged line"),
    ("xl", "7,0:ebx=", "7,0:ecy=", 5, "a damaged line"),
    ("xl", "7,0:", "7,4294967296:", 5, "a leaf of more than 32 bits"),
    ("firecracker", '"0xd"', '"0xdd00000000"', None, "cpuid_modifiers[1].leaf is damaged"),
    ("firecracker", '"0b00000000000000000000000000001000"', '"0b1000"', None, "modifiers[0].bitmap is damaged"),
    ("firecracker", '"register": "ebx", "bitmap": "0b00000000000000000000100110000000"', "", None, "no member"),
    ("firecracker", '"eax"', '"rax"', None, "modifiers[0].register is damaged: found 'rax'"),
    ("firecracker", '"addr": "0x10a"', '"addr": 266', None, "msr_modifiers[0].addr is damaged"),
]


def test_every_text_format_but_our_own_is_damaged() -> None:
    elsewhere = {"aida64"}  # in test_aida64.py
    assert {name for name, *_ in DAMAGE} | elsewhere == FORMATS.keys() - {"snapshot", "json", "device"}


@pytest.mark.parametrize(
    ("name", "old", "new"), [("kcpuid", "0x00000006: EAX", "0x0000006: EAX"), ("xen", "98c027ac:fc1cc410", "98c0")]
)
def test_what_is_left_out_is_not_zero(name: str, old: str, new: str) -> None:
    text = (SAMPLES / f"{name}.txt").read_bytes().decode()
    whole, damaged = (
        parse_dump(one.encode(), "x", lenient=True).dump for one in (text, text.replace(old, new, 1))
    )
    assert {cpu.missing for cpu in whole.cpus} == {MissingRow.ZERO}
    assert {cpu.missing for cpu in damaged.cpus} == {MissingRow.UNKNOWN}


@pytest.mark.parametrize(("name", "old", "new", "line", "message"), DAMAGE)
def test_damage_is_told_and_can_be_left_out(name: str, old: str, new: str, line: int | None, message: str) -> None:
    text = (SAMPLES / f"{name}.txt").read_bytes().decode()
    assert old in text
    raw = text.replace(old, new, 1).encode()
    with pytest.raises(InputError) as caught:
        parse_dump(raw, "dump")
    assert message in str(caught.value).splitlines()[0]
    assert caught.value.line == line
    parsed = parse_dump(raw, "dump", lenient=True)
    assert (parsed.format.name, parsed.fault_count) == (name, 1)


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.iterdir()))
def test_a_truncated_sample_is_read_or_told(name: str) -> None:
    raw = (SAMPLES / f"{name}.txt").read_bytes()
    for length in range(len(raw)):
        with contextlib.suppress(InputError):
            assert parse_dump(raw[:length], "dump", format_name=name.removeprefix("old-"), lenient=True).dump.cpus


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<cpudata><cpuid eax_in='0x1'/>", "not well-formed XML: no element found"),
        ("<cpudata><cpuid eax_in=1/></cpudata>", "not well-formed XML"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><cpudata/>", "a document type declaration"),
        ("<cpudata>\n" + "<a>" * 100, "dump:2: XML that is nested too deeply"),
        ("<cpudata arch='x86'/>", "not a single row of CPUID in it"),
        ('{"cpuid_modifiers": 1}', "cpuid_modifiers is damaged: found 1, expected a list"),
        ('{"cpuid_modifiers": []}', "not a single row"),
        ('{"cpuid_modifiers": [', "not JSON"),
        ('{"guest_cpu_config": []}', "guest_cpu_config is damaged: found a list, expected an object"),
        ('{"schema": "vcpuid-dump/2"}', "a dump of another version of vcpuid: found vcpuid-dump/2"),
        ('{"schema": "vcpuid-dump/1", "cpus": [], "origin": ""}', "cpus is damaged: found no CPU"),
        ('{"schema": "vcpuid-dump/1"}', "the document is damaged: found no member 'cpus'"),
        ('{"schema": "vcpuid-snapshot/1"}', "no member 'sources'"),
        ('{"schema": "vcpuid-snapshot/9"}', "this snapshot is newer than this vcpuid"),
        ('{"x": "vcpuid-dump/1"', "not JSON"),
        ('{"x": "vcpuid-dump/1", "y":' + "[" * 100_000, "JSON that is nested too deeply"),
        ('{"x": "vcpuid-dump/1", "y":' + "1" * 5000 + "}", "not JSON (a number of thousands of digits)"),
    ],
)
def test_documents_that_are_damaged_as_a_whole(text: str, message: str) -> None:
    for lenient in (False, True):
        with pytest.raises(InputError) as caught:
            parse_dump(text.encode(), "dump", lenient=lenient)
        assert message in str(caught.value)


CPU = {"cpu": 0, "missing": "unknown", "rows": {"00000000.0": "00000001 00000000 00000000 00000000"}}


@pytest.mark.parametrize(
    ("cpus", "message"),
    [
        ([CPU | {"missing": "lost"}], "cpus[0].missing is damaged: found 'lost', expected zero or unknown"),
        ([CPU, CPU], "cpus[1].cpu is damaged: found 0"),
        ([CPU | {"cpu": -1}], "cpus[0].cpu is damaged: found -1"),
        ([CPU | {"like": 7}], "cpus[0].like is damaged: found CPU 7"),
        ([CPU | {"rows": {"x": "0 0 0 0"}}], "found 'x', expected a row's key like 0000000d.1"),
        ([CPU | {"rows": {"100000000.0": "0 0 0 0"}}], "expected a leaf and a subleaf of 32 bits"),
        ([CPU | {"rows": {"0.-1": "0 0 0 0"}}], "expected a leaf and a subleaf of 32 bits"),
        ([CPU | {"rows": {"0.0": "0 0 0"}}], "expected four hexadecimal words"),
        ([CPU | {"rows": {f"0.{n}": "0 0 0 0" for n in range(5000)}}], "found 5000 rows, expected at most 4096"),
        ([CPU | {"msrs": {"10a": "10000000000000000"}}], "expected an index of 32 and a value of 64 bits"),
        ([CPU | {"msrs": {"10a": "-1"}}], "expected an index of 32 and a value of 64 bits"),
        ([CPU | {"cpu": number} for number in range(4097)], "at most 4096 CPUs"),
    ],
)
def test_our_own_documents_are_checked(cpus: list[object], message: str) -> None:
    text = json.dumps({"schema": "vcpuid-dump/1", "origin": "test", "cpus": cpus})
    with pytest.raises(InputError) as caught:
        parse_dump(text.encode(), "dump.json")
    assert message in str(caught.value)
    assert caught.value.next_step == "Write it anew with `vcpuid convert`."


def test_json_has_a_size_limit() -> None:
    text = '{"schema": "vcpuid-dump/1", "x": "' + "x" * 2**24 + '"}'
    with pytest.raises(InputError, match="too large for JSON"):
        parse_dump(text.encode(), "dump.json")


def test_names_of_features_in_xl_cfg_are_not_bits() -> None:
    with pytest.raises(InputError, match="its cpuid setting names features"):
        parse_dump(b'cpuid = "host,tm=0,sse3=0"\n', "guest.cfg")


def test_a_subleaf_of_kcpuid_is_decimal_and_needs_its_leaf() -> None:
    row = b" 10: EAX=0x00000001, EBX=0x00000000, ECX=0x00000000, EDX=0x00000000\n"
    dump = parse_dump(b"Standard Leafs :\n0x0000000d: subleafs:\n" + row, "dump").dump
    assert list(dump.cpus[0].rows) == [(0xD, 10)]
    with pytest.raises(InputError, match="a damaged line"):
        parse_dump(b"Standard Leafs :\n" + row, "dump")
