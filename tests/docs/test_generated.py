"""The generated pages are fresh, every command and option has its words, and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from tools import make_cluster, make_docs
from tools.agreement_page import render_agreement
from tools.commands import Command, walk_commands
from tools.man_page import render_man_pages
from tools.schema_page import FOLDERS, render_schemas

COMMANDS = list(walk_commands())
STALE = "stale: run `python -m tools.make_docs`"


def relative(path: Path) -> str:
    return str(path.relative_to(make_docs.ROOT))


RENDERED = {
    "layers.md": make_docs.render_layers,
    "messages.md": make_docs.render_messages,
    "schemas.md": render_schemas,
    "agreement.md": render_agreement,
    "formats.md": make_docs.render_formats,
    "commands.md": make_docs.render_commands,
}


@pytest.mark.parametrize("page", RENDERED)
def test_a_generated_page_is_fresh(page: str) -> None:
    assert (make_docs.REFERENCE / page).read_text(encoding="utf-8") == RENDERED[page](), STALE


def test_the_manual_is_fresh_and_has_a_page_of_every_command() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in make_docs.MAN.iterdir()}
    assert written == render_man_pages(), STALE
    assert len(written) == len(COMMANDS)


def test_the_page_of_the_json_documents_has_every_schema_and_its_members() -> None:
    page = (make_docs.REFERENCE / "schemas.md").read_text(encoding="utf-8")
    for folder in FOLDERS:
        for path in (make_docs.ROOT / folder).glob("*schema.json"):
            assert f"(../../{path.relative_to(make_docs.ROOT)})" in page
    assert "| `answers[].feature` | [feature](#feature) |  |" in page
    assert "| `answers[].matched` | list of " in page
    assert "| `rows{}` | string | EAX, EBX, ECX and EDX, hexadecimal. |" in page
    assert "*optional*" in page


@pytest.mark.parametrize("found", COMMANDS, ids=lambda found: found.path)
def test_every_command_is_documented(found: Command) -> None:
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


def test_the_commands_of_a_console_block_are_told_apart() -> None:
    page = "text\n\n```console\n$ vcpuid explain \\\n    sgx\nout\n\n$ ls\n```\n"
    first, second = make_docs.parse_examples(page, "page.md")
    assert (first.line, first.arguments, first.output) == (4, ["explain", "sgx"], "out\n\n")
    assert first.is_reproducible
    assert first.is_shown
    assert (second.line, second.arguments, second.output) == (8, [], "")
    assert not second.is_reproducible


def test_a_block_that_says_where_it_is_run_is_not_run_here() -> None:
    page = (
        "```sh\n# On a host\nvcpuid why \\\n  sgx  # here\ncp a b\n```\n\n```sh\nvcpuid explain sgx | cat\n```\n"
    )
    why, other, explain = make_docs.parse_examples(page, "page.md")
    assert (why.line, why.place, why.arguments, why.is_shown) == (3, "# On a host", ["why", "sgx"], False)
    assert (other.line, other.arguments) == (5, [])
    assert not why.is_reproducible
    assert (explain.line, explain.place, explain.arguments) == (9, "", ["explain", "sgx"])
    assert explain.is_reproducible


def test_refreshing_writes_what_examples_print() -> None:
    block = "```console\n$ vcpuid explain nosuchfeature\nold\n```\n"
    kept = block.replace("console\n", "console\n# On a host\n")
    made = make_docs.refresh_examples(block + kept, "page.md")
    assert "nosuchfeature\nvcpuid: " in made
    assert made.endswith(kept)


def test_the_example_cluster_is_fresh() -> None:
    for name, text in make_cluster.render_files().items():
        path = make_cluster.FOLDER / name
        assert path.read_text(encoding="utf-8") == text, "stale: run `python -m tools.make_cluster`"
