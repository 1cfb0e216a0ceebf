"""Editing a domain XML: where new parts go, what stays, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vcpuid.errors import InputError, UsageError
from vcpuid.guest.libvirt import parse_domain, render_cpu, set_cpu, set_epc
from vcpuid.guest.libvirt.spans import SpannedText
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, NumaCell, Policy, Topology
from vcpuid.terms.place import Place

HERE = Place("here")
MIB = 1 << 20
SGX = FeatureRequest("sgx", Policy.REQUIRE, HERE)
CPU = GuestCpu(CpuMode.CUSTOM, "Skylake-Client", (SGX,), HERE)
WRITTEN = """<cpu mode='custom' match='exact'>
  <model>Skylake-Client</model>
  <feature policy='require' name='sgx'/>
</cpu>"""
DOMAIN = """<?xml version="1.0"?>
<!-- ours -->
<domain type="kvm">
  <name>web-1</name>
  <memory unit="GiB">1</memory>
  <cpu mode="custom"   deprecated_features='off'>
    <!-- the oldest host -->
    <model fallback="forbid">qemu64</model> <!-- not Skylake -->
    <feature policy="require" name="avx"/>

    <feature name="vmx" more="1"/>
    <numa>
      <cell id="0" cpus="0-3" memory="1" unit="GiB" memAccess="shared"/>
    </numa>
  </cpu>
  <clock offset='utc'/>
  <devices>
    <memory model="dimm"><target><size>1</size></target></memory>
  </devices>
</domain>
"""


def cpu() -> GuestCpu:
    return parse_domain(DOMAIN, "web-1.xml").cpu


def test_a_cpu_is_written_as_libvirt_writes_it() -> None:
    assert render_cpu(CPU) == WRITTEN


def test_only_the_changed_policy_is_written_anew() -> None:
    avx, vmx = cpu().requests
    edited = set_cpu(DOMAIN, replace(cpu(), requests=(avx, replace(vmx, policy=Policy.DISABLE))), "web-1.xml")
    assert edited == DOMAIN.replace('name="vmx" more="1"/>', 'name="vmx" more="1" policy=\'disable\'/>')


def test_a_feature_goes_to_its_place_and_another_leaves() -> None:
    avx, _ = cpu().requests
    edited = set_cpu(DOMAIN, replace(cpu(), requests=(SGX, avx)), "web-1.xml")
    expected = DOMAIN.replace(
        '    <feature policy="require" name="avx"/>\n\n    <feature name="vmx" more="1"/>\n',
        "    <feature policy='require' name='sgx'/>\n    <feature policy=\"require\" name=\"avx\"/>\n",
    )
    # The remark behind the model stays on its line.
    assert edited == expected


def test_a_new_element_stands_where_libvirt_has_it() -> None:
    edited = set_cpu(DOMAIN, replace(cpu(), topology=Topology(1, 2, 2)), "web-1.xml")
    lines = edited.splitlines()
    index = lines.index("    <topology sockets='1' dies='1' cores='2' threads='2'/>")
    assert lines[index - 1].endswith("<!-- not Skylake -->")
    assert lines[index + 1] == '    <feature policy="require" name="avx"/>'


def test_a_size_changes_with_its_unit() -> None:
    edited = set_cpu(DOMAIN, replace(cpu(), cells=(NumaCell(0, "0-3", 512 * MIB),)), "web-1.xml")
    assert edited == DOMAIN.replace('memory="1" unit="GiB" memAccess', 'memory="524288" unit="KiB" memAccess')


def test_another_mode_takes_the_model_away_and_leaves_what_we_do_not_know() -> None:
    edited = set_cpu(DOMAIN, GuestCpu(CpuMode.HOST_MODEL, None, (), HERE), "web-1.xml")
    assert "<cpu mode=\"host-model\"   deprecated_features='off'>\n    <!-- the oldest host -->" in edited
    assert "<model" not in edited
    assert "<!-- not Skylake -->" in edited


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<cpu/>", WRITTEN.replace("\n  ", "").replace("\n", "")),
        ("<cpu>\n</cpu>", WRITTEN),
        ("<domain/>", f"<domain>{WRITTEN}</domain>".replace("\n  ", "").replace("\n", "")),
        (
            "<domain>\r\n  <os/>\r\n  <devices/>\r\n</domain>",
            f"<domain>\n  <os/>\n  {WRITTEN}\n  <devices/>\n</domain>".replace("\n  <mo", "\n    <mo")
            .replace("\n  <fe", "\n    <fe")
            .replace("\n</cpu", "\n  </cpu")
            .replace("\n", "\r\n"),
        ),
    ],
)
def test_a_cpu_is_put_in_where_there_was_none(text: str, expected: str) -> None:
    assert set_cpu(text, CPU, "web-1.xml") == expected


def test_epc_comes_with_the_memory_that_it_needs() -> None:
    edited = set_epc(
        DOMAIN, [EpcSection(64 * MIB, "0-1", 0, HERE), EpcSection(4095, None, None, HERE)], "web-1.xml"
    )
    definition = parse_domain(edited, "web-1.xml")
    assert [(section.size_bytes, section.host_nodes, section.guest_node) for section in definition.epc] == [
        (64 * MIB, "0-1", 0),
        (4095, None, None),
    ]
    assert definition.max_memory is not None
    assert (definition.max_memory.size_bytes, definition.max_memory.slots) == ((1024 + 64) * MIB + 4095, 2)
    assert "  <name>web-1</name>\n  <maxMemory slots='2' unit='bytes'>" in edited
    assert (
        "<memory model=\"dimm\"><target><size>1</size></target></memory>\n    <memory model='sgx-epc'>" in edited
    )


def test_epc_is_changed_in_its_place_and_taken_away() -> None:
    first = set_epc(DOMAIN, [EpcSection(64 * MIB, None, None, HERE)], "web-1.xml")
    changed = set_epc(first, [EpcSection(32 * MIB, None, None, HERE)], "web-1.xml")
    assert changed == first.replace(">65536</size>", ">32768</size>")
    assert set_epc(changed, [], "web-1.xml") == first.replace(
        first[first.index("\n    <memory model='sgx-epc'") : first.index("\n  </devices>")], ""
    )


def test_what_stands_twice_is_refused() -> None:
    text = "<cpu><model>a</model>\n<model>b</model></cpu>"
    with pytest.raises(InputError, match="<model> stands more than once") as caught:
        set_cpu(text, CPU, "web-1.xml")
    assert (caught.value.source, caught.value.line) == ("web-1.xml", 2)


def test_epc_needs_a_whole_domain() -> None:
    with pytest.raises(InputError, match="no <devices> or <memory>"):
        set_epc("<cpu/>", [EpcSection(MIB, None, None, HERE)], "web-1.xml")


def test_a_name_that_no_xml_can_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="a character that no XML can hold"):
        render_cpu(replace(CPU, model="a\0b"))


def test_a_text_that_ends_too_early_is_told_with_its_line() -> None:
    with pytest.raises(InputError, match=r"^web-1\.xml:2: not well-formed XML: no element found$"):
        SpannedText("<domain>\n", "web-1.xml")
