"""The payload's records: whole reports, and every kind of damage."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import GUEST_ROWS, OSXSAVE, cpu_report, record, whole_report
from vcpuid.errors import InputError, VcpuidError
from vcpuid.probe.records import parse_report

SOURCE = "the report"


def test_a_whole_report() -> None:
    (cpu,) = parse_report(whole_report(), SOURCE)
    assert cpu.apic_id == 0
    assert cpu.rows == GUEST_ROWS
    assert cpu.msrs == {0x10A: 0x1_0000_0069}
    assert cpu.faulting_msrs == (0x3A,)
    assert (cpu.cr4, cpu.xcr0, cpu.xss) == (1 << 18, 7, 0x100)
    assert cpu.switched_on_rows[1, 0][2] == GUEST_ROWS[1, 0][2] | OSXSAVE


def test_cpus_are_in_the_order_of_their_apic_ids() -> None:
    report = whole_report(cpu_report(0), cpu_report(5), cpu_report(2))
    assert [cpu.apic_id for cpu in parse_report(report, SOURCE)] == [0, 2, 5]


def test_every_cut_is_noticed() -> None:
    report = whole_report(cpu_report(0), cpu_report(1))
    for length in range(len(report)):
        with pytest.raises(InputError, match=r"no end|cut off"):
            parse_report(report[:length], SOURCE)


def test_every_flipped_bit_is_noticed() -> None:
    report = whole_report()
    for offset in range(len(report)):
        damaged = bytearray(report)
        damaged[offset] ^= 0x10
        with pytest.raises(InputError):
            parse_report(bytes(damaged), SOURCE)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([record("X")], "what is no record"),
        ([record("E")], "out of place"),
        ([record("C", 0), record("C", 1)], "out of place"),
        ([record("C", 0), record("L", 0, 0, 1, 2, 3, 4), record("E")], "ends too early"),
        ([record("C", 0), *[record("L", 0, 0, 1, 2, 3, 4)] * 2], "comes twice"),
        ([*cpu_report()[:-1], record("M", 1, 2, 3)], "out of place"),
        ([*cpu_report(), record("Z", 1)], "an end that does not fit"),
        ([record("C", 0), record("Z", 1)], "an end that does not fit"),
        ([whole_report(), record("C", 0)], "after the last"),
        ([record("C", 0), record("F", 0xFFFFFC00)], "a fault inside the guest: found 0xfffffc00"),
        ([b"C\x08" + bytes(9)], "a wrong length"),
    ],
)
def test_records_that_do_not_fit(parts: list[bytes], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_report(b"".join(parts), SOURCE)


@given(st.binary(max_size=400))
def test_any_bytes_raise_only_our_error(stream: bytes) -> None:
    with suppress(VcpuidError):
        parse_report(stream, SOURCE)


@given(st.lists(st.sampled_from([*cpu_report(), record("Z", 3), record("F", 1)]), max_size=12))
def test_any_order_of_records_raises_only_our_error(parts: list[bytes]) -> None:
    with suppress(VcpuidError):
        parse_report(b"".join(parts), SOURCE)
