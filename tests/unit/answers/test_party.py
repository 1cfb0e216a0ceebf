"""Hosts and guests, by whichever document speaks for them."""

from __future__ import annotations

import json

import pytest

from snapshots import Data, cpu_map, cpuid, document, domain_capabilities, domain_xml, kvm, libvirt, row, rows
from vcpuid.answers.party import Basis, Party, read_parties
from vcpuid.errors import InputError

CPU = "<cpu mode='custom'><model>Skylake-Client</model></cpu>"
HOST_CPU = "<cpu><arch>x86_64</arch><model>Skylake-Client</model><vendor>Intel</vendor></cpu>"
RAW = {"cpuid": cpuid(rows(_7_0=row(ebx=1 << 5)))}


def read(text: str) -> tuple[Party, ...]:
    return read_parties(text.encode(), "file")


def of_snapshot(**sources: Data) -> Party:
    (party,) = read(json.dumps(document(**sources)))
    return party


class TestXml:
    def test_a_guests_cpu(self) -> None:
        (party,) = read(CPU)
        assert (party.name, party.basis, party.is_guest) == ("file", Basis.DEFINITION, True)

    def test_a_hosts_cpu(self) -> None:
        (party,) = read(HOST_CPU)
        assert (party.basis, party.is_guest) == (Basis.DEFINITION, False)

    def test_a_domain_has_its_name(self) -> None:
        (party,) = read(domain_xml(CPU))
        assert (party.name, party.is_guest) == ("web-1", True)

    def test_domain_capabilities(self) -> None:
        xml = domain_capabilities("<model>Skylake-Client</model>")["xml"]
        (party,) = read(f"<?xml version='1.0'?>\n{xml}")
        assert (party.basis, party.is_guest) == (Basis.HOST_MODEL, False)
        assert party.cpu is not None
        assert party.cpu.model == "Skylake-Client"

    def test_capabilities_describe_cpuid_alone(self) -> None:
        (party,) = read(f"<capabilities><host>{HOST_CPU}</host></capabilities>")
        assert (party.basis, party.is_guest) == (Basis.CPUID, False)

    def test_several_in_one_file_are_named_by_their_lines(self) -> None:
        names = [party.name for party in read(f"{CPU}\n\n{HOST_CPU}\n<!-- the last -->\n{CPU}")]
        assert names == ["file:1", "file:3", "file:5"]

    def test_several_on_one_line_are_numbered_too(self) -> None:
        assert [party.name for party in read(f"{CPU}{CPU}\n{CPU}")] == ["file:1#1", "file:1#2", "file:2"]

    def test_snapshots_in_lines_as_collect_prints_them(self) -> None:
        snapshot = json.dumps(document(libvirt=libvirt("<model>Skylake</model>", map_=cpu_map())))
        assert [party.basis for party in read(f"{snapshot}\n\n{snapshot}\n")] == [Basis.HOST_MODEL] * 2
        with pytest.raises(InputError, match=r"^file:2: "):
            read(f"{snapshot}\n{{}}\n")

    def test_an_element_without_its_end(self) -> None:
        with pytest.raises(InputError, match="cpu line 1 and file"):
            read("<cpu>")

    def test_cpudata(self) -> None:
        leaf = "<cpuid eax_in='0x1' ecx_in='0x0' eax='0x1' ebx='0x0' ecx='0x0' edx='0x0'/>"
        (party,) = read(f"<cpudata arch='x86'>{leaf}</cpudata>")
        assert (party.basis, len(party.cpus)) == (Basis.CPUID, 1)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("<html/>", "no CPU in this XML"),
            ("<domainCapabilities/>", "no host-model"),
            ("<capabilities><host/></capabilities>", "no <cpu> in <host>"),
            ("<cpu", "not well-formed"),
            ("<!-- nothing -->", "no element"),
            ("<!DOCTYPE cpu [<!ENTITY a 'b'>]><cpu/>", "not well-formed"),
        ],
    )
    def test_what_is_none_is_refused(self, text: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            read(text)


class TestSnapshots:
    def test_domain_capabilities_come_first(self) -> None:
        party = of_snapshot(**RAW, kvm=kvm(rows()), libvirt=libvirt("<model>Skylake</model>", map_=cpu_map()))
        assert (party.name, party.basis) == ("h07", Basis.HOST_MODEL)
        assert party.map_features is not None
        assert "sgx" in party.map_features

    def test_then_kvms_list(self) -> None:
        assert of_snapshot(**RAW, kvm=kvm(rows())).basis is Basis.KVM

    def test_then_cpuid(self) -> None:
        assert of_snapshot(**RAW).basis is Basis.CPUID

    def test_nothing_is_an_error(self) -> None:
        with pytest.raises(InputError, match="tells nothing of this host's CPU"):
            of_snapshot()


def test_a_dump_is_an_upper_bound() -> None:
    (party,) = read("CPU 0:\n   0x00000001 0x00: eax=0x00000001 ebx=0x00000000 ecx=0x00000000 edx=0x00000000\n")
    assert party.basis is Basis.CPUID
    assert not party.basis.is_safe
