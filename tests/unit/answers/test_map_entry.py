"""Entries of libvirt's map, as libvirt writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from programs import needs
from vcpuid.answers.map_entry import map_entry
from vcpuid.atlas import Atlas
from vcpuid.errors import UsageError
from vcpuid.rules.libvirt.map import load_map
from vcpuid.terms.feature import Dialect

INSTALLED = Path("/usr/share/libvirt/cpu_map")


def entry(name: str) -> str:
    return map_entry(Atlas.load().find(name).feature)


@pytest.mark.parametrize(
    ("name", "child"),
    [
        ("sgx", "<cpuid eax_in='0x07' ecx_in='0x00' ebx='0x00000004'/>"),
        ("sgx-tokenkey", "<cpuid eax_in='0x12' ecx_in='0x01' eax='0x00000020'/>"),
        ("vmx", "<cpuid eax_in='0x01' ecx='0x00000020'/>"),
        ("svm", "<cpuid eax_in='0x80000001' ecx='0x00000004'/>"),
        ("rdctl-no", "<msr index='0x10a' edx='0x00000000' eax='0x00000001'/>"),
    ],
)
def test_the_form_is_libvirts(name: str, child: str) -> None:
    assert entry(name) == f"  <feature name='{name}'>\n    {child}\n  </feature>\n"


def test_the_name_is_libvirts_where_it_has_one() -> None:
    assert "<feature name='pclmuldq'>" in entry("pclmulqdq")


def test_a_feature_that_libvirt_does_not_know_has_our_name() -> None:
    assert "<feature name='aperfmperf'>" in entry("aperfmperf")


@pytest.mark.parametrize("name", ["pmu", "flexpriority"])
def test_no_entry_for_no_bit_or_for_bits_in_several_words(name: str) -> None:
    with pytest.raises(UsageError, match="no entry of this kind"):
        entry(name)


@needs("libvirtd", package="libvirt-daemon-system")
def test_written_entries_read_as_libvirts_own() -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in INSTALLED.glob("*.xml")}
    index = "<cpus><arch name='x86'><include filename='features.xml'/></arch></cpus>"
    for name, own in load_map(files, str(INSTALLED)).features.items():
        feature = Atlas.load().named(Dialect.LIBVIRT, name)
        assert feature is not None
        written = load_map({"index.xml": index, "features.xml": f"<cpus>{map_entry(feature)}</cpus>"}, "written")
        assert written.features[name].bits == own.bits
