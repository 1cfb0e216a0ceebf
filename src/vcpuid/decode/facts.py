"""All typed facts of one logical CPU."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.decode.addresses import Addresses, decode_addresses
from vcpuid.decode.caches import Cache, TraceCache, decode_caches, decode_trace_cache
from vcpuid.decode.cores import CoreKind, decode_core_kind
from vcpuid.decode.descriptors import Descriptor, decode_descriptors
from vcpuid.decode.encryption import Sev, decode_sev, is_tdx_guest
from vcpuid.decode.errata import Erratum, decode_errata, mend
from vcpuid.decode.features import decode_features, decode_msr_features
from vcpuid.decode.frequency import Frequency, decode_frequency
from vcpuid.decode.hypervisor import Hypervisor, decode_hypervisor
from vcpuid.decode.identity import Identity, decode_identity
from vcpuid.decode.levels import Level, decode_level
from vcpuid.decode.pmu import Pmu, decode_pmu
from vcpuid.decode.pt import Pt, decode_pt
from vcpuid.decode.rdt import Rdt, decode_rdt
from vcpuid.decode.sgx import Sgx, decode_sgx
from vcpuid.decode.tlbs import Tlb, decode_tlbs
from vcpuid.decode.topology import Topology, decode_topology
from vcpuid.decode.vectors import Amx, Avx10, decode_amx, decode_avx10
from vcpuid.decode.xsave import Xsave, decode_xsave
from vcpuid.terms.dump import Cpu


class Facts(NamedTuple):
    """What the registers of one CPU mean; None where the CPU has no such thing or the dump does not tell.

    Known errata of the CPU are mended before anything is decoded, and told in `errata`.
    """

    identity: Identity
    errata: tuple[Erratum, ...]
    core_kind: CoreKind | None
    level: Level
    topology: Topology
    addresses: Addresses | None
    frequency: Frequency | None
    hypervisor: Hypervisor | None
    caches: tuple[Cache, ...]
    trace_cache: TraceCache | None
    tlbs: tuple[Tlb, ...]
    descriptors: tuple[Descriptor, ...]
    xsave: Xsave | None
    sgx: Sgx | None
    pt: Pt | None
    rdt: Rdt | None
    pmu: Pmu | None
    sev: Sev | None
    is_tdx_guest: bool | None
    amx: Amx | None
    avx10: Avx10 | None
    features: tuple[str, ...]
    msr_features: tuple[str, ...]


def decode_facts(cpu: Cpu) -> Facts:
    """Decode everything that one CPU tells."""
    errata = decode_errata(cpu)
    cpu = mend(cpu, errata)
    features = decode_features(cpu)
    return Facts(
        identity=decode_identity(cpu),
        errata=errata,
        core_kind=decode_core_kind(cpu),
        level=decode_level(features),
        topology=decode_topology(cpu),
        addresses=decode_addresses(cpu),
        frequency=decode_frequency(cpu),
        hypervisor=decode_hypervisor(cpu),
        caches=decode_caches(cpu),
        trace_cache=decode_trace_cache(cpu),
        tlbs=decode_tlbs(cpu),
        descriptors=decode_descriptors(cpu),
        xsave=decode_xsave(cpu),
        sgx=decode_sgx(cpu),
        pt=decode_pt(cpu),
        rdt=decode_rdt(cpu),
        pmu=decode_pmu(cpu),
        sev=decode_sev(cpu),
        is_tdx_guest=is_tdx_guest(cpu),
        amx=decode_amx(cpu),
        avx10=decode_avx10(cpu),
        features=features,
        msr_features=decode_msr_features(cpu),
    )
