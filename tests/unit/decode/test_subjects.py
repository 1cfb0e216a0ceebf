"""XSAVE, frequencies, SGX, tracing, sharing, counting, encryption, wide arithmetic, hypervisors, addresses."""

from __future__ import annotations

import pytest

from cpus import AUTHENTIC_AMD, HYPERV_LETTERS, HYPERVISOR, KVM_LETTERS, ONES, Rows, cpu, row
from vcpuid.decode.addresses import Addresses, decode_addresses
from vcpuid.decode.encryption import decode_sev, is_tdx_guest
from vcpuid.decode.frequency import decode_frequency
from vcpuid.decode.hypervisor import decode_hypervisor, scope_of
from vcpuid.decode.pmu import decode_pmu
from vcpuid.decode.pt import decode_pt
from vcpuid.decode.rdt import decode_rdt
from vcpuid.decode.sgx import EpcSection, decode_sgx, epc_sections
from vcpuid.decode.vectors import decode_amx, decode_avx10
from vcpuid.decode.xsave import decode_xsave
from vcpuid.terms.dump import Cpu

SGX_ROWS: Rows = {
    (7, 0): row(ebx=1 << 2),
    (0x12, 0): row(0x1, 0, 0, 0x241F),
    (0x12, 1): row(0x36, 0, 0x1F, 0),
    (0x12, 2): row(0x70200001, 0x1, 0x05D80001, 0),
}


# XSAVE


def test_xsave_areas_are_known_by_number() -> None:
    rows = {
        (0xD, 0): row(0x207, 2696, 2696, 0),
        (0xD, 1): row(0xF, 832, 0x800, 0),
        (0xD, 2): row(256, 576, 0, 0),
        (0xD, 9): row(8, 2688, 0, 0),  # there is no subleaf 3 to 8
        (0xD, 11): row(16, 0, 1, 0),
    }
    xsave = decode_xsave(cpu(rows))
    assert xsave is not None
    assert [(area.number, area.name) for area in xsave.areas] == [
        (0, "x87"),
        (1, "SSE"),
        (2, "AVX"),
        (9, "protection keys"),
        (11, "CET user"),
    ]
    assert (xsave.size_bytes, xsave.needed_bytes) == (2696, 2696)
    assert xsave.instructions == ("xsaveopt", "xsavec", "xgetbv1", "xsaves")
    assert xsave.areas[4].is_supervisor
    assert xsave.areas[4].offset_bytes is None


def test_the_size_told_may_not_be_the_size_needed() -> None:
    xsave = decode_xsave(cpu({(0xD, 0): row(7, 832, 1088), (0xD, 2): row(256, 576)}))
    assert xsave is not None
    assert (xsave.size_bytes, xsave.needed_bytes, xsave.xss) == (1088, 832, None)


def test_an_area_that_the_dump_lacks() -> None:
    xsave = decode_xsave(cpu({(0xD, 0): row(1 << 20 | 3, 576, 576)}))
    assert xsave is not None
    assert (xsave.areas[2].name, xsave.areas[2].size_bytes) == ("state 20", None)


@pytest.mark.parametrize("rows", [{}, {(0xD, 0): row()}])
def test_no_xsave(rows: Rows) -> None:
    assert decode_xsave(cpu(rows)) is None


# Frequencies


@pytest.mark.parametrize(
    ("clocks", "ratio", "signature", "tsc_hz", "tsc_from"),
    [
        (row(2400), row(2, 200, 24_000_000), 0x906EA, 2_400_000_000, "crystal"),
        (row(3600), row(2, 300, 0), 0x906EA, 3_600_000_000, "crystal of the model"),
        (row(2000), row(2, 160, 0), 0x706E5, 2_000_000_000, "base frequency"),
        (row(), row(2, 160, 0), 0x706E5, None, None),
        (row(2400), row(), 0x906EA, None, None),
        (row(2400), row(0, 200, 24_000_000), 0x906EA, None, None),
    ],
)
def test_the_time_stamp_counter(
    clocks: tuple[int, int, int, int],
    ratio: tuple[int, int, int, int],
    signature: int,
    tsc_hz: int | None,
    tsc_from: str | None,
) -> None:
    frequency = decode_frequency(cpu({(1, 0): row(signature), (0x15, 0): ratio, (0x16, 0): clocks}))
    assert frequency is not None
    assert (frequency.tsc_hz, frequency.tsc_from) == (tsc_hz, tsc_from)


@pytest.mark.parametrize(
    ("base_mhz", "ratio", "percent"),
    [(4300, 342, 4.8), (2600, 216, None), (0, 216, None)],
    ids=["Kaby Lake-X", "rounding", "no base"],
)
def test_base_and_counter_that_disagree(base_mhz: int, ratio: int, percent: float | None) -> None:
    one = cpu({(1, 0): row(0x906E9), (0x15, 0): row(2, ratio), (0x16, 0): row(base_mhz, 4500)})
    frequency = decode_frequency(one)
    assert frequency is not None
    assert frequency.disagreement_percent == percent


@pytest.mark.parametrize("rows", [{}, {(0x15, 0): row(), (0x16, 0): row()}])
def test_no_frequency(rows: Rows) -> None:
    assert decode_frequency(cpu(rows)) is None


# SGX


def test_sgx() -> None:
    sgx = decode_sgx(cpu(SGX_ROWS))
    assert sgx is not None
    assert sgx.attribute_names == ("debug", "mode64bit", "provisionkey", "einittoken_key")
    assert (sgx.xfrm, sgx.max_bytes_32, sgx.max_bytes_64) == (0x1F, 1 << 31, 1 << 36)
    assert sgx.sections == (EpcSection(0x1_70200000, 0x05D80000, "confidentiality, integrity and replay"),)


def test_sgx_without_its_bit_is_no_sgx() -> None:
    assert decode_sgx(cpu({**SGX_ROWS, (7, 0): row()})) is None


def test_epc_sections_that_nobody_asked_for() -> None:
    assert epc_sections(cpu({(0x12, 0): row(1), (0x12, 1): row()})) is None
    assert epc_sections(cpu({(0x12, 2): row()})) == ()


def test_endless_epc_sections_end() -> None:
    sections = epc_sections(cpu({(0x12, subleaf): row(1, 0, 0x1001) for subleaf in range(2, 900)}))
    assert sections is not None
    assert len(sections) == 62


def test_sizes_of_enclaves_that_make_no_sense() -> None:
    sgx = decode_sgx(cpu({(0x12, 0): row(ONES, ONES, ONES, ONES)}))
    assert sgx is not None
    assert (sgx.max_bytes_32, sgx.max_bytes_64, sgx.attributes, sgx.sections) == (None, None, None, None)


# Tracing, sharing, counting


def test_pt() -> None:
    pt = decode_pt(
        cpu({(7, 0): row(ebx=1 << 25), (0x14, 0): row(1, 0xF, 0x7), (0x14, 1): row(0x02490002, 0x003F3FFF)})
    )
    assert pt is not None
    assert (pt.address_ranges, pt.mtc_periods, pt.psb_frequencies) == (2, 0x249, 0x3F)
    assert "CR3 filter" in pt.abilities
    assert decode_pt(cpu({(7, 0): row(), (0x14, 0): row(1, 0xF, 0x7)})) is None


def test_rdt() -> None:
    rows = {
        (0xF, 0): row(0, 255, 0, 2),
        (0xF, 1): row(0, 65536, 143, 7),
        (0x10, 0): row(0, 0xA),
        (0x10, 1): row(10, 0x600, 4, 15),
        (0x10, 3): row(89, 0, 4, 7),
    }
    rdt = decode_rdt(cpu(rows))
    assert rdt is not None
    assert (rdt.rmids, rdt.counter_scale_bytes, len(rdt.events)) == (144, 65536, 3)
    assert [(share.cache, share.mask_bits, share.classes) for share in rdt.caches] == [("L3", 11, 16)]
    assert rdt.caches[0].has_code_and_data
    assert (rdt.bandwidth_classes, rdt.bandwidth_max_delay, rdt.is_bandwidth_linear) == (8, 90, True)


def test_rdt_of_amd() -> None:
    rdt = decode_rdt(cpu({(0x80000020, 0): row(ebx=2), (0x80000020, 1): row(11, 0, 0, 15)}, letters=AUTHENTIC_AMD))
    assert rdt is not None
    assert (rdt.bandwidth_classes, rdt.bandwidth_max_delay) == (16, None)
    assert decode_rdt(cpu({(0x10, 0): row(), (0xF, 0): row()})) is None


def test_pmu() -> None:
    pmu = decode_pmu(cpu({(0xA, 0): row(0x07300404, 0x8, 0, 0x603)}))
    assert pmu is not None
    assert (pmu.version, pmu.counters, pmu.counter_bits, pmu.fixed_counters) == (4, 4, 48, (0, 1, 2))
    assert "last-level cache references" not in pmu.events
    assert len(pmu.events) == 6


def test_pmu_with_its_own_leaf() -> None:
    rows = {(0xA, 0): row(0x08300805, 0, 0xF, 0x8604), (0x23, 0): row(0xB), (0x23, 1): row(0xFF, 0x17)}
    pmu = decode_pmu(cpu(rows))
    assert pmu is not None
    assert (pmu.counters, pmu.fixed_counters) == (8, (0, 1, 2, 4))


@pytest.mark.parametrize(("signature", "counters"), [(0x580, None), (0x630, 4)], ids=["K6", "K7"])
def test_amd_counts_since_the_k7(signature: int, counters: int | None) -> None:
    pmu = decode_pmu(cpu({(1, 0): row(signature), (0x80000001, 0): row()}, letters=AUTHENTIC_AMD))
    assert (pmu and pmu.counters) == counters


def test_pmu_of_amd() -> None:
    new = decode_pmu(cpu({(0x80000022, 0): row(1, 0x4106)}, letters=AUTHENTIC_AMD))
    old = decode_pmu(cpu({(1, 0): row(0x600F12), (0x80000001, 0): row(ecx=1 << 23)}, letters=AUTHENTIC_AMD))
    assert new is not None
    assert old is not None
    assert (new.version, new.counters, new.lbr_entries, new.northbridge_counters) == (2, 6, 16, 16)
    assert (old.version, old.counters) == (0, 6)
    assert decode_pmu(cpu({(0xA, 0): row()})) is None


# Encryption


def test_sev() -> None:
    sev = decode_sev(cpu({(0x8000001F, 0): row(0x1A, 0x173, 509, 1)}, letters=AUTHENTIC_AMD))
    assert sev is not None
    assert (sev.abilities, sev.c_bit, sev.lost_address_bits, sev.guests) == (
        ("sev", "sev-es", "sev-snp"),
        51,
        5,
        509,
    )
    assert decode_sev(cpu()) is None


def test_tdx() -> None:
    letters = (0x65746E49, 0x20202020, 0x5844546C)
    assert is_tdx_guest(cpu({(0x21, 0): (0, *letters)}))
    assert is_tdx_guest(cpu()) is False
    assert is_tdx_guest(Cpu(0, {})) is None


# Wide arithmetic


def test_amx() -> None:
    rows = {
        (7, 0): row(edx=1 << 24),
        (0x1D, 0): row(1),
        (0x1D, 1): row(0x04002000, 0x00080040, 16),
        (0x1E, 0): row(0, 0x4010),
    }
    amx = decode_amx(cpu(rows))
    assert amx is not None
    assert amx.palettes == ((1, 8192, 1024, 64, 8, 16),)
    assert (amx.multiplier_k, amx.multiplier_n_bytes) == (16, 64)
    assert decode_amx(cpu({**rows, (7, 0): row()})) is None


def test_avx10() -> None:
    rows = {(7, 1): row(edx=1 << 19), (0x24, 0): row(0, 0x00070001)}
    avx10 = decode_avx10(cpu(rows))
    assert avx10 is not None
    assert (avx10.version, avx10.vector_bits) == (1, (128, 256, 512))
    assert decode_avx10(cpu({(0x24, 0): row(0, 0x00070001)})) is None


# Hypervisors


def test_kvm() -> None:
    rows = {
        (1, 0): row(ecx=HYPERVISOR),
        (0x40000000, 0): (0x40000010, *KVM_LETTERS),
        (0x40000001, 0): row(0x01007EFB),
        (0x40000010, 0): row(2_400_000, 1_000_000),
    }
    hypervisor = decode_hypervisor(cpu(rows))
    assert hypervisor is not None
    assert (hypervisor.scope, hypervisor.title, hypervisor.speaks_hyperv) == ("kvm", "KVM", False)
    assert (hypervisor.tsc_hz, hypervisor.apic_hz) == (2_400_000_000, 1_000_000_000)


def test_kvm_behind_hyper_v() -> None:
    rows = {
        (1, 0): row(ecx=HYPERVISOR),
        (0x40000000, 0): (0x40000005, *HYPERV_LETTERS),
        (0x40000001, 0): row(int.from_bytes(b"Hv#1", "little")),
        (0x40000100, 0): (0x40000101, *KVM_LETTERS),
    }
    one = cpu(rows)
    hypervisor = decode_hypervisor(one)
    assert hypervisor is not None
    assert [interface.scope for interface in hypervisor.interfaces] == ["hyperv", "kvm"]
    assert (hypervisor.scope, hypervisor.speaks_hyperv) == ("kvm", True)
    assert (scope_of(one), scope_of(one, 0x40000101)) == ("hyperv", "kvm")


def test_a_hypervisor_that_nobody_knows() -> None:
    hypervisor = decode_hypervisor(
        cpu({(1, 0): row(ecx=HYPERVISOR), (0x40000000, 0): row(0x40000001, 0x41414141)})
    )
    assert hypervisor is not None
    assert (hypervisor.scope, hypervisor.interfaces[0].signature) == (None, "AAAA")


def test_bare_hardware() -> None:
    assert decode_hypervisor(cpu({(1, 0): row(), (0x40000000, 0): (0x40000001, *KVM_LETTERS)})) is None


# Addresses


def test_addresses() -> None:
    assert decode_addresses(cpu({(0x80000008, 0): row(0x3027)})) == Addresses(39, 48, None)
    assert decode_addresses(cpu({(0x80000008, 0): row(0x343930)})) == Addresses(48, 57, 52)
    assert decode_addresses(cpu({(0x80000008, 0): row()})) is None
