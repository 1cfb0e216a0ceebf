"""Domain XML: what it asks for, and what strangers may put into it."""

from __future__ import annotations

import pytest

from snapshots import domain_xml
from vcpuid.errors import InputError
from vcpuid.guest.libvirt import DomainDefinition, parse_domain, parse_xml, values
from vcpuid.terms.guest import Accelerator, Check, CpuMode, Policy

ARTICLE = """<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web-1</name>
  <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>
  <cpu mode='custom' match='exact' check='none'>
    <model fallback='allow'> Skylake-Client-IBRS </model>
    <!-- by hand -->
    <feature policy='require' name='sgx'/>
    <feature policy='disable' name='mpx'/>
    <feature name='sgx1'/>
  </cpu>
  <devices><emulator>/usr/libexec/qemu-kvm</emulator></devices>
  <launchSecurity type='sev-snp'/>
  <qemu:commandline>
    <qemu:arg value='-cpu'/>
    <qemu:arg value='Nehalem'/>
  </qemu:commandline>
</domain>"""


def parse(text: str | bytes) -> DomainDefinition:
    return parse_domain(text, "web-1.xml")


def refusal(text: str | bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.source == "web-1.xml"
    return caught.value


def test_everything_that_changes_the_cpu_is_read() -> None:
    definition = parse(ARTICLE)
    assert definition.name == "web-1"
    assert definition.accelerator is Accelerator.KVM
    assert definition.machine == "pc-i440fx-7.2"
    assert definition.emulator == "/usr/libexec/qemu-kvm"
    assert definition.cpu.check is Check.NONE
    assert definition.passthrough == ("-cpu", "Nehalem")
    assert definition.launch_security == "sev-snp"
    assert (definition.cpu.mode, definition.cpu.model) == (CpuMode.CUSTOM, "Skylake-Client-IBRS")


def test_each_request_has_its_policy_and_line() -> None:
    requests = parse(ARTICLE).cpu.requests
    assert [(request.name, request.policy, request.place.line) for request in requests] == [
        ("sgx", Policy.REQUIRE, 7),
        ("mpx", Policy.DISABLE, 8),
        ("sgx1", Policy.REQUIRE, 9),
    ]


@pytest.mark.parametrize(
    ("cpu", "mode"),
    [
        ("", CpuMode.DEFAULT),
        ("<cpu/>", CpuMode.DEFAULT),
        ("<cpu match='exact'/>", CpuMode.DEFAULT),
        ("<cpu><topology sockets='1'/></cpu>", CpuMode.DEFAULT),
        ("<cpu><model>qemu64</model></cpu>", CpuMode.CUSTOM),
        ("<cpu mode='host-model'/>", CpuMode.HOST_MODEL),
        ("<cpu mode='host-passthrough' migratable='off'/>", CpuMode.HOST_PASSTHROUGH),
        ("<cpu mode='maximum'/>", CpuMode.MAXIMUM),
    ],
)
def test_where_the_cpu_begins(cpu: str, mode: CpuMode) -> None:
    assert parse(domain_xml(cpu)).cpu.mode is mode


@pytest.mark.parametrize(
    ("type_", "accelerator"),
    [("kvm", Accelerator.KVM), ("qemu", Accelerator.TCG), ("xen", None), ("", None)],
)
def test_the_accelerator_is_the_domain_type(type_: str, accelerator: Accelerator | None) -> None:
    assert parse(domain_xml("", type_=type_)).accelerator is accelerator


def test_a_bare_cpu_element_will_do() -> None:
    definition = parse("<cpu mode='host-model'><feature policy='optional' name='sgx'/></cpu>")
    assert definition.cpu.mode is CpuMode.HOST_MODEL
    assert definition.cpu.requests[0].policy.asks


def test_a_text_of_one_line_has_no_lines() -> None:
    assert str(parse("<cpu><feature name='sgx'/></cpu>").cpu.requests[0].place) == "web-1.xml"


@pytest.mark.parametrize(
    "text", ["", "sgx", "<domain>", "<domain></cpu>", "<domain>\0</domain>", "\ud800", b"\xff<a/>"]
)
def test_what_is_not_well_formed(text: str | bytes) -> None:
    assert "not well-formed XML" in refusal(text).message


def test_the_line_of_a_fault_is_told() -> None:
    assert refusal("<domain>\n<cpu>\n</domain>\n").line == 3


@pytest.mark.parametrize("text", ["<domainCapabilities/>", "<html/>", "<x:domain xmlns:x='urn:x'/>"])
def test_what_is_no_domain(text: str) -> None:
    error = refusal(text)
    assert error.message == "not a domain XML"
    assert "virsh dumpxml" in (error.expected or "")


@pytest.mark.parametrize(
    ("cpu", "found"),
    [
        ("<cpu mode='host-modell'/>", "'host-modell'"),
        ("<cpu><feature policy='allow' name='sgx'/></cpu>", "'allow'"),
    ],
)
def test_an_unknown_value_is_named_with_its_line(cpu: str, found: str) -> None:
    error = refusal(f"<domain>\n{cpu}</domain>")
    assert (error.line, error.found) == (2, found)


LAUGHS = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 12))


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE domain><domain/>",
        "<!DOCTYPE domain SYSTEM 'http://127.0.0.1:9/x.dtd'><domain/>",
        "<!DOCTYPE domain [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><domain><name>&x;</name></domain>",
        f"<!DOCTYPE domain [<!ENTITY l0 'ha'>{LAUGHS}]><domain><name>&l11;</name></domain>",
        f"<!DOCTYPE domain [<!ENTITY l0 'ha'>{LAUGHS}]><domain><name a='&l11;'/></domain>",
        "<!DOCTYPE domain [<!ENTITY % x SYSTEM 'file:///etc/hostname'> %x;]><domain/>",
        "<domain><name>&undeclared;</name></domain>",
    ],
)
def test_entities_and_document_types_are_refused(text: str) -> None:
    error = refusal(text)
    assert "document type" in error.message or "not well-formed" in error.message
    assert "hahaha" not in str(error)


def test_a_tree_too_deep_is_refused() -> None:
    assert "not well-formed XML" in refusal("<domain>" + "<a>" * 10_000 + "</a>" * 10_000 + "</domain>").message


def test_a_text_too_large_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "SIZE_LIMIT_BYTES", 100)
    error = refusal("<domain>" + " " * 100)
    assert error.message == "too large for libvirt XML"
    assert (error.found, error.expected) == ("108 bytes", "at most 100")


def test_xml_is_read_from_bytes_in_its_own_encoding() -> None:
    raw = "<?xml version='1.0' encoding='utf-16'?><name>é</name>".encode("utf-16")
    assert parse_xml(raw, "x").text == "é"


def test_the_memory_of_a_guest_is_read() -> None:
    definition = parse(
        "<domain><maxMemory slots='2' unit='MiB'>512</maxMemory><memory>1024</memory><vcpu current='2'> 4 </vcpu>"
        "<devices><memory model='dimm'/><memory model='sgx-epc'><source><nodemask>0-1</nodemask></source>"
        "<target><size unit='MiB'>64</size><node>1</node></target></memory></devices></domain>"
    )
    assert (definition.max_vcpus, definition.memory_bytes) == (4, 1 << 20)
    assert definition.max_memory is not None
    assert (definition.max_memory.size_bytes, definition.max_memory.slots) == (512 << 20, 2)
    (section,) = definition.epc
    assert (section.size_bytes, section.host_nodes, section.guest_node) == (64 << 20, "0-1", 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<cpu mode='default'/>", "<cpu> has an unknown value"),
        ("<cpu migratable='yes'/>", "migratable of <cpu> has an unknown value"),
        ("<cpu><model fallback='no'>qemu64</model></cpu>", "fallback of <model> has an unknown value"),
        ("<domain><vcpu>four</vcpu></domain>", "the number of <vcpu> is no number"),
        ("<domain><memory>much</memory></domain>", "<memory> has no size"),
        ("<domain><devices><memory model='sgx-epc'/></devices></domain>", "without a size"),
    ],
)
def test_a_word_or_number_that_is_none_is_refused(text: str, message: str) -> None:
    assert message in str(refusal(text))
