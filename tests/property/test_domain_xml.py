"""Domain XML, written and edited: what is written reads back, and an edit touches nothing else."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from definitions import HERE, without_places
from vcpuid.errors import UsageError, VcpuidError
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

SOURCE = "web-1.xml"
# What XML can hold; elements' texts are read without the blanks around them.
LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
TEXTS = st.text(LETTERS | st.sampled_from("\n\t\r<>&'\""), max_size=8).filter(
    lambda text: not re.search("[\ufdd0-\ufdef]|[\\ufffe\\uffff]", text)
)
WORDS = TEXTS.filter(lambda text: text and text == text.strip())
COUNTS = st.integers(1, 10**9 - 1)
POLICIES = st.sampled_from(Policy)
NAMES = st.one_of(st.sampled_from(["avx", "avx2", "sgx", "sse4.1", "vmx"]), TEXTS)
REQUESTS = st.lists(st.builds(FeatureRequest, NAMES, POLICIES, st.just(HERE)), max_size=5).map(tuple)
CELLS = st.builds(NumaCell, st.none() | st.integers(0, 9), st.none() | TEXTS, st.integers(0, 1 << 40))
OPTIONAL = {
    "requests": REQUESTS,
    "place": st.just(HERE),
    "migratable": st.none() | st.booleans(),
    "match": st.sampled_from(Match),
    "check": st.none() | st.sampled_from(Check),
    "fallback": st.none() | st.booleans(),
    "vendor": st.none() | WORDS,
    "vendor_id": st.none() | TEXTS,
    "topology": st.none() | st.builds(Topology, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
    "cache": st.none() | st.builds(CacheMode, TEXTS, st.none() | COUNTS),
    "address_bits": st.none() | st.builds(AddressBits, TEXTS, st.none() | COUNTS, st.none() | COUNTS),
    "cells": st.lists(CELLS, max_size=3).map(tuple),
}
MODELS = st.none() | WORDS
WRITTEN_MODES = st.sampled_from([mode for mode in CpuMode if mode is not CpuMode.DEFAULT])
GUESTS = st.one_of(
    st.builds(GuestCpu, WRITTEN_MODES, MODELS, **OPTIONAL),
    st.builds(GuestCpu, st.just(CpuMode.DEFAULT), st.none(), **OPTIONAL),
)
HOSTS = st.builds(replace, st.builds(GuestCpu, st.just(CpuMode.CUSTOM), WORDS, **OPTIONAL), arch=WORDS)
SECTIONS = st.lists(
    st.builds(EpcSection, st.integers(0, 1 << 40), st.none() | WORDS, st.none() | COUNTS, st.just(HERE)),
    max_size=3,
)

# A domain as people write it: our elements among others, comments, blanks, both kinds of quotes.
PIECES = st.sampled_from(
    [
        *(
            "",
            "\n    ",
            "  ",
            "<!-- kept -->",
            "\n<other/>",
            "<other a='1'><cpu/></other>",
            "<x:cpu xmlns:x='u'/>",
        ),
        *(
            "<feature name='avx'/>",
            '<feature  policy = "disable" name="sgx" more="&lt;2>"/>',
            "<feature name=''/>",
        ),
    ]
)
SINGLES = st.lists(
    st.sampled_from(
        [
            *("<model>qemu64</model>", "<vendor/>", "\n    <topology sockets='2' cores='1' threads='1'/>"),
            *("<cache mode='disable' kept='1'></cache>", "<maxphysaddr mode='emulate' bits='42'/>"),
            "<numa>\n<cell id='0' memory='1' unit='GiB'><distances/></cell><cell memory='9'/></numa>",
        ]
    ),
    unique=True,
)
CPUS = st.builds(
    lambda attributes, pieces, singles: f"<cpu{attributes}>{''.join([*pieces, *singles, *pieces])}</cpu>",
    st.sampled_from(["", " mode='custom'", " check=\"none\" deprecated_features='off'", " mode='host-model' "]),
    st.lists(PIECES, max_size=4),
    SINGLES,
)
DOMAINS = st.builds(
    lambda before, cpu, after: (
        f"<domain type='kvm'>{before}<memory>1024</memory>{before}{cpu}{after}"
        "<devices><disk/><memory model='sgx-epc'><target><size unit='MiB'>1</size></target></memory></devices>"
        "\n</domain>\n"
    ),
    st.sampled_from(["", "\n  ", "\r\n\t", "<!-- <cpu/> -->"]),
    st.one_of(CPUS, st.sampled_from(["", "<cpu/>", "<cpu ></cpu>", "<cpu mode='maximum'/>"])),
    st.sampled_from(["", "\n  <clock offset='utc'/>", "<!-- é -->"]),
)


def cpu_in(text: str) -> GuestCpu:
    return without_places(parse_domain(text, SOURCE).cpu)


def sections_in(text: str) -> list[EpcSection]:
    return [replace(section, place=HERE) for section in parse_domain(text, SOURCE).epc]


def unknown_of(text: str) -> list[str]:
    """All that we do not know, in its order: comments, elements and attributes of others."""
    found = []
    for element in etree.fromstring(text.encode()).iter():
        if not isinstance(element.tag, str):
            found.append(f"<!--{element.text}-->")
        elif element.tag in ("other", "clock", "disk") or "}" in element.tag:
            found.append(etree.tostring(element, with_tail=False).decode())
        found += [f"{name}={element.get(name)}" for name in ("deprecated_features", "type") if element.get(name)]
    return found


@given(st.one_of(GUESTS, HOSTS))
def test_what_is_written_reads_back(cpu: GuestCpu) -> None:
    assert cpu_in(render_cpu(cpu)) == cpu


@given(DOMAINS)
def test_a_domain_with_its_own_cpu_stays_byte_for_byte(text: str) -> None:
    definition = parse_domain(text, SOURCE)
    assert set_cpu(text, definition.cpu, SOURCE) == text
    assert set_epc(text, definition.epc, SOURCE) == text


@given(DOMAINS, GUESTS)
def test_an_edited_domain_has_the_new_cpu_and_all_else(text: str, cpu: GuestCpu) -> None:
    edited = set_cpu(text, cpu, SOURCE)
    assert cpu_in(edited) == cpu
    assert unknown_of(edited) == unknown_of(text)
    before, after = parse_domain(text, SOURCE), parse_domain(edited, SOURCE)
    assert (after.memory_bytes, sections_in(edited)) == (before.memory_bytes, sections_in(text))


@given(CPUS, GUESTS)
def test_a_cpu_by_itself_is_edited_as_in_a_domain(text: str, cpu: GuestCpu) -> None:
    assert cpu_in(set_cpu(text, cpu, SOURCE)) == cpu


@given(DOMAINS, GUESTS)
def test_there_and_back_is_the_same_cpu(text: str, cpu: GuestCpu) -> None:
    there = set_cpu(text, cpu, SOURCE)
    assert cpu_in(set_cpu(there, cpu_in(text), SOURCE)) == cpu_in(text)


@given(DOMAINS, SECTIONS)
def test_an_edited_domain_has_the_new_epc_and_all_else(text: str, sections: list[EpcSection]) -> None:
    edited = set_epc(text, sections, SOURCE)
    assert sections_in(edited) == sections
    assert unknown_of(edited) == unknown_of(text)
    assert cpu_in(edited) == cpu_in(text)


@given(st.text(max_size=8))
def test_a_name_that_xml_cannot_hold_is_refused(name: str) -> None:
    cpu = GuestCpu(CpuMode.CUSTOM, "qemu64", (FeatureRequest(name, Policy.REQUIRE, HERE),), HERE)
    try:
        text = render_cpu(cpu)
    except UsageError:
        assert re.search("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", name)
    else:
        assert cpu_in(text) == cpu


@given(st.one_of(st.text(), DOMAINS.map(lambda text: text.replace("<memory", "<memory", 1)[:-20])), GUESTS)
def test_any_text_is_edited_or_an_error(text: str, cpu: GuestCpu) -> None:
    with contextlib.suppress(VcpuidError):
        assert cpu_in(set_cpu(text, cpu, SOURCE)) == cpu
