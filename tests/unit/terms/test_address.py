"""Addresses in every form that people write, and back."""

from __future__ import annotations

import pytest

from vcpuid.errors import UsageError
from vcpuid.terms.address import (
    Bits,
    CpuidRegister,
    MsrRegister,
    NamedBit,
    Register,
    Word,
    WordValue,
    looks_like_address,
    parse_address,
    parse_bit,
    parse_named_bit,
)

LEAF_7_EBX = CpuidRegister(7, 0, Register.EBX)
SGX = Bits(LEAF_7_EBX, 2, 2)
FEATURE_CONTROL = MsrRegister(0x3A)


@pytest.mark.parametrize(
    "text",
    [
        "7.0.ebx.2",
        "07.0.EBX.2",
        "0x7.0x0.ebx.0x2",
        "7H.0.ebx[2]",
        "7.ebx.2",
        "7:ebx[2]",
        "CPUID.07H:EBX[2]",
        "CPUID.07H.0:EBX[2]",
        "CPUID.7.0:EBX.2",
        "cpuid 7.0.ebx.2",
        "CPUID.(EAX=07H,ECX=0):EBX[2]",
        "CPUID.(EAX=07H, ECX=0H):EBX[2]",
        "CPUID.(EAX=07H,ECX=0):EBX [2]",
        # QEMU's warnings: 7.2's form, and that of 10.2 and later
        "CPUID.07H:EBX.sgx [bit 2]",
        "CPUID[eax=07h,ecx=00h].EBX.sgx [bit 2]",
        "CPUID.07H:EBX. [bit 2]",
        "CPUID.07H:EBX [bit 2]",
        # Intel's and AMD's manuals
        "CPUID.07H:EBX.SGX[bit 2]",
        "CPUID Fn0000_0007_EBX_x0[2]",
        "CPUID_Fn00000007_EBX_x00[2]",
        "Fn0000_0007_EBX[2]",
        "  7.0.ebx.2  ",
    ],
)
def test_one_bit_in_every_form(text: str) -> None:
    assert parse_address(text) == SGX
    assert looks_like_address(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("12.1.eax", CpuidRegister(0x12, 1, Register.EAX)),
        ("0x12.1.eax", CpuidRegister(0x12, 1, Register.EAX)),
        ("12H.1.eax", CpuidRegister(0x12, 1, Register.EAX)),
        ("4.10.eax", CpuidRegister(4, 10, Register.EAX)),
        ("4.0x10.eax", CpuidRegister(4, 16, Register.EAX)),
        ("80000008.ebx", CpuidRegister(0x80000008, 0, Register.EBX)),
        ("CPUID[eax=01h].ECX", CpuidRegister(1, 0, Register.ECX)),
        ("MSR 3AH", FEATURE_CONTROL),
        ("msr.3a", FEATURE_CONTROL),
        ("MSR 0x3a", FEATURE_CONTROL),
        ("MSR(3AH)", FEATURE_CONTROL),
        ("msr (0x3a)", FEATURE_CONTROL),
        ("rdmsr 0x3a", FEATURE_CONTROL),
        ("MSR0000_003A", FEATURE_CONTROL),
        ("MSRC001_0114", MsrRegister(0xC0010114)),
        ("MSR C0010114H", MsrRegister(0xC0010114)),
        ("IA32_FEATURE_CONTROL", FEATURE_CONTROL),
        ("MSR_IA32_FEAT_CTL", FEATURE_CONTROL),
        ("VM_CR", MsrRegister(0xC0010114)),
        ("CPUID Fn8000_001E_EBX", CpuidRegister(0x8000001E, 0, Register.EBX)),
        ("Fn8000_001D_EAX_x3", CpuidRegister(0x8000001D, 3, Register.EAX)),
        ("CPUID.(EAX=0DH,ECX=10):EAX", CpuidRegister(0xD, 10, Register.EAX)),
        ("CPUID[eax=0Dh,ecx=10h].EAX", CpuidRegister(0xD, 16, Register.EAX)),
    ],
)
def test_a_word_alone_stands_for_all_its_bits(text: str, word: Word) -> None:
    assert parse_address(text) == Bits(word, 0, word.width - 1)


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("MSR 0x10a[3]", Bits(MsrRegister(0x10A), 3, 3)),
        ("msr.10a.63", Bits(MsrRegister(0x10A), 63, 63)),
        ("MSR(10Ah).its-no [bit 62]", Bits(MsrRegister(0x10A), 62, 62)),
        ("IA32_ARCH_CAPABILITIES[3]", Bits(MsrRegister(0x10A), 3, 3)),
        ("IA32_FEATURE_CONTROL[18:17]", Bits(FEATURE_CONTROL, 17, 18)),
        ("IA32_FEATURE_CONTROL.SGX_ENABLE[bit 18]", Bits(FEATURE_CONTROL, 18, 18)),
        ("d.0.eax.17-18", Bits(CpuidRegister(0xD, 0, Register.EAX), 17, 18)),
        ("CPUID.0DH.0:EAX[18:17]", Bits(CpuidRegister(0xD, 0, Register.EAX), 17, 18)),
    ],
)
def test_msr_bits_and_ranges(text: str, bits: Bits) -> None:
    assert parse_address(text) == bits


@pytest.mark.parametrize(
    ("text", "word", "value"),
    [
        ("7.0.ebx=0x029c6fbf", LEAF_7_EBX, 0x029C6FBF),
        ("0x12.1.eax = 36", CpuidRegister(0x12, 1, Register.EAX), 0x36),
        ("7.0.ebx=36h", LEAF_7_EBX, 0x36),
        ("7.0.ebx=0b100", LEAF_7_EBX, 4),
        ("MSR 0x3a=40005", FEATURE_CONTROL, 0x40005),
        ("IA32_FEATURE_CONTROL = 0x40005", FEATURE_CONTROL, 0x40005),
        ("MSR 10AH=0xffffffffffffffff", MsrRegister(0x10A), 2**64 - 1),
    ],
)
def test_a_word_with_a_value(text: str, word: Word, value: int) -> None:
    assert parse_address(text) == WordValue(word, value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sgx",
        "7.0.esi.2",
        "7.0.ebx.",
        "7.0.ebx.x",
        "7.0.ebx[2",
        "7.0.ebx.2]",
        "7.0.ebx=",
        "7.0.ebx=xyz",
        "7.0.ebx.2=1",
        "123456789.0.ebx.2",
        "7.4294967296.ebx.2",
        f"7.{'9' * 5000}.ebx.2",
        f"7.0.ebx.{'9' * 5000}",
        "MSR",
        "MSR 123456789[0]",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("7.0.ebx.32", "CPUID.07H.0:EBX has bits 0 to 31"),
        ("MSR 3AH[64]", "MSR 3AH has bits 0 to 63"),
        ("7.0.ebx=0x100000000", "the value does not fit into 32 bits"),
    ],
)
def test_numbers_out_of_range_are_told(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_address(text)


@pytest.mark.parametrize(
    ("bits", "short", "manual", "plain"),
    [
        (SGX, "CPUID.07H.0:EBX[2]", "CPUID.(EAX=07H,ECX=0):EBX[2]", "7.0.ebx.2"),
        (
            Bits(CpuidRegister(1, 0, Register.ECX), 5, 5),
            "CPUID.01H:ECX[5]",
            "CPUID.01H:ECX[5]",
            "1.0.ecx.5",
        ),
        (
            Bits(CpuidRegister(0xD, 0, Register.EAX), 17, 18),
            "CPUID.0DH.0:EAX[18:17]",
            "CPUID.(EAX=0DH,ECX=0):EAX[18:17]",
            "d.0.eax.17-18",
        ),
        (Bits(MsrRegister(0x10A), 0, 0), "MSR 10AH[0]", "MSR 10AH[0]", "msr.10a.0"),
    ],
)
def test_the_ways_to_write_bits(bits: Bits, short: str, manual: str, plain: str) -> None:
    assert (str(bits), bits.manual, bits.plain) == (short, manual, plain)


def test_masks_within_the_word() -> None:
    assert SGX.mask == 0x4
    assert Bits(LEAF_7_EBX, 0, 31).mask == 0xFFFFFFFF
    assert Bits(FEATURE_CONTROL, 17, 18).mask == 0x60000


def test_order_is_leaf_subleaf_register_bit_then_msrs() -> None:
    written = ["msr.10a.0", "80000001.0.ecx.2", "7.1.eax.0", "7.0.ecx.0", "7.0.ebx.5", "7.0.ebx.2", "1.0.edx.0"]
    ordered = sorted((parse_bit(text) for text in written), key=lambda bits: bits.order)
    assert [bits.plain for bits in ordered] == written[::-1]


def test_a_value_is_no_bit() -> None:
    with pytest.raises(UsageError, match="not an address"):
        parse_bit("7.0.ebx=4")


@pytest.mark.parametrize(
    ("text", "name", "word", "bit", "tells_subleaf"),
    [
        ("CPUID.07H:EBX.sgx [bit 2]", "sgx", LEAF_7_EBX, 2, False),
        ("CPUID[eax=07h,ecx=00h].EBX.sgx [bit 2]", "sgx", LEAF_7_EBX, 2, True),
        ("CPUID.07H:EBX.SGX", "sgx", LEAF_7_EBX, None, False),
        ("CPUID Fn0000_0007_EBX_x0[SGX]", "sgx", LEAF_7_EBX, None, True),
        ("7.0.ebx.3dnow", "3dnow", LEAF_7_EBX, None, True),
        ("MSR(3AH).sgx-enable [bit 18]", "sgx-enable", FEATURE_CONTROL, 18, True),
    ],
)
def test_a_bit_with_its_name(text: str, name: str, word: Word, bit: int | None, *, tells_subleaf: bool) -> None:
    assert parse_named_bit(text) == NamedBit(name, word, bit, tells_subleaf)
    assert looks_like_address(text)


@pytest.mark.parametrize(
    "text",
    ["sgx", "7.0.ebx.2", "7.0.ebx.0x2", "7.0.ebx.0x1-0x2", "7.0.ebx[2]", "7.0.ebx", "7.0.ebx=2", "msr.3a.5"],
)
def test_what_has_no_name(text: str) -> None:
    assert parse_named_bit(text) is None


def test_the_place_of_a_name_is_checked_too() -> None:
    with pytest.raises(UsageError, match="has bits 0 to 31"):
        parse_named_bit("CPUID.07H:EBX.sgx [bit 32]")
    with pytest.raises(UsageError, match="not an address"):
        parse_named_bit("123456789.0.ebx.sgx")


@pytest.mark.parametrize(
    ("text", "address", "fits"),
    [
        ("CPUID.12H:EAX.sgx-debug [bit 1]", "12.1.eax.1", True),
        ("CPUID.12H:EAX.sgx-debug [bit 1]", "12.1.eax.2", False),
        ("CPUID.12H:EAX.sgx-debug [bit 1]", "12.1.ebx.1", False),
        ("CPUID.12H:EAX.sgx-debug", "12.1.eax.1", True),
        ("CPUID[eax=12h,ecx=00h].EAX.sgx-debug [bit 1]", "12.1.eax.1", False),
        ("CPUID[eax=12h,ecx=01h].EAX.sgx-debug [bit 1]", "12.1.eax.1", True),
        ("MSR(48BH).vmx-ept [bit 1]", "msr.48b.33", True),
        ("MSR(48BH).vmx-ept [bit 33]", "msr.48b.33", True),
        ("MSR(48BH).vmx-ept [bit 1]", "msr.48e.33", False),
        ("MSR(48CH).vmx-ept-execonly [bit 1]", "msr.48c.33", False),
        ("MSR(10Ah).its-no [bit 30]", "msr.10a.62", False),
    ],
)
def test_where_a_name_may_be(text: str, address: str, *, fits: bool) -> None:
    named = parse_named_bit(text)
    assert named is not None
    assert named.fits(parse_bit(address)) is fits


@pytest.mark.parametrize(
    "name", ["sgx", "3dnow", "sse4.1", "HW_CPU_X86_SGX", "msrlist", "cpuid-0xb", "f16c", "fnord"]
)
def test_names_do_not_look_like_addresses(name: str) -> None:
    assert not looks_like_address(name)
