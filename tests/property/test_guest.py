"""Guest definitions between dialects: what is written reads back, any text is a definition or an error of ours."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from definitions import HERE, cpu_option, without_places
from vcpuid.answers.guest import DIALECTS, translate
from vcpuid.errors import UsageError, VcpuidError
from vcpuid.guest.kubevirt import parse_kubevirt, render_kubevirt
from vcpuid.guest.proxmox import parse_proxmox
from vcpuid.guest.qemu import (
    find_faults,
    find_warnings,
    parse_arguments,
    parse_cpu,
    split_command_line,
)
from vcpuid.guest.qemu.options import parse_number, parse_size
from vcpuid.guest.qemu.properties import load_properties
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, Policy, Setting, Topology

POLICIES = st.sampled_from([Policy.REQUIRE, Policy.DISABLE])
SWITCHES = [name for name, known in load_properties().items() if known.is_switch and "_" not in name]
NAMES = st.sampled_from(["avx", "avx2", "sgx", "sse4.1", "tsc-adjust", "spec-ctrl", "nosuch", *SWITCHES])
REQUESTS = st.lists(st.builds(FeatureRequest, NAMES, POLICIES, st.just(HERE)), max_size=6).map(tuple)
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9)
SETTINGS = st.lists(
    st.one_of(
        st.builds(
            Setting, st.sampled_from(["level", "xlevel", "hv-spinlocks"]), st.integers(0, 2**32 - 1), st.just(HERE)
        ),
        st.builds(Setting, st.sampled_from(["model-id", "hv-vendor-id"]), WORDS, st.just(HERE)),
        st.builds(Setting, st.just("x-hv-max-vps"), st.integers(-(2**31), 2**31 - 1), st.just(HERE)),
    ),
    max_size=4,
    unique_by=lambda setting: setting.name,
).map(tuple)
MODELS = WORDS.filter(lambda word: word not in ("host", "max"))
CPUS = st.one_of(
    st.builds(GuestCpu, st.just(CpuMode.CUSTOM), MODELS, REQUESTS, st.just(HERE), settings=SETTINGS),
    st.builds(
        GuestCpu,
        st.sampled_from([CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM]),
        st.none(),
        REQUESTS,
        st.just(HERE),
        settings=SETTINGS,
    ),
)
# Texts that come near to something: pieces of all dialects.
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "qemu64",
                "host",
                ",",
                "+avx",
                "-sgx",
                "avx2=on",
                "=",
                "level=",
                "0x",
                "13",
                " ",
                "\n",
                "\0",
                "'",
                '"',
            ),
            *(
                "qemu-system-x86_64 ",
                "-cpu ",
                "-machine ",
                "-object ",
                '{"a":',
                "[",
                "{",
                "}",
                "-smp 4,cores=",
                "\\\n",
            ),
            *(
                "cpu:",
                "cpu: ",
                "flags=",
                ";",
                "model: ",
                "features:",
                "\n- name: avx",
                "spec:",
                "---\n",
                "&a ",
                "*a",
            ),
            *(
                "cpu-model: x\n",
                "    flags +avx\n",
                "hidden=1",
                "custom-x",
                "<cpu>",
                "</cpu>",
                "<model>",
                "EPYC",
                "é",
            ),
        ]
    ),
    max_size=14,
).map("".join)
TEXTS = st.one_of(st.text(), PIECES)


@given(CPUS)
def test_a_cpu_that_is_written_reads_back(cpu: GuestCpu) -> None:
    assert parse_cpu(cpu_option(cpu), HERE).cpu == cpu


@given(TEXTS)
def test_what_is_written_once_is_written_the_same_again(text: str) -> None:
    with contextlib.suppress(UsageError):
        once = cpu_option(parse_cpu(text, HERE).cpu)
        assert cpu_option(parse_cpu(once, HERE).cpu) == once


@given(TEXTS)
def test_the_parts_of_a_cpu_string_are_all_of_it(text: str) -> None:
    argument = parse_cpu(text, HERE)
    parts = [argument.model, *(option.text for option in argument.options)]
    assert parts == [argument.model, *filter(None, text.split(",")[1:])]
    assert all(fault.message and fault.expected for fault in find_faults(argument, version="7.2", models=()))
    assert all(find_warnings(argument))


@given(TEXTS, st.sampled_from(list(DIALECTS)), st.sampled_from([None, *DIALECTS]))
def test_any_text_is_a_definition_or_an_error(text: str, target: str, origin: str | None) -> None:
    with contextlib.suppress(VcpuidError):
        answer = translate(text, "x", target, origin=origin)
        assert answer.target == target


@given(TEXTS)
def test_any_text_into_each_parser(text: str) -> None:
    for parse in (split_command_line, parse_kubevirt, parse_proxmox):
        with contextlib.suppress(VcpuidError):
            assert parse(text, "x") is not None


OPTIONS = st.sampled_from(["-smp", "-m", "-numa", "-object", "-machine", "-global", "-cpu", "-accel"])
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            *(
                "4,cores=2",
                "cores=0x99999999999",
                "node,cpus=0-3,mem=9999999E",
                "node,nodeid=-1",
                "maxmem=,slots=",
            ),
            *('{"sgx-epc":[{"memdev":"a","node":[]}]}', "sgx-epc.0.memdev=a", '{"id":"a","size":1e999}', "[[[["),
            *("memory-backend-epc,id=a,size=64M", '{"qom-type":"memory-backend-epc","id":"a","size":4096}'),
        ]
    ),
)


@given(st.lists(st.tuples(OPTIONS, VALUES), max_size=6))
def test_any_command_line_has_whole_numbers_or_none(pairs: list[tuple[str, str]]) -> None:
    command = parse_arguments([word for pair in pairs for word in pair], HERE)
    assert command.topology is None or command.topology.cpus > 0
    assert all(section.size_bytes >= 0 for section in command.epc)


@given(st.integers(0, 2**64 - 1))
def test_numbers_in_every_form(number: int) -> None:
    assert {parse_number(form.format(number)) for form in ("{}", "0x{:x}", "0X{:X}", "0{:o}", " +{}")} == {number}
    assert parse_size(str(number)) == number


@given(
    st.builds(
        GuestCpu,
        st.just(CpuMode.CUSTOM),
        st.text(min_size=1, max_size=9).filter(lambda text: not text.startswith("host-")),
        st.lists(st.builds(FeatureRequest, st.text(min_size=1, max_size=9), POLICIES, st.just(HERE))).map(tuple),
        st.just(HERE),
        topology=st.none() | st.builds(Topology, *[st.integers(1, 999_999)] * 3),
    )
)
def test_a_kubevirt_block_that_is_written_reads_back(cpu: GuestCpu) -> None:
    assert without_places(parse_kubevirt(render_kubevirt(cpu), "x").cpu) == cpu
