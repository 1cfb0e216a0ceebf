"""What `vcpuid diagnose` says of every real text of the tables, and of a log on a host, word by word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vcpuid.answers.diagnose import diagnose
from vcpuid.render.diagnose import render_diagnosis
from vcpuid.rules.messages.table import FILES, load_messages
from vcpuid.snapshot import Snapshot

Check = Callable[[str, str], None]
EXAMPLE = Path(__file__).parents[2] / "docs/examples/h07.json"


@pytest.mark.parametrize("file", FILES)
def test_every_message_is_explained(file: str, golden: Check) -> None:
    told = [
        f"# {message.name}: {sample.source}\n{render_diagnosis(diagnose(sample.text)).plain()}"
        for message in load_messages()
        if message.name.partition(".")[0] == file
        for sample in message.samples
    ]
    golden(f"diagnose/{file}", "\n".join(told))


@pytest.mark.parametrize("domain", [None, "web-1"])
def test_causes_are_tested_on_a_host(domain: str | None, golden: Check) -> None:
    text = "".join(f"{message.samples[0].text}\n" for message in load_messages())
    report = diagnose(text, Snapshot.read(EXAMPLE), domain)
    golden(f"diagnose/on-{domain or 'h07'}", render_diagnosis(report).plain())
