"""The pages of the leaves are fresh, and show what the tables say."""

from __future__ import annotations

import pytest
from tools import make_leaf_pages

from vcpuid.atlas import Atlas


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return make_leaf_pages.render_pages(Atlas.load())


def test_the_pages_are_fresh(pages: dict[str, str]) -> None:
    assert make_leaf_pages.find_stale(pages) == [], "stale: run `python -m tools.make_leaf_pages`"


def test_every_leaf_with_fields_has_a_page_and_a_line_in_the_index(pages: dict[str, str]) -> None:
    index = pages[make_leaf_pages.INDEX]
    for leaf in Atlas.load().field_table.leaves:
        assert f"({make_leaf_pages.page_name(leaf)})" in index
        assert f"# CPUID leaf {leaf:02X}H\n" in pages[make_leaf_pages.page_name(leaf)]


def test_a_field_stands_with_its_bits_vendors_encoding_and_meaning(pages: dict[str, str]) -> None:
    assert "| 15:8 | `clflush_size` |  | times 8, bytes | Line that CLFLUSH writes back |" in pages["1.md"]
    assert (
        "| 4:0 | `cache_type` |  | 0 none; 1 data; 2 instruction; 3 unified"
        " | What the cache holds; none ends the list |" in pages["4.md"]
    )


def test_a_feature_stands_with_its_names_in_every_dialect(pages: dict[str, str]) -> None:
    assert "| 30 | `sgx_lc` | intel |  | SGX launch control |" in pages["7.md"]
    assert "| `7.0.ecx.30` | `SGX_LC` | `sgx_lc` | `sgxlc` | `sgxlc` |  |" in pages["7.md"]


def test_subleaves_have_headings_only_where_there_are_any(pages: dict[str, str]) -> None:
    assert "## Subleaf 1\n" in pages["7.md"]
    assert "## Subleaves 2 to 31\n" in pages["12.md"]
    assert "Subleaf" not in pages["1.md"]


def test_every_msr_stands_with_its_fields_and_what_they_have_to_do_with(pages: dict[str, str]) -> None:
    page = pages[make_leaf_pages.MSRS]
    for msr in Atlas.load().msr_table.msrs.values():
        assert f"## {msr.word}: {msr.name}\n" in page
    assert "Enumerated by CPUID.07H.0:EDX[29] `arch-capabilities`." in page
    assert "Its fields are those of MSR 48DH." in page
    assert (
        "| 34 | `xd_disable` | intel |  | Execute disable is off and hidden | controls CPUID.80000001H:EDX[20] |"
        in page
    )
