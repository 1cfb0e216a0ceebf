"""Any text into `diagnose` gives an answer, whatever strangers put into it."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import feed
from vcpuid.answers.diagnose import diagnose
from vcpuid.cli import run
from vcpuid.render.diagnose import diagnosis_document, render_diagnosis
from vcpuid.rules.messages.scan import scan
from vcpuid.rules.messages.table import load_messages

SAMPLES = [sample.text for message in load_messages() for sample in message.samples]
PIECES = st.one_of(
    st.sampled_from(SAMPLES),
    st.text(max_size=40),
    st.sampled_from(["\\n", '\\\\"', "''", "\x1b[1m", "\x00", "\ud800", "features: ", "CPUID.", "[bit 2]", "\n"]),
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_text_gets_an_answer(text: str) -> None:
    report = diagnose(text)
    assert render_diagnosis(report).plain()
    assert diagnosis_document(report)["schema"] == "vcpuid-diagnose/1"
    lines = text.count("\n") + 1
    assert all(1 <= diagnosis.line <= lines for diagnosis in report.diagnoses)


@given(st.sampled_from(SAMPLES), st.integers(0, 200), st.text(max_size=3))
def test_a_damaged_message_gets_an_answer(text: str, place: int, junk: str) -> None:
    diagnose(text[:place] + junk + text[place + len(junk) :])


@given(st.sampled_from(SAMPLES), st.lists(st.sampled_from(["all is well\n", "x y z\n", "\n"]), max_size=5))
def test_lines_around_a_message_change_nothing(text: str, lines: list[str]) -> None:
    around = "".join(lines) + text + "\n" + "".join(lines)
    alone = [(one.message.name, one.text) for one in scan(text)]
    assert [(one.message.name, one.text) for one in scan(around)] == alone


@given(st.binary(max_size=200))
def test_any_bytes_end_with_a_status_of_the_contract(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        feed(patch, data)
        patch.setattr(sys, "stdout", io.StringIO())
        patch.setattr(sys, "stderr", io.StringIO())
        assert run(["diagnose", "-"]) in (0, 2, 4)


@pytest.mark.parametrize(
    "text",
    [
        "guest CPU doesn't match specification: missing features: " + "a," * 300_000,
        "guest CPU doesn't match specification: missing features: " + "a.-_" * 200_000,
        "requested feature: " * 40_000,
        "host doesn't support requested feature: CPUID" + ".:,=()[]" * 100_000,
        "required features: map[" + "cpu-feature.node.kubevirt.io/" * 30_000,
        "Configured CPU model: x and CPU Flags " * 20_000,
        "\\" * 500_000 + '"',
        "'" * 500_000,
        "\x1b[" + "1;" * 300_000,
        " \n" * 400_000,
        "Vulnerable: Clear CPU buffers attempted, no microcode A" * 10_000,
        "A" * 30 + " " * 800_000,
        "traps: " * 100_000 + "trap invalid opcode",
        "MSR(" * 200_000,
        "a-" * 400_000,
    ],
    ids=range(15),
)
def test_hostile_texts_come_to_an_end(text: str) -> None:
    diagnose(text)
