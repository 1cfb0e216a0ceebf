"""The tables of messages: a row is met by its own texts alone, a cause is some message's, all is bounded."""

from __future__ import annotations

import re

import pytest

from vcpuid.answers.causes import OF_HOST, OF_TEXT
from vcpuid.answers.diagnose import diagnose
from vcpuid.atlas import Atlas
from vcpuid.rules.messages.table import FILES, TABLES, Cause, Message, Sample, load_causes, load_messages
from vcpuid.terms.verdict import Layer

MESSAGES = load_messages()
CAUSES = load_causes()
SAMPLES = [(message, sample) for message in MESSAGES for sample in message.samples]


def test_there_are_messages_of_every_program() -> None:
    assert len(MESSAGES) >= 100
    assert {path.stem for path in TABLES.glob("*.toml")} == {*FILES, "causes", "programs"}


@pytest.mark.parametrize(("message", "sample"), SAMPLES, ids=lambda one: getattr(one, "name", None))
def test_a_text_is_its_own_rows_and_no_others(message: Message, sample: Sample) -> None:
    report = diagnose(sample.text)
    assert {diagnosis.message.name for diagnosis in report.diagnoses} == {message.name}
    assert report.is_explained is not message.is_wrapper


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_a_row_is_whole(message: Message) -> None:
    assert message.samples
    assert message.causes
    assert message.means.endswith(".")
    assert all(sample.source for sample in message.samples)
    assert all(message.anchor in " ".join(sample.text.replace("''", "'").split()) for sample in message.samples)
    assert len(set(message.causes)) == len(message.causes)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_no_pattern_can_run_away(message: Message) -> None:
    plain = re.sub(r"\\.|\[[^]]*\]", "x", message.pattern.pattern)
    assert not re.search(r"[*+]", plain.replace("(?P", ""))
    # A blank in a class would have become a part of one that takes line breaks: \\x20 is a blank alone.
    assert not any("{" in letters for letters in re.findall(r"(?<!\\)\[[^]]*\]", message.pattern.pattern))


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
def test_a_cause_is_whole_and_some_messages(cause: Cause) -> None:
    assert any(cause in message.causes for message in MESSAGES)
    assert cause.says.endswith((".", ")"))
    assert cause.mend.endswith((".", ")"))
    assert cause.source
    if cause.test is None:
        assert not cause.argument
    else:
        assert cause.test in OF_HOST.keys() | OF_TEXT.keys()
    if cause.test == "breaks-at":
        assert cause.argument in {layer.value for layer in Layer}
    if cause.test in ("firmware-off", "breaks-anywhere", "host-has"):
        assert Atlas.load().find(cause.argument).feature.bits


def test_every_test_is_some_causes() -> None:
    assert {cause.test for cause in CAUSES.values()} - {None} == OF_HOST.keys() | OF_TEXT.keys()


@pytest.mark.parametrize("cause", [cause for cause in CAUSES.values() if cause.features], ids=lambda one: one.name)
def test_a_causes_features_are_known_but_for_old_names(cause: Cause) -> None:
    atlas = Atlas.load()
    old = {"tsx", "arch-facilities"}
    names = [name for name in cause.features if "*" not in name]
    assert all(atlas.has_name(name) for name in set(names) - old)
