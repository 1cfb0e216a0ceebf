"""The real libvirt takes the domain XML that we write, and writes the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from lxml import etree

from programs import needs_libvirt, virsh
from vcpuid.guest.libvirt import parse_domain, render_cpu, set_cpu, set_epc
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.guest import (
    AddressBits,
    CacheMode,
    Check,
    CpuMode,
    FeatureRequest,
    GuestCpu,
    Match,
    NumaCell,
    Policy,
    Topology,
)
from vcpuid.terms.place import Place

HERE = Place("here")
MIB = 1 << 20
SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
DOMAIN = """<domain type='kvm'>
  <name>{name}</name>
  <memory unit='MiB'>256</memory>
  <vcpu>4</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
  </os>
  <clock offset='utc'/>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
  </devices>
</domain>
"""


# With all that libvirt itself adds, so that it has nothing to add.
NAMED = GuestCpu(CpuMode.CUSTOM, "Skylake-Client", (), HERE, check=Check.PARTIAL, fallback=True)
PASSTHROUGH = GuestCpu(CpuMode.HOST_PASSTHROUGH, None, (), HERE, migratable=True, check=Check.NONE)


def requests(**policies: Policy) -> tuple[FeatureRequest, ...]:
    return tuple(FeatureRequest(name.replace("_", "-"), policy, HERE) for name, policy in policies.items())


CPUS = {
    "a model": NAMED,
    "no fallback": replace(NAMED, fallback=False, check=Check.FULL),
    "all policies": replace(
        NAMED,
        requests=requests(
            sgx=Policy.REQUIRE,
            avx=Policy.FORCE,
            avx2=Policy.OPTIONAL,
            mpx=Policy.DISABLE,
            vmx=Policy.FORBID,
        ),
    ),
    "a vendor": replace(NAMED, vendor="Intel", vendor_id="KVMKVMKVMKVM"),
    "a vendor's letters with a mark to escape": replace(NAMED, vendor_id="a<b&c'd>e\"fg"),
    "a minimum": replace(NAMED, match=Match.MINIMUM),
    "a strict match": replace(NAMED, model="qemu64", match=Match.STRICT, check=Check.NONE),
    "a topology": replace(NAMED, topology=Topology(1, 2, 2)),
    "a third level of cache": replace(NAMED, cache=CacheMode("emulate", 3)),
    "the address's width": replace(NAMED, address_bits=AddressBits("emulate", 42)),
    "NUMA nodes": replace(NAMED, cells=(NumaCell(0, "0-1", 128 * MIB), NumaCell(1, "2-3", 128 * MIB))),
    "all at once": replace(
        NAMED,
        vendor="Intel",
        topology=Topology(1, 2, 2),
        cache=CacheMode("disable"),
        address_bits=AddressBits("passthrough"),
        requests=requests(sgx=Policy.REQUIRE, avx512f=Policy.DISABLE),
        cells=(NumaCell(0, "0-3", 256 * MIB),),
    ),
    "host-model": GuestCpu(CpuMode.HOST_MODEL, None, requests(mpx=Policy.DISABLE), HERE, check=Check.PARTIAL),
    "host-passthrough": PASSTHROUGH,
    "host-passthrough as it is": replace(
        PASSTHROUGH,
        migratable=False,
        cache=CacheMode("passthrough"),
        requests=requests(sgx=Policy.REQUIRE, invtsc=Policy.REQUIRE),
    ),
    "maximum": replace(PASSTHROUGH, mode=CpuMode.MAXIMUM, topology=Topology(4, 1, 1)),
}


@contextmanager
def defined(text: str, folder: Path) -> Iterator[str]:
    """Define a domain that its schema allows, and give the XML that libvirt makes of it."""
    path = folder / "domain.xml"
    path.write_text(text, encoding="utf-8")
    name = parse_domain(text, "domain.xml").name
    done = virsh("define", "--validate", path)
    assert done.returncode == 0, f"{done.stderr}\n{text}"
    try:
        yield virsh("dumpxml", "--inactive", name).stdout
    finally:
        virsh("undefine", name)


def new_domain() -> str:
    return DOMAIN.format(name=f"vcpuid-test-{uuid4()}")


def cpu_lines(text: str) -> str:
    """The <cpu> of a domain, moved to the margin, less the clusters='1' of libvirt 11.3, which 9.0 refuses."""
    found = re.search(r"^  <cpu[^>]*/>$|^  <cpu.*?^  </cpu>$", text, re.MULTILINE | re.DOTALL)
    assert found, text
    return re.sub(r"^  ", "", found[0], flags=re.MULTILINE).replace(" clusters='1'", "")


@needs_libvirt()
@pytest.mark.parametrize("name", CPUS)
def test_libvirt_takes_and_writes_the_same_cpu(name: str, tmp_path: Path) -> None:
    cpu = CPUS[name]
    with defined(set_cpu(new_domain(), cpu, "domain.xml"), tmp_path) as dumped:
        assert cpu_lines(dumped) == render_cpu(cpu)
        # And its whole XML, with all that libvirt put in, is edited without a change.
        assert set_cpu(dumped, parse_domain(dumped, "dumped").cpu, "dumped") == dumped


@needs_libvirt()
def test_libvirt_takes_a_domain_of_its_own_with_another_cpu(tmp_path: Path) -> None:
    before, after = CPUS["all at once"], CPUS["all policies"]
    with defined(set_cpu(new_domain(), before, "domain.xml"), tmp_path) as dumped:
        edited = set_cpu(dumped, after, "dumped")
    with defined(edited, tmp_path) as dumped:
        assert cpu_lines(dumped) == render_cpu(after)
        assert set_cpu(dumped, before, "dumped") == set_cpu(edited, before, "edited")


@pytest.mark.skipif(not SCHEMA.exists(), reason=f"needs {SCHEMA} (Debian package libvirt0)")
@pytest.mark.parametrize("name", CPUS)
def test_the_schema_allows_it_with_epc(name: str) -> None:
    sections = [EpcSection(64 * MIB, "0-1", 0, HERE), EpcSection(32 * MIB, None, None, HERE)]
    text = set_epc(set_cpu(new_domain(), CPUS[name], "domain.xml"), sections, "domain.xml")
    etree.RelaxNG(file=str(SCHEMA)).assertValid(etree.fromstring(text.encode()))


@needs_libvirt()
def test_libvirt_has_nothing_against_our_epc_but_the_hardware(tmp_path: Path) -> None:
    text = set_cpu(new_domain(), CPUS["NUMA nodes"], "domain.xml")
    path = tmp_path / "domain.xml"
    path.write_text(set_epc(text, [EpcSection(64 * MIB, "0", 0, HERE)], "domain.xml"))
    done = virsh("define", "--validate", path)
    if done.returncode == 0:
        virsh("undefine", parse_domain(text, "domain.xml").name)
    else:
        assert "sgx epc isn't supported by this QEMU binary" in done.stderr
