"""Entries of libvirt's map, as libvirt writes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from programs import needs
from vcpuid.answers.map_entry import doubt_map_entry, map_entry
from vcpuid.atlas import Atlas
from vcpuid.errors import UsageError
from vcpuid.rules.libvirt.map_reader import load_map, read_map
from vcpuid.terms.address import Bits
from vcpuid.terms.feature import Dialect, Feature

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


@pytest.mark.parametrize("name", ["invtsc", "xsaves"])
def test_what_does_not_migrate_is_marked(name: str) -> None:
    assert f"<feature name='{name}' migratable='no'>" in entry(name)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("pmu", "<features><pmu state='on'/></features> (since libvirt 1.2.12)"),
        ("hv-vapic", "<features><hyperv><vapic state='on'/></hyperv></features>"),
        ("hv-time", "<clock><timer name='hypervclock' present='yes'/></clock>."),
        ("lmce", "QEMU takes it as -cpu MODEL,lmce=on"),
        ("rep_good", "No -cpu property of QEMU"),
    ],
)
def test_a_switch_without_a_bit_is_set_elsewhere(name: str, where: str) -> None:
    with pytest.raises(UsageError) as caught:
        entry(name)
    assert caught.value.next_step is not None
    assert where in caught.value.next_step


@pytest.mark.parametrize(
    ("name", "doubt"),
    [
        (
            "kvm-pv-eoi",
            "libvirt does not read the leaves of hypervisors. The domain XML turns it on by <features>",
        ),
        ("kvm-mmu", "libvirt does not read the leaves of hypervisors. The domain XML has no element for it"),
        ("e_fpu", "a domain that requires it would not start"),
        ("aperfmperf", "QEMU has no property"),
    ],
)
def test_an_entry_of_no_use_is_doubted(name: str, doubt: str) -> None:
    feature = Atlas.load().find(name).feature
    assert map_entry(feature)
    assert doubt in (doubt_map_entry(feature) or "")


@pytest.mark.parametrize("name", ["sgx", "rdctl-no", "vmx-ept", "svm", "pclmulqdq"])
def test_an_entry_of_use_is_not_doubted(name: str) -> None:
    assert doubt_map_entry(Atlas.load().find(name).feature) is None


@needs("libvirtd", package="libvirt-daemon-system")
def test_written_entries_read_as_libvirts_own() -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in INSTALLED.glob("*.xml")}
    index = "<cpus><arch name='x86'><include filename='features.xml'/></arch></cpus>"
    for name, own in load_map(files, str(INSTALLED)).features.items():
        feature = Atlas.load().named(Dialect.LIBVIRT, name)
        assert feature is not None
        written = load_map({"index.xml": index, "features.xml": f"<cpus>{map_entry(feature)}</cpus>"}, "written")
        assert own.bits in (written.features[name].bits, earlier_bits(feature, name))
        assert written.features[name].migratable == own.migratable


def earlier_bits(feature: Feature, name: str) -> tuple[Bits, ...]:
    """Where an older libvirt has the name: its VMX controls moved."""
    return next((one.earlier for one in feature.names[Dialect.LIBVIRT] if one.text == name), ())


@needs("libvirtd", package="libvirt-daemon-system")
def test_written_entries_are_libvirts_own_to_the_letter() -> None:
    text = (INSTALLED / "x86_features.xml").read_text(encoding="utf-8")
    # What the parser ignores is not ours to write: comments, and other projects' names.
    text = re.sub(r"<!--.*?-->|\n *<alias [^>]*/>", "", text, flags=re.DOTALL)
    if "eax_in='0x00000001'" in text:  # 11.3 writes all digits of an index, and reads either
        text = re.sub(r"(eax_in|ecx_in|index)='0x0*(..|...)'", r"\1='0x\2'", text)
    entries = read_map(INSTALLED).features
    theirs, ours = [], []
    for own in re.findall(r"  <feature name=.*?</feature>\n", text, re.DOTALL):
        name = re.findall("name='(.*?)'", own)[0]
        feature = Atlas.load().named(Dialect.LIBVIRT, name)
        assert feature is not None
        if entries[name].bits != earlier_bits(feature, name):
            theirs.append(own)
            ours.append(map_entry(feature))
    assert ours == theirs
    assert len(ours) > len(entries) / 2
