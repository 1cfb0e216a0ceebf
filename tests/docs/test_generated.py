"""The generated pages are fresh, every command and option has its words, and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from tools import make_docs

COMMANDS = list(make_docs.walk_commands())
STALE = "stale: run `python -m tools.make_docs`"


def relative(path: Path) -> str:
    return str(path.relative_to(make_docs.ROOT))


def test_the_page_of_the_layers_is_fresh() -> None:
    assert (make_docs.REFERENCE / "layers.md").read_text(encoding="utf-8") == make_docs.render_layers(), STALE


def test_the_page_of_the_messages_is_fresh() -> None:
    assert (make_docs.REFERENCE / "messages.md").read_text(encoding="utf-8") == make_docs.render_messages(), STALE


def test_the_page_of_the_commands_is_fresh() -> None:
    assert (make_docs.REFERENCE / "commands.md").read_text(encoding="utf-8") == make_docs.render_commands(), STALE


@pytest.mark.parametrize("found", COMMANDS, ids=lambda found: found.path)
def test_every_command_is_documented(found: make_docs.Command) -> None:
    text = (make_docs.REFERENCE / "commands.md").read_text(encoding="utf-8")
    assert f"\n## {found.path}\n" in text
    assert found.command.help
    options = [param for param in found.command.params if isinstance(param, click.Option)]
    assert not [option.name for option in options if not option.help]


@pytest.mark.parametrize("path", make_docs.pages(), ids=relative)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        page = (path.parent / name).resolve() if name else path
        assert page.exists(), target
        if anchor:
            assert anchor in anchors(page), target


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_parts_of_a_console_block_are_told_apart() -> None:
    page = "text\n\n```console\n$ vcpuid explain \\\n    sgx\nout\n\n$ ls\n```\n"
    first, second = make_docs.parse_examples(page, "page.md")
    assert (first.line, first.arguments, first.output) == (4, ["explain", "sgx"], "out\n\n")
    assert first.is_reproducible
    assert (second.line, second.arguments, second.output) == (8, [], "")
    assert not second.is_reproducible
