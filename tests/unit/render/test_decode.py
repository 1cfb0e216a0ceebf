"""Decoded dumps and differences as text and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from tools import make_decode_schema

import vcpuid
from cpus import AUTHENTIC_AMD, CENTAUR_HAULS, HYPERVISOR, KVM_LETTERS, Rows, apic_rows, brand_rows, cpu, dump, row
from vcpuid.answers.decode import Wanted, decode_dump
from vcpuid.answers.diff import diff
from vcpuid.render.cpus import cpu_numbers, plural
from vcpuid.render.decode import render_decode, render_rows
from vcpuid.render.decode_json import write_decode_document
from vcpuid.render.diff import diff_document, render_diff
from vcpuid.terms.dump import Cpu, Dump

FOLDER = Path(vcpuid.__file__).parent / "render" / "schemas"
SCHEMAS = [json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.schema.json")]
REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS
)
RICH: Rows = {
    (1, 0): row(0x506E3, 0, HYPERVISOR | 1 << 26, 1 << 28),
    (2, 0): row(0x66_5B_51_01),
    (4, 0): row(0x1C004121, 0x01C0003F, 0x3F),
    (7, 0): row(0, 1 << 2 | 1 << 5 | 1 << 12 | 1 << 15 | 1 << 25, 0, 1 << 15 | 1 << 24),
    (7, 1): row(edx=1 << 19),
    (0xA, 0): row(0x07300404, 0, 0, 0x603),
    (0xD, 0): row(7, 576, 1088),
    (0xD, 1): row(0xF, 0, 0x800),
    (0xD, 2): row(256, 576),
    (0xF, 0): row(0, 255, 0, 2),
    (0xF, 1): row(0, 65536, 143, 7),
    (0x10, 0): row(0, 0xA),
    (0x10, 1): row(10, 0x600, 4, 15),
    (0x10, 3): row(89, 0, 4, 7),
    (0x12, 0): row(1, 0, 0, 0x241F),
    (0x12, 1): row(0x36, 0, 0x1F),
    (0x12, 2): row(0x70200001, 0, 0x05D80001),
    (0x14, 0): row(1, 0xF, 0x7),
    (0x14, 1): row(0x02490002, 0x003F3FFF),
    (0x15, 0): row(2, 200, 24_000_000),
    (0x16, 0): row(2400, 3600, 100),
    (0x18, 0): row(1),
    (0x18, 1): row(0, 0x0008_0001, 0x20, 0x4022),
    (0x1A, 0): row(0x40000001),
    (0x1D, 0): row(1),
    (0x1D, 1): row(0x04002000, 0x00080040, 16),
    (0x1E, 0): row(0, 0x4010),
    (0x24, 0): row(0, 0x00070001),
    (0x40000000, 0): (0x40000001, *KVM_LETTERS),
    (0x40000001, 0): row(1 << 5),
    (0x80000008, 0): row(0x3027),
    (0x8000001F, 0): row(3, 0x73, 15, 1),
    **brand_rows(b"Test CPU \x1b[31m"),
}
SMALL: Rows = {
    **RICH,
    (7, 0): row(0, 1 << 5, 0, 1 << 15),
    (0x1A, 0): row(0x20000001),
    (4, 0): row(),
    (2, 0): row(),
}


SAMUEL = cpu({(1, 0): row(0x660, 1, 2, 0x8031B5)}, letters=CENTAUR_HAULS)
KABY_LAKE_X = cpu({(1, 0): row(0x906E9), (0x15, 0): row(2, 342), (0x16, 0): row(4300, 4500)})
NORTHWOOD = cpu({(1, 0): row(0xF29), (2, 0): row(0x665B5101, 0, 0, 0x007B7040)})


def machine() -> Dump:
    big = [cpu({**RICH, (0xB, 0): apic_rows(n)[0xB, 0], (0x33, 0): row(5)}, number=n) for n in (0, 1)]
    return dump(*big, cpu({**SMALL, (0xB, 0): apic_rows(2)[0xB, 0]}, number=2, msrs={0x10A: 1}), origin="m.txt")


def document(*dumps: Dump, wanted: Wanted | None = None) -> Any:  # noqa: ANN401 - JSON
    pieces = write_decode_document([decode_dump(one) for one in dumps], wanted or Wanted())
    return json.loads("".join(pieces))


def check(name: str, instance: object) -> None:
    (schema,) = (schema for schema in SCHEMAS if schema["$id"] == f"urn:vcpuid:schema:{name}:1")
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, registry=REGISTRY).validate(instance)


def test_the_schema_is_fresh() -> None:
    assert make_decode_schema.PATH.read_text(encoding="utf-8") == make_decode_schema.render(), (
        "stale: run `python -m tools.make_decode_schema`"
    )


@pytest.mark.parametrize(
    "dumps",
    [
        (),
        (dump(),),
        (dump(cpu()),),
        (dump(Cpu(0, {})),),
        (machine(), machine()),
        (dump(SAMUEL, KABY_LAKE_X, NORTHWOOD),),
    ],
)
def test_the_json_is_of_its_schema(dumps: tuple[Dump, ...]) -> None:
    check("decode", document(*dumps))


def test_the_json_has_every_row_and_cpu() -> None:
    (only,) = document(machine())["dumps"]
    assert [kind["cpus"] for kind in only["kinds"]] == [[0, 1], [2]]
    assert [one["kind"] for one in only["cpus"]] == [0, 0, 1]
    assert only["cpus"][1]["rows"] == {"0000000b.0": "00000001 00000002 00000100 00000001"}
    rows = only["kinds"][0]["rows"]
    assert rows["00000016.0"]["fields"]["cpu_base_mhz"] == 2400
    assert rows["00000016.0"]["texts"]["cpu_base_mhz"] == "2400 MHz"
    assert rows["00000033.0"]["unnamed"] == "00000005 00000000 00000000 00000000"
    assert only["kinds"][1]["msrs"] == {"0000010a": "0000000000000001"}


def test_the_json_is_ascii_whatever_the_units_are() -> None:
    """Standard output's encoding may not have the sign of a unit, and an escape of Python's is none of JSON's."""
    warm = cpu({(0xC0000000, 0): row(0xC0000004), (0xC0000004, 0): row(52)}, letters=CENTAUR_HAULS)
    text = "".join(write_decode_document([decode_dump(dump(warm, origin="Zürich"))]))
    assert text.isascii()
    (only,) = json.loads(text)["dumps"]
    assert only["origin"] == "Zürich"
    assert only["kinds"][0]["rows"]["c0000004.0"]["texts"]["temperature"] == "52 °C"


def test_the_json_of_wanted_rows_has_no_others() -> None:
    (only,) = document(machine(), wanted=Wanted(0xD, 2))["dumps"]
    assert list(only["kinds"][0]["rows"]) == ["0000000d.2"]


def test_junk_above_the_maximum_stands_apart() -> None:
    (only,) = document(dump(cpu({(0, 0): row(1), (7, 0): row(9)})))["dumps"]
    assert list(only["kinds"][0]["beyond_maximum"]) == ["00000007.0"]
    assert "00000007.0" not in only["kinds"][0]["rows"]


def test_the_summary_tells_every_subject() -> None:
    text = " ".join(render_decode([decode_dump(machine())]).plain().split())
    for word in (
        "Test CPU ?[31m m.txt",
        "family 0x6, model 0x5e, stepping 3; Skylake",
        "KVM",
        "CPUs 0-1: performance cores",
        "CPU 2: efficiency cores",
        "32 KiB, 8-way, lines of 64 bytes, for up to 2 threads",
        "time-stamp counter 2400 MHz (by crystal)",
        "(the areas end at 832 bytes)",
        "attributes debug mode64bit provisionkey einittoken_key, XFRM 0x1f; EPC 95744 KiB at 0x70200000",
        "shares L3 among 16 classes; throttles memory for 8 classes",
        "version 4, 4 counters of 48 bits, 3 fixed of 48 bits",
        "palette 1: 8 tiles of 16 x 64 bytes",
        "version 1, vectors of 128, 256, 512 bits",
        "sme sev, C-bit 51, 15 guests",
        "without sgx",
        "L1 data none",
    ):
        assert word in text
    assert text.count("Processor Trace") <= 1


def test_the_summary_is_as_narrow_as_its_terminal() -> None:
    lines = render_decode([decode_dump(machine())]).plain(60).splitlines()
    assert max(map(len, lines)) <= 60
    assert "  TLB" in {line[:5] for line in lines}


def test_a_long_name_is_apart_from_its_value() -> None:
    text = render_decode([decode_dump(machine())], every_field=True).plain()
    assert "compacted_xsave_64byte_aligned no   " in text


def test_every_field() -> None:
    text = render_decode([decode_dump(machine())], every_field=True).plain()
    assert "CPUID.16H  eax=00000960" in text
    assert "eax[15:0]  cpu_base_mhz" in text
    assert "(no field of ours)          0x00000005" in text


def test_a_descriptor_is_told_in_the_row_too() -> None:
    text = render_rows([decode_dump(dump(NORTHWOOD))], Wanted(2)).plain()
    assert "desc2                       0x5b   Data TLB: 64 entries for pages of 4 KiB, 4 MiB\n" in text
    assert "desc4                       0x00   Cache or TLB descriptor\n" in text


def summary(*cpus: Cpu) -> str:
    return " ".join(render_decode([decode_dump(dump(*cpus))]).plain().split())


def test_a_trace_cache_in_micro_operations() -> None:
    assert "L1 trace 12288 micro-operations, 8-way L1 data 8 KiB" in summary(NORTHWOOD)


def test_errata_are_told_beside_the_row_too() -> None:
    assert "errata mended 01H EBX, 01H ECX: only EAX and EDX are defined; the rest is junk" in summary(SAMUEL)
    text = render_decode([decode_dump(dump(SAMUEL))], every_field=True).plain()
    assert "    ecx        erratum: only EAX and EDX are defined; the rest is junk" in text


def test_frequencies_that_disagree() -> None:
    assert "(by crystal of the model); base and time-stamp counter disagree by 4.8 %" in summary(KABY_LAKE_X)


def test_encryption_that_firmware_has_switched_off_has_no_zeros() -> None:
    one = cpu({(0x8000001F, 0): row(0xB)}, letters=AUTHENTIC_AMD)
    assert "encryption sme sev sev-es features" in summary(one)


def test_every_design_of_a_hybrid_machine() -> None:
    hybrid: Rows = {(1, 0): row(0x90675), (7, 0): row(edx=1 << 15)}
    big, small = (cpu({**hybrid, (0x1A, 0): row(kind << 24)}, number=kind) for kind in (0x40, 0x20))
    text = summary(big, small)
    assert "Golden Cove and Gracemont (Alder Lake)" in text
    assert "CPU 32: efficiency cores, Gracemont" in text


def test_wanted_rows_only() -> None:
    text = render_rows([decode_dump(machine()), decode_dump(dump(cpu()))], Wanted(0x16)).plain()
    assert text.startswith("m.txt\nCPUs 0-1: performance cores, Skylake\n  CPUID.16H")
    assert "no row of leaf 0x16" in text
    assert "CPUID.15H" not in text


def test_junk_is_called_so() -> None:
    decoded = decode_dump(dump(cpu({(0, 0): row(1), (7, 0): row(9)})))
    assert "above the maximum: this leaf does not exist" in render_rows([decoded], Wanted(7)).plain()


def test_a_dump_of_nothing() -> None:
    assert render_decode([decode_dump(dump())]).plain() == "a test  no CPU\n"
    assert "unknown vendor" in render_decode([decode_dump(dump(Cpu(0, {})))]).plain()


def test_cpus_that_apic_ids_do_not_tell_apart() -> None:
    decoded = decode_dump(dump(*(cpu(apic_rows(0), number=n) for n in (0, 1))))
    text = " ".join(render_decode([decoded]).plain().split())
    assert (
        "2 in the dump, not told apart by APIC ids; CPUID says 2 threads in a core, 8 threads in a package" in text
    )


def test_numbers_of_cpus() -> None:
    assert cpu_numbers([3]) == "CPU 3"
    assert cpu_numbers([0, 1, 2, 5, 7, 8]) == "CPUs 0-2, 5, 7-8"
    assert (plural(1, "core"), plural(2, "core")) == ("1 core", "2 cores")


def test_a_difference() -> None:
    before, after = machine(), dump(cpu({**RICH, (7, 0): row(0, 1 << 12)}), origin="n.txt")
    answer = diff(before, after)
    check("diff", diff_document(answer))
    text = render_diff(answer).plain()
    assert text.startswith("--- m.txt\n+++ n.txt\n")
    assert "- sgx avx2" in text
    assert "CPU 2: nothing like them on the other side" in text


def test_dynamic_fields_are_shown_when_asked() -> None:
    one, other = (dump(cpu({(1, 0): row(ebx=number << 24)})) for number in (1, 2))
    answer = diff(one, other)
    check("diff", diff_document(answer))
    assert "1 dynamic field (--dynamic shows)\nno real difference" in render_diff(answer).plain()
    assert "local_apic_id              1 -> 2   dynamic" in render_diff(answer, dynamic=True).plain()


def test_rows_of_one_side_only() -> None:
    one = Cpu(0, {(0, 0): row(7), (7, 0): row(1)})
    answer = diff(dump(one), dump(Cpu(0, {(0, 0): row(7)})))
    check("diff", diff_document(answer))
    assert "told by one side only: 07H.0" in render_diff(answer).plain()
