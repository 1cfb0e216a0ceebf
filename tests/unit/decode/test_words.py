"""Caches and TLBs in words."""

from __future__ import annotations

import pytest

from cpus import cpu, row
from vcpuid.decode.caches import decode_caches
from vcpuid.decode.tlbs import decode_tlbs
from vcpuid.decode.words import describe_cache, describe_size, describe_tlb, name_cache, name_tlb


@pytest.mark.parametrize(
    ("bytes_", "text"),
    [(0, "0 bytes"), (48 << 10, "48 KiB"), (1 << 20, "1 MiB"), (3 << 40, "3 TiB"), (65, "65 bytes")],
)
def test_sizes(bytes_: int, text: str) -> None:
    assert describe_size(bytes_) == text


def test_a_cache() -> None:
    (cache,) = decode_caches(cpu({(4, 0): row(0x1C004122, 0x01C0003F, 0x3F)}))
    assert name_cache(cache) == "L1 code"
    assert describe_cache(cache) == ("32 KiB", "8-way", "lines of 64 bytes", "for up to 2 threads")


def test_what_is_not_told_is_empty() -> None:
    (cache,) = decode_caches(cpu({(2, 0): row(0x00004101)}))
    assert describe_cache(cache) == ("128 KiB", "4-way", "lines of 32 bytes", "")


def test_a_tlb() -> None:
    (tlb,) = decode_tlbs(cpu({(0x18, 0): row(1), (0x18, 1): row(0, 0x0008_0003, 0x20, 0x4022)}))
    assert (name_tlb(tlb), describe_tlb(tlb)) == ("TLB L1 code", "256 of 4 KiB or 2 MiB 8-way")
