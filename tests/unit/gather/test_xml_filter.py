"""XML reduced while it is parsed."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcpuid.gather.allow_xml import CAPABILITIES, DOMAIN, DOMAIN_CAPABILITIES
from vcpuid.gather.xml_filter import WHOLE, Element, RefusedXMLError, filter_xml

RULE = Element(children={"a": Element("x", {"b": Element(text=True), "c": Element()})})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<a x='1' y='2'>gone<b z='3'>kept</b><d><b>gone</b></d></a>", '<a x="1"><b>kept</b></a>'),
        ("<a>\n  <b>\n t </b>\n  <c/>\n</a>", "<a><b>t</b><c/></a>"),
        ("<a><!-- gone --><b>1<!-- gone -->2</b></a>", "<a><b>12</b></a>"),
        ("<a x='&quot;&lt;'><b>&lt;&amp;</b></a>", "<a x='\"&lt;'><b>&lt;&amp;</b></a>"),
        ("<other><a/></other>", ""),
        ("<a/>", "<a/>"),
    ],
)
def test_only_what_the_rule_names_stays(text: str, kept: str) -> None:
    assert filter_xml(text, RULE) == kept


def test_the_whole_below_an_element() -> None:
    text = "<cpus><!-- licence -->\n  <feature name='sgx'>\n    <cpuid eax_in='0x07'/>\n  </feature>\n</cpus>\n"
    assert filter_xml(text, WHOLE) == '<cpus><feature name="sgx"><cpuid eax_in="0x07"/></feature></cpus>'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "document type"),
        ("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "document type"),
        ("<a>" * 100 + "</a>" * 100, "deeper than 64"),
        ("<a>", "no well-formed XML"),
        ("", "no well-formed XML"),
        ("<a>&undefined;</a>", "no well-formed XML"),
        ("x" * (9 * 1024 * 1024), "larger than"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(RefusedXMLError, match=why):
        filter_xml(text, RULE)


@given(st.text(max_size=200))
def test_any_text_is_filtered_or_refused(text: str) -> None:
    try:
        filter_xml(text, WHOLE)
    except RefusedXMLError:
        return
    ET.fromstring(filter_xml(text, WHOLE))  # noqa: S314 - the filter's own output


def test_a_command_line_in_a_domain_is_filtered_in_order() -> None:
    text = """<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
      <qemu:commandline>
        <qemu:arg value='-cpu'/><qemu:arg value='host,sgx=on'/>
        <qemu:arg value='-fw_cfg'/><qemu:arg value='name=opt/x,string=hunter2'/>
        <qemu:env name='SECRET' value='hunter2'/>
        <qemu:arg value='-object'/><qemu:arg value='memory-backend-epc,id=m,size=1M'/>
      </qemu:commandline></domain>"""
    assert filter_xml(text, DOMAIN) == (
        '<domain type="kvm" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"><qemu:commandline>'
        '<qemu:arg value="-cpu"/><qemu:arg value="host,sgx=on"/>'
        '<qemu:arg value="-object"/><qemu:arg value="memory-backend-epc,id=m,size=1M"/>'
        "</qemu:commandline></domain>"
    )


def test_what_makes_a_domains_cpu_stays() -> None:
    text = (
        '<domain type="kvm" id="3"><name>web-1</name><uuid>1</uuid><maxMemory slots="4" unit="KiB">9</maxMemory>'
        '<memory unit="KiB">8</memory><vcpu placement="static" current="1">2</vcpu>'
        '<os><type arch="x86_64" machine="pc-q35-7.2">hvm</type></os>'
        '<features><acpi/><hyperv mode="custom"><relaxed state="on"/><vendor_id state="on" value="x"/></hyperv>'
        '<kvm><hidden state="on"/></kvm><pmu state="off"/><ioapic driver="qemu"/></features>'
        '<cpu mode="custom" match="exact" check="partial"><model fallback="allow">Haswell</model>'
        '<vendor>Intel</vendor><topology sockets="1" dies="1" cores="2" threads="1"/>'
        '<maxphysaddr mode="emulate" bits="42"/>'
        '<feature policy="require" name="sgx"/><numa><cell id="0" cpus="0-1" memory="8" unit="KiB"/></numa></cpu>'
        '<clock offset="utc"><timer name="kvmclock" present="no"/></clock>'
        '<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><memory model="sgx-epc"><source>'
        '<nodemask>0</nodemask></source><target><size unit="KiB">65536</size></target></memory></devices>'
        '<launchSecurity type="sev"><cbitpos>47</cbitpos><policy>0x3</policy></launchSecurity></domain>'
    )
    assert filter_xml(text, DOMAIN) == text


def test_a_sev_hosts_chip_identity_goes() -> None:
    text = (
        "<domainCapabilities><path>/q</path><features><sev supported='yes'><cbitpos>47</cbitpos>"
        "<cpu0Id>hunter2</cpu0Id></sev>"
        "<sgx supported='yes'><section_size unit='KiB'>2</section_size></sgx></features>"
        "<devices><disk/></devices></domainCapabilities>"
    )
    assert filter_xml(text, DOMAIN_CAPABILITIES) == (
        '<domainCapabilities><path>/q</path><features><sev supported="yes"><cbitpos>47</cbitpos></sev>'
        '<sgx supported="yes"><section_size unit="KiB">2</section_size></sgx></features></domainCapabilities>'
    )


def test_of_capabilities_only_the_cpu_stays() -> None:
    text = "<capabilities><host><uuid>hunter2</uuid><cpu><model>x</model></cpu></host><guest/></capabilities>"
    assert (
        filter_xml(text, CAPABILITIES) == "<capabilities><host><cpu><model>x</model></cpu></host></capabilities>"
    )
