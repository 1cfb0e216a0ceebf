"""Which dumps are plain, and which of them are of one kind."""

from __future__ import annotations

import pytest

from vcpuid.fleet.plain import kinds_of, parse_rows

ROW = "   0x{:08x} 0x{:02x}: eax=0x{:08x} ebx=0x{:08x} ecx=0x{:08x} edx=0x{:08x}\n"
INTEL = (0, 0, 0x16, 0x756E6547, 0x6C65746E, 0x49656E69)
XEN = (0x40000000, 0, 0x40000005, 0x566E6558, 0x65584D4D, 0x4D4D566E)
APIC, APIC_ID = 1 << 9, 7 << 24


def dump(*rows: tuple[int, ...], head: str = "CPU:\n") -> bytes:
    return (head + "".join(ROW.format(*row) for row in (INTEL, *rows))).encode()


def of_one_kind(one: bytes, other: bytes) -> bool:
    first, second = kinds_of([one, other])
    assert first is not None
    return first == second


def test_the_heading_and_case_of_digits_make_no_kind() -> None:
    row = (1, 0, 0xABCDEF, 0, 0, 0)
    assert of_one_kind(dump(row), dump(row, head="CPU 0:\n"))
    assert of_one_kind(dump(row), dump(row).replace(b"00abcdef", b"00ABCDEF"))


@pytest.mark.parametrize(
    ("row", "other", "alike"),
    [
        ((1, 0, 0, APIC_ID, 0, 0), (1, 0, 0, 0, 0, 0), True),
        ((1, 0, 0, 1, 0, 0), (1, 0, 0, 0, 0, 0), False),
        ((1, 0, 0, 0, 0, APIC), (1, 0, 0, 0, 0, 0), False),  # firmware's: it is to be seen
        ((0xB, 1, 0, 0, 0, 1), (0xB, 1, 0, 0, 0, 2), True),
        ((0xB, 1, 0, 0, 0, 1), (0xB, 2, 0, 0, 0, 1), False),
        ((0x40000003, 1, 1, 0, 0, 0), (0x40000003, 1, 2, 0, 0, 0), False),  # Xen's clock, not on Xen
    ],
)
def test_a_kind_is_all_but_the_dynamic_bits(row: tuple[int, ...], other: tuple[int, ...], alike: bool) -> None:
    assert of_one_kind(dump(row), dump(other)) is alike


def test_bits_have_their_hypervisors_meaning() -> None:
    assert of_one_kind(dump(XEN, (0x40000003, 1, 1, 0, 0, 0)), dump(XEN, (0x40000003, 1, 2, 0, 0, 0)))


PLAIN = dump((1, 0, 1, 2, 3, 4))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"CPU:\n",
        PLAIN[5:],
        PLAIN[:-1],
        PLAIN + b"\n",
        PLAIN + PLAIN,
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"edx=0x00000004", b"edx=0x0000000g"),
        PLAIN.replace(b"edx=0x00000004", b"edx=0X00000004"),
        PLAIN.replace(b"edx=0x00000004", b"edx 0x00000004"),
        PLAIN.replace(b"CPU:", b"CPU 1:"),
        dump((1, 0, 1, 2, 3, 4), (1, 0, 1, 2, 3, 4)),
        b"CPU:\n" + ROW.format(*INTEL).encode() * 5000,
    ],
)
def test_what_is_not_plain_to_the_letter_is_left_to_the_ordinary_reader(text: bytes) -> None:
    one, two, three = kinds_of([PLAIN, text, PLAIN])
    assert two is None
    assert one == three is not None


def test_a_bad_row_spoils_no_other() -> None:
    good, bad = ROW.format(*INTEL), ROW.format(*INTEL).replace("49656e69", "4965 e69")
    are_rows, octets = parse_rows(f"{good}{bad}{good}".encode())
    assert are_rows.tolist() == [True, False, True]
    assert bytes(octets[0]) == bytes(octets[2]) == bytes.fromhex("0000000000" + "00000016756e65476c65746e49656e69")
