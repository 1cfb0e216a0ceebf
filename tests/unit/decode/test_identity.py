"""Vendor, family and model, brand, micro-architecture."""

from __future__ import annotations

import pytest

from cpus import AUTHENTIC_AMD, CENTAUR_HAULS, SHANGHAI, Rows, brand_rows, cpu, row
from vcpuid.decode.identity import decode_brand, decode_identity, decode_letters, decode_signature, vendor_of
from vcpuid.terms.dump import Cpu


def letters(text: bytes) -> tuple[int, int, int]:
    words = [int.from_bytes(text[start : start + 4], "little") for start in (0, 4, 8)]
    return words[0], words[2], words[1]


@pytest.mark.parametrize(
    ("eax", "vendor", "signature"),
    [
        (0x000506E3, "intel", (6, 0x5E, 3)),
        (0x00A20F12, "amd", (0x19, 0x21, 2)),
        (0x00000F4A, "intel", (0xF, 4, 0xA)),
        (0x00000543, "intel", (5, 4, 3)),
        (0x00010543, "intel", (5, 4, 3)),  # the extended model counts in families 6 and 0FH only
        (0x000107B0, "zhaoxin", (7, 0x1B, 0)),  # and in Zhaoxin's family 7
        (0x000107B0, "intel", (7, 0xB, 0)),
        (0xFFFFFFFF, "amd", (0xF + 0xFF, 0xFF, 0xF)),
        (0, None, (0, 0, 0)),
    ],
)
def test_signature(eax: int, vendor: str | None, signature: tuple[int, int, int]) -> None:
    assert decode_signature(eax, vendor) == signature


@pytest.mark.parametrize(
    ("text", "vendor"),
    [
        (b"GenuineIntel", "intel"),
        (b"GenuineIotel", "intel"),
        (b"AuthenticAMD", "amd"),
        (b"HygonGenuine", "hygon"),
        (b"  Shanghai  ", "zhaoxin"),
        (b"Genuine  RDC", "rdc"),
        (b"Virtual CPU ", "virtual"),
        (b"GenuineTMx86", "transmeta"),
        (b"Unheard Of!!", None),
    ],
)
def test_vendors(text: bytes, vendor: str | None) -> None:
    one = cpu(letters=letters(text))
    assert decode_letters(one) == text.decode()
    assert vendor_of(one) == vendor


def test_a_dump_without_leaf_0() -> None:
    one = Cpu(0, {(1, 0): row(0x506E3)})
    assert (decode_letters(one), vendor_of(one)) == (None, None)
    identity = decode_identity(one)
    assert (identity.family, identity.microarchitecture) == (6, None)


@pytest.mark.parametrize(
    ("raw", "brand"),
    [
        (b"       Intel(R) Pentium(R) 4 CPU 1.70GHz", "Intel(R) Pentium(R) 4 CPU 1.70GHz"),
        (b"AMD EPYC   7713\0junk behind it", "AMD EPYC 7713"),
        (b"odd \xe9 letters", "odd ? letters"),
        (b"\0" * 48, None),
        (b"", None),
        (b"x" * 48, "x" * 48),
    ],
)
def test_brand(raw: bytes, brand: str | None) -> None:
    assert decode_brand(cpu(brand_rows(raw))) == brand


def test_the_brand_of_a_transmeta() -> None:
    rows: Rows = {(0x80860003 + n, 0): row() for n in range(4)}
    rows[0x80860003, 0] = row(*(int.from_bytes(b"Transmeta Crusoe"[n : n + 4], "little") for n in (0, 4, 8, 12)))
    assert decode_brand(cpu(rows)) == "Transmeta Crusoe"


@pytest.mark.parametrize(
    ("eax", "of", "name"),
    [
        (0x000506E3, None, "Skylake"),
        (0x00A00F11, AUTHENTIC_AMD, "Zen 3"),
        (0x00000691, CENTAUR_HAULS, "Nehemiah"),
        (0x000107B0, SHANGHAI, "WuDaoKou"),
        (0x000507B0, SHANGHAI, "YongFeng"),
        (0x000607B1, CENTAUR_HAULS, "ShiJiDaDao"),
        (0x00040670, CENTAUR_HAULS, "CNS"),
        (0x00850F00, AUTHENTIC_AMD, "Fenghuang"),
    ],
)
def test_microarchitecture(eax: int, of: tuple[int, int, int] | None, name: str) -> None:
    rows = {(1, 0): row(eax)}
    design = decode_identity(cpu(rows, letters=of) if of else cpu(rows)).microarchitecture
    assert design is not None
    assert name.lower() in f"{design.name} {design.code_name}".lower()


def test_a_model_that_nobody_knows() -> None:
    assert decode_identity(cpu({(1, 0): row(0x0FFF0FFF)})).microarchitecture is None
