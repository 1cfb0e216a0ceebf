"""What pages show works: examples run and print what is shown; those of other machines have valid options."""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from tools import make_docs
from tools.commands import Command, walk_commands

from vcpuid.cli import vcpuid
from vcpuid.gather.main import build_parser

ANSWERS = (0, 1, 4)  # yes, no, undecided: the page's command is right
STALE = "stale: run `python -m tools.make_docs`"
PROGRAMS = {"| jq ": ("jq", "jq"), "vcpuid.probe": ("qemu-system-x86_64", "qemu-system-x86")}
"""What an example has in it that needs a program: the program, and Debian's package of it."""
COMMAND = re.compile(r"^(\$ )?(\S.* \| )?((\./)?vcpuid|python3 -I vcpuid-collect) ", re.MULTILINE)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def examples(path: Path) -> list[make_docs.Example]:
    found = make_docs.parse_examples(text_of(path), str(path.relative_to(make_docs.ROOT)))
    return [example for example in found if example.is_ours]


def runnable(path: Path) -> list[make_docs.Example]:
    return [example for example in examples(path) if example.is_reproducible]


def elsewhere(path: Path) -> list[make_docs.Example]:
    return [example for example in examples(path) if example.place]


def blocks(path: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\S*).*\n((?:.*\n)*?)```$", text_of(path), re.MULTILINE)


def sessions(path: Path) -> str:
    """The page's interactive examples, which are one session."""
    return "\n".join(block for language, block in blocks(path) if language == "pycon")


def python_blocks(path: Path) -> list[str]:
    return [block for language, block in blocks(path) if language == "python"]


def relative(path: Path) -> str:
    return str(path.relative_to(make_docs.ROOT))


def skip_without_programs(example: str) -> None:
    for sign, (program, package) in PROGRAMS.items():
        if sign in example and shutil.which(program) is None:
            pytest.skip(f"needs {program} (Debian package {package})")


def having(find: Callable[[Path], object]) -> list[Path]:
    return [path for path in make_docs.pages() if find(path)]


def parse(words: list[str]) -> None:
    """Let click read a command's words, without running it."""
    command: click.Command = vcpuid
    context = click.Context(vcpuid, info_name="vcpuid", **vcpuid.context_settings)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, words
        command = found
    command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("path", having(runnable), ids=relative)
def test_examples_run_and_print_what_is_shown(path: Path) -> None:
    """Run a page's examples in order, in one folder, so that one may use what another wrote."""
    with make_docs.example_folder() as folder:
        for example in runnable(path):
            place = f"{example.page}:{example.line}: {example.command}"
            skip_without_programs(example.command)
            done = make_docs.run_in_shell(example, folder)
            assert "Traceback" not in done.stdout, place
            if example.is_shown:
                assert done.stdout.rstrip("\n") == example.output.rstrip("\n"), f"{place}: {STALE}"
            else:
                assert done.returncode in ANSWERS, f"{place}\n{done.stdout}"


@pytest.mark.parametrize("path", having(elsewhere), ids=relative)
def test_examples_of_other_machines_have_valid_options(path: Path) -> None:
    for example in elsewhere(path):
        if example.collector_arguments:
            build_parser().parse_args(example.collector_arguments)
        else:
            parse(example.arguments)


@pytest.mark.parametrize("found", list(walk_commands()), ids=lambda found: found.path)
def test_examples_of_a_help_have_valid_options(found: Command) -> None:
    for line in re.findall(r"^  (?:\S.*\| )?vcpuid (.*)$", found.command.get_help(found.context), re.MULTILINE):
        words, _, _ = re.split(r"  +", line)[0].partition(" | ")  # what stands further right explains it
        parse(shlex.split(words.partition(" > ")[0].partition(" < ")[0]))


@pytest.mark.parametrize("path", make_docs.pages(), ids=relative)
def test_no_command_of_ours_stands_where_it_is_not_tried(path: Path) -> None:
    tried = {example.command for example in examples(path)}
    for language, block in blocks(path):
        if language not in ("console", "sh"):
            assert not COMMAND.search(block), f"a command in a block of {language or 'no language'}:\n{block}"
        for line in COMMAND.finditer(block):
            rest = block[line.start() :].partition("\n")[0].removeprefix("$ ")
            assert any(command.startswith(rest) for command in tried), rest


@pytest.mark.parametrize("path", having(sessions), ids=relative)
def test_interactive_examples_hold(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a page's session where its commands have been run."""
    told: list[str] = []
    with make_docs.example_folder() as folder:
        for example in runnable(path):
            make_docs.run_in_shell(example, folder)
        monkeypatch.chdir(folder)
        session = doctest.DocTestParser().get_doctest(sessions(path), {}, relative(path), str(path), 0)
        result = doctest.DocTestRunner(verbose=False).run(session, out=told.append)
    assert (result.failed, "".join(told)) == (0, "")
    assert result.attempted > 0


@pytest.mark.parametrize("path", having(python_blocks), ids=relative)
def test_python_examples_run(path: Path) -> None:
    for block in python_blocks(path):
        skip_without_programs(block)
        subprocess.run([sys.executable, "-c", block], cwd=make_docs.ROOT, timeout=60, check=True)
