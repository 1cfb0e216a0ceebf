"""Guest CPU definitions of every dialect: any input is read or refused, and precedence holds."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from domain_lint import lint_host
from vcpuid.answers.lint import Basis, Text, lint_text
from vcpuid.errors import VcpuidError
from vcpuid.guest.libvirt import parse_domain
from vcpuid.guest.nova import NovaEntry, parse_nova
from vcpuid.guest.qemu import parse_arguments, parse_cpu
from vcpuid.rules.libvirt.map_reader import load_map
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.guest import CpuMode
from vcpuid.terms.place import Place

HERE = Place("here")
NAMES = st.sampled_from(["avx", "avx2", "sgx", "sse4.1"])
ASSIGNED = st.tuples(NAMES, st.sampled_from(["=on", "=off", "", "=yes", "=false"])).map("".join)
SIGNED = st.tuples(st.sampled_from("+-"), NAMES).map("".join)
OPTIONS = st.lists(st.one_of(ASSIGNED, SIGNED), max_size=6)
XML_PIECES = st.sampled_from(
    [
        *("<domain>", "</domain>", "<cpu>", "</cpu>", "<cpu mode='custom'>", "<cpu mode='x'>", "<model>m</model>"),
        *("<feature name='sgx'/>", "<feature policy='disable'/>", "<feature policy='?'/>", "<os/>", "<!-- -->"),
        *("<vcpu>4</vcpu>", "<topology sockets='2'/>", "<memory model='sgx-epc'/>", "<feature name='+SGX'/>"),
        *("<launchSecurity type='tdx'/>", "<?x y?>", "<!DOCTYPE d>", "&amp;", "&x;", "\0", "é", " ", "\n"),
    ]
)
XML = st.one_of(st.binary(), st.text(), st.lists(XML_PIECES, max_size=12).map("".join))
TEXTS = st.text(max_size=40)


@given(st.text(), OPTIONS)
def test_any_cpu_string_is_read(model: str, options: list[str]) -> None:
    argument = parse_cpu(",".join([model, *options]), HERE)
    assert argument.cpu.model is None or argument.cpu.mode is CpuMode.CUSTOM


def effective(options: list[str], name: str) -> bool | None:
    request = parse_cpu(",".join(["m", *options]), HERE).cpu.request_for(frozenset((name,)))
    return None if request is None else request.policy.asks


@given(OPTIONS, NAMES)
def test_minus_beats_plus_beats_the_last_assignment(options: list[str], name: str) -> None:
    assigned = [option for option in options if option.partition("=")[0] == name]
    if f"-{name}" in options:
        expected: bool | None = False
    elif f"+{name}" in options:
        expected = True
    else:
        expected = assigned[-1].partition("=")[2] not in ("off", "false") if assigned else None
    assert effective(options, name) is expected


@given(OPTIONS, NAMES, NAMES)
def test_options_for_other_features_change_nothing(options: list[str], name: str, other: str) -> None:
    if name != other:
        assert effective([*options, f"{other}=on", f"-{other}"], name) is effective(options, name)


@given(st.lists(OPTIONS, min_size=1, max_size=4))
def test_of_several_cpu_options_the_last_alone_counts(several: list[list[str]]) -> None:
    texts = [",".join(["m", *options]) for options in several]
    command = parse_arguments([word for text in texts for word in ("-cpu", text)], HERE)
    assert command.effective == parse_cpu(texts[-1], HERE)
    assert len(command.replaced) == len(texts) - 1


ARGUMENTS = st.sampled_from(
    ["-cpu", "--cpu", "-machine", "-M", "-accel", "-object", "{", "q35,accel=kvm", '{"a":']
)


@given(st.lists(st.one_of(TEXTS, ARGUMENTS)))
def test_any_command_line_is_read(arguments: list[str]) -> None:
    assert parse_arguments(arguments, HERE).place == HERE


@given(XML)
def test_any_xml_is_a_definition_or_an_error(text: str | bytes) -> None:
    try:
        definition = parse_domain(text, "web-1.xml")
    except VcpuidError:
        return
    assert definition.place.source == "web-1.xml"


@given(XML)
def test_any_xml_is_linted_or_an_error(text: str | bytes) -> None:
    raw = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    try:
        file = lint_text(Text(raw, "web-1.xml"), Basis(shipped_map(), (lint_host(),)))
    except VcpuidError:
        return
    assert all(finding.message and finding.mend for finding in file.findings)


@given(XML.filter(lambda text: isinstance(text, str)), st.text(max_size=8))
def test_any_map_is_one_or_an_error(text: str, number: str) -> None:
    index = "<cpus><arch name='x86'><include filename='f.xml'/></arch></cpus>"
    number = "".join(letter for letter in number if letter.isalnum())
    feature = f"<cpus><feature name='x'><cpuid eax_in='{number}' ebx='{number}'/></feature></cpus>"
    for features in (text, feature):
        with contextlib.suppress(VcpuidError):
            assert load_map({"index.xml": index, "f.xml": features}, "map").source == "map"


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["libvirt", "DEFAULT"]),
        st.sampled_from(["cpu_mode", "cpu_models", "cpu_model", "cpu_model_extra_flags", "virt_type"]),
        st.one_of(TEXTS, st.sampled_from(["host-model", "none", "custom", "kvm", "qemu", "-avx,+sgx", "a\nb"])),
    )
)


@given(ENTRIES)
def test_any_nova_conf_is_read_and_no_flag_is_lost(entries: list[tuple[str, str, str]]) -> None:
    nova = parse_nova([NovaEntry(*entry, Place("nova.conf", 1)) for entry in entries], Place("nova.conf"))
    assert not (nova.cpu.requests and nova.dropped)
    assert all(request.name == request.name.lower() for request in (*nova.cpu.requests, *nova.dropped))


@given(ENTRIES)
def test_the_last_setting_of_a_key_counts(entries: list[tuple[str, str, str]]) -> None:
    last = {(section, key): (section, key, value) for section, key, value in entries}
    place = Place("nova.conf", 1)
    whole = parse_nova([NovaEntry(*entry, place) for entry in entries], place)
    assert whole == parse_nova([NovaEntry(*entry, place) for entry in last.values()], place)
