"""Look-up in the atlas that is shipped: by name in any dialect, by bit, by word."""

from __future__ import annotations

import pytest

from vcpuid.atlas import Atlas
from vcpuid.errors import AmbiguousNameError, UnknownNameError, UsageError
from vcpuid.terms.address import CpuidRegister, MsrRegister, Register, parse_bit
from vcpuid.terms.feature import Dialect, Feature, Name


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return Atlas.load()


@pytest.mark.parametrize(
    ("text", "name", "dialects"),
    [
        ("sha-ni", "sha-ni", {Dialect.QEMU, Dialect.LIBVIRT}),
        ("sha_ni", "sha-ni", {Dialect.LINUX}),
        ("SHA", "sha-ni", {Dialect.MANUAL}),
        ("HW_CPU_X86_SHA", "sha-ni", {Dialect.TRAIT}),
        ("pclmuldq", "pclmulqdq", {Dialect.QEMU, Dialect.LIBVIRT}),
        ("sgx_lc", "sgxlc", {Dialect.LINUX}),
        ("xd", "nx", {Dialect.QEMU}),
    ],
)
def test_a_match_says_which_dialects_have_the_name(
    atlas: Atlas, text: str, name: str, dialects: set[Dialect]
) -> None:
    match = atlas.find(text)
    assert match.feature.name == name
    assert set(match.dialects) == dialects
    assert not match.folded


def test_another_case_is_found_and_said(atlas: Atlas) -> None:
    match = atlas.find("Avx512_Bf16")
    assert match.feature.name == "avx512-bf16"
    assert match.folded


@pytest.mark.parametrize("text", ["7.0.ebx.2", "CPUID.(EAX=07H,ECX=0):EBX[2]", "0x7.0.ebx[2]"])
def test_an_address_finds_the_feature(atlas: Atlas, text: str) -> None:
    match = atlas.find(text)
    assert match.feature.name == "sgx"
    assert match.dialects == ()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        # QEMU 7.2 hides the subleaf, and leaves out the 32 of VMX controls.
        ("CPUID.12H:EAX.sgx-debug [bit 1]", "12.1.eax.1"),
        ("CPUID.07H:EDX.avx-vnni-int8 [bit 4]", "7.1.edx.4"),
        ("CPUID.0DH:EAX.xsavec [bit 1]", "d.1.eax.1"),
        ("CPUID.07H:EAX.avx512-bf16 [bit 5]", "7.1.eax.5"),
        ("MSR(48BH).vmx-ept [bit 1]", "msr.48b.33"),
        ("MSR(48DH).vmx-posted-intr [bit 7]", "msr.48d.39"),
        ("MSR(10Ah).its-no [bit 62]", "msr.10a.62"),
        ("CPUID[eax=07h,ecx=00h].EBX.sgx [bit 2]", "7.0.ebx.2"),
        ("CPUID.0DH:EAX [bit 1]", "d.0.eax.1"),
        ("MSR(48BH) [bit 1]", "msr.48b.1"),
        # Manuals
        ("CPUID Fn8000_0001_ECX[SVM]", "80000001.0.ecx.2"),
        ("CPUID Fn8000_0001_EDX[FPU]", "80000001.0.edx.0"),
        ("CPUID.01H:EDX.FPU[bit 0]", "1.0.edx.0"),
        ("IA32_ARCH_CAPABILITIES.RDCL_NO[bit 0]", "msr.10a.0"),
    ],
)
def test_a_name_at_a_place_decides(atlas: Atlas, text: str, address: str) -> None:
    assert [bits.plain for bits in atlas.find(text).feature.bits] == [address]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CPUID.07H:EBX.avx2 [bit 2]", "CPUID.07H.0:EBX[5] for avx2"),
        ("CPUID[eax=07h,ecx=01h].EBX.sgx [bit 2]", "CPUID.07H.0:EBX[2] for sgx"),
        ("MSR(48BH).vmx-ept [bit 2]", "MSR 48BH[33] for vmx-ept"),
        ("CPUID Fn8000_0001_EDX[SVM]", "CPUID.80000001H:ECX[2] for svm"),
    ],
)
def test_a_name_that_is_not_at_its_place_is_an_error(atlas: Atlas, text: str, expected: str) -> None:
    with pytest.raises(UsageError, match="not that of a bit at this place") as caught:
        atlas.find(text)
    assert caught.value.expected == expected


def test_a_name_at_a_place_that_nobody_knows(atlas: Atlas) -> None:
    with pytest.raises(UnknownNameError) as caught:
        atlas.find("CPUID.07H:EBX.sqx [bit 2]")
    assert "sgx" in caught.value.suggestions


def test_a_name_without_a_known_bit_may_be_anywhere(atlas: Atlas) -> None:
    assert atlas.find("CPUID.40000003H:EAX.hv-vapic [bit 4]").feature.name == "hv-vapic"


@pytest.mark.parametrize(("name", "migratable"), [("invtsc", False), ("xsaves", False), ("sgx", True)])
def test_libvirt_drops_some_from_cpus_that_migrate(atlas: Atlas, *, name: str, migratable: bool) -> None:
    (own,) = atlas.find(name).feature.names[Dialect.LIBVIRT]
    assert own.migratable is migratable


def test_a_bit_that_nobody_names_is_a_feature_all_the_same(atlas: Atlas) -> None:
    match = atlas.find("7.0.eax.31")
    assert match.feature.name == "CPUID.07H.0:EAX[31]"
    assert match.feature.bits == (parse_bit("7.0.eax.31"),)


@pytest.mark.parametrize(
    ("text", "near"), [("sqx", "sgx"), ("sgx-lc", "sgxlc"), ("avx512_vnnii", "avx512vnni"), ("vmxept", "vmx-ept")]
)
def test_a_miss_suggests_near_names_in_every_dialect(atlas: Atlas, text: str, near: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        atlas.find(text)
    assert near in caught.value.suggestions
    spellings = {name.text for own in atlas.find(near).feature.names.values() for name in own}
    assert {name.lower() for name in spellings & set(caught.value.suggestions)}


@pytest.mark.parametrize("text", ["", "zzzzzzzz", "nul\0", "§"])
def test_a_miss_without_near_names(atlas: Atlas, text: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        atlas.find(text)
    assert caught.value.suggestions == ()


@pytest.mark.parametrize("text", ["7.0.ebx", "7.0.ebx=4", "d.0.eax.17-18"])
def test_what_is_not_one_bit_is_no_feature(atlas: Atlas, text: str) -> None:
    with pytest.raises(UsageError):
        atlas.find(text)


def test_a_name_that_differs_by_vendor_asks(atlas: Atlas) -> None:
    with pytest.raises(AmbiguousNameError) as caught:
        atlas.find("stibp")
    assert [address for address, _ in caught.value.meanings] == ["7.0.edx.27", "80000008.0.ebx.15"]
    assert "so called by QEMU, libvirt, /proc/cpuinfo" in str(caught.value)


@pytest.mark.parametrize(
    ("vendor", "address"), [("intel", "7.0.edx.27"), ("amd", "80000008.0.ebx.15"), ("hygon", "80000008.0.ebx.15")]
)
def test_the_vendor_chooses_between_meanings(atlas: Atlas, vendor: str, address: str) -> None:
    assert [bits.plain for bits in atlas.find("stibp", vendor).feature.bits] == [address]


def test_a_vendor_that_nobody_knows_is_refused(atlas: Atlas) -> None:
    with pytest.raises(UsageError, match="no vendor of this name: found 'via', expected intel, amd"):
        atlas.find("stibp", "via")


def test_a_folded_name_is_as_ambiguous_as_its_spellings_together(atlas: Atlas) -> None:
    assert atlas.find("fsrs").feature.vendors == {"intel"}
    assert atlas.find("FSRS").feature.vendors == {"amd"}
    with pytest.raises(AmbiguousNameError):
        atlas.find("Fsrs")


def test_a_name_of_a_bit_and_its_mirror_means_the_bit(atlas: Atlas) -> None:
    assert atlas.find("FPU").feature.bits == (parse_bit("1.0.edx.0"),)
    mirror = atlas.find("80000001.0.edx.0").feature
    assert mirror.mirror == parse_bit("1.0.edx.0")


@pytest.mark.parametrize("name", ["pclmulqdq", "lm", "sse4.1", "nx"])
def test_of_a_dialects_spellings_the_features_own_is_preferred(atlas: Atlas, name: str) -> None:
    feature = atlas.find(name).feature
    assert len(feature.spellings(Dialect.QEMU)) > 1
    assert feature.name_in(Dialect.QEMU) == name


def test_a_feature_may_be_several_bits(atlas: Atlas) -> None:
    assert [bits.plain for bits in atlas.find("kvmclock").feature.bits] == ["40000001.0.eax.0", "40000001.0.eax.3"]


def test_a_switch_may_have_no_bit(atlas: Atlas) -> None:
    feature = atlas.find("pmu").feature
    assert feature.bits == ()
    assert feature.address == "its bit is not in the atlas"


def test_a_feature_without_a_bit_says_why() -> None:
    by_linux = Feature("rep_good", (), {Dialect.LINUX: (Name("rep_good"),)})
    assert by_linux.address == "no bit: Linux makes this flag itself"
    assert Feature("check", (), {Dialect.QEMU: (Name("check"),)}, source="x").address == "no CPUID or MSR bit"


def test_names_tell_what_they_set_besides_and_where_they_stood(atlas: Atlas) -> None:
    xsave, ept = atlas.find("xsave").feature, atlas.find("vmx-ept").feature
    (qemu,) = xsave.names[Dialect.QEMU]
    (libvirt,) = ept.names[Dialect.LIBVIRT]
    assert [bits.plain for bits in qemu.also] == ["d.0.eax.0", "d.0.eax.1"]
    assert [bits.plain for bits in libvirt.earlier] == ["msr.48b.1"]


def test_the_features_of_a_bit_begin_with_that_bit_alone(atlas: Atlas) -> None:
    found = atlas.at(parse_bit("msr.48c.25"))
    assert [len(feature.bits) for feature in found] == [1, 2]
    assert atlas.at(parse_bit("7.0.eax.31")) == ()


def test_a_name_in_one_dialect(atlas: Atlas) -> None:
    sgxlc = atlas.named(Dialect.LIBVIRT, "sgxlc")
    assert sgxlc is not None
    assert sgxlc.bits == (parse_bit("7.0.ecx.30"),)
    assert atlas.named(Dialect.LIBVIRT, "sgx_lc") is None


def test_fields_of_a_register_from_its_lowest_bit(atlas: Atlas) -> None:
    names = [field.name for field in atlas.fields(CpuidRegister(1, 0, Register.EAX))]
    assert names[:3] == ["stepping", "base_model", "base_family_id"]
    switches = [field.name for field in atlas.fields(MsrRegister(0x3A))]
    assert switches[:3] == ["lock", "vmx_inside_smx", "vmx_outside_smx"]
    assert list(atlas.fields(MsrRegister(0x7FFE))) == []


def test_fields_know_their_subleaves(atlas: Atlas) -> None:
    epc = [field.name for field in atlas.fields(CpuidRegister(0x12, 5, Register.EAX))]
    attributes = [field.name for field in atlas.fields(CpuidRegister(0x12, 1, Register.EAX))]
    assert epc
    assert attributes
    assert not set(epc) & set(attributes)


def test_leaves_have_titles(atlas: Atlas) -> None:
    assert atlas.leaf_title(0x12) == "SGX capabilities and EPC sections"
    assert atlas.leaf_title(0x7FFF) == ""


def test_a_word_has_the_title_of_its_leaf_or_the_name_and_title_of_its_msr(atlas: Atlas) -> None:
    assert atlas.word_title(CpuidRegister(0x12, 0, Register.EAX)) == "SGX capabilities and EPC sections"
    assert atlas.word_title(MsrRegister(0x3A)) == "IA32_FEATURE_CONTROL: Firmware's switches for VMX and SGX"
    assert atlas.word_title(MsrRegister(0x7FFE)) == ""


@pytest.mark.parametrize(
    ("bits", "name", "title"),
    [
        ("7.0.ebx.2", "sgx", "Software Guard Extensions"),
        ("0.0.eax.0-31", "max_std_leaf", "Highest leaf of the basic range"),
        ("msr.3a.0-63", "IA32_FEATURE_CONTROL", "Firmware's switches for VMX and SGX"),
        ("msr.3a.15", "senter_global_enable", "SENTER may be used at all"),
        ("msr.481.37", "virtual_nmis", "Virtual NMIs (Intel)"),
        ("msr.7ffe.0-63", "", ""),
        ("7ffe.0.eax.1", "", ""),
    ],
)
def test_what_bits_are_called(atlas: Atlas, bits: str, name: str, title: str) -> None:
    assert atlas.called(parse_bit(bits)) == (name, title)


def test_every_name_of_every_feature_leads_back_to_it_or_asks(atlas: Atlas) -> None:
    for feature in atlas.features():
        for name in {name.text for own in feature.names.values() for name in own}:
            try:
                found = atlas.find(name).feature.bits
            except AmbiguousNameError as error:
                addresses = [address for address, _ in error.meanings]
                assert "+".join(bits.plain for bits in feature.bits) in addresses or feature.mirror
            else:
                assert found == feature.bits or feature.mirror in found
