"""What libvirt tells of SGX."""

from __future__ import annotations

import pytest

from nova_sgx.capabilities import SgxCapabilities, parse_capabilities

SECTIONS = (
    "<sections><section node='0' size='{0}' unit='KiB'/><section node='1' size='{1}' unit='KiB'/></sections>"
)


def capabilities(sgx: str) -> SgxCapabilities:
    return parse_capabilities(f"<domainCapabilities><features>{sgx}</features></domainCapabilities>")


def test_everything_is_read() -> None:
    read = capabilities(
        f"<sgx supported='yes'><flc>yes</flc><sgx1>yes</sgx1><sgx2>no</sgx2>{SECTIONS.format(65536, 32768)}</sgx>"
    )
    assert read == SgxCapabilities("", launch_control=True, sgx2=False, sections_kib=(65536, 32768))
    assert read.size_mib == 96


@pytest.mark.parametrize(
    ("sizes", "size_mib"), [((2048, 0), 2), ((96_768, 0), 94), ((1024, 1024), 2), ((1024, 3071), 2)]
)
def test_the_size_is_of_whole_steps(sizes: tuple[int, int], size_mib: int) -> None:
    read = capabilities(f"<sgx supported='yes'>{SECTIONS.format(*sizes)}</sgx>")
    assert (read.size_mib, read.missing) == (size_mib, "")


def test_without_sections_the_whole_is_told() -> None:
    assert capabilities("<sgx supported='yes'><section_size unit='KiB'>8192</section_size></sgx>").size_mib == 8


@pytest.mark.parametrize(
    ("sgx", "words"),
    [
        ("", "libvirt says nothing of SGX"),
        ("<sgx supported='no'/>", "libvirt says <sgx supported='no'/>"),
        ("<sgx supported='yes'/>", "less than 2 MiB"),
        ("<sgx supported='yes'><section_size unit='KiB'>2047</section_size></sgx>", "less than 2 MiB"),
    ],
)
def test_why_there_is_none(sgx: str, words: str) -> None:
    assert words in capabilities(sgx).missing
