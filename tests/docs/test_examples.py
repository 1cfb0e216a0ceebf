"""What the pages show works: `console` examples are run, `sh` lines parse, `python` blocks run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from tools import make_docs

from vcpuid.cli import vcpuid

DOCUMENTED_STATUSES = (0, 1, 2, 3, 4)
STALE = "stale: run `python -m tools.make_docs`"


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def console_examples(path: Path) -> list[make_docs.Example]:
    examples = make_docs.parse_examples(text_of(path), str(path.relative_to(make_docs.ROOT)))
    return [example for example in examples if example.arguments]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(path), re.MULTILINE | re.DOTALL)


def shell_lines(path: Path) -> list[str]:
    lines = "".join(blocks(path, "sh")).replace("\\\n", " ").splitlines()
    return [line for line in lines if re.match(r"(\./)?vcpuid\b", line)]


def relative(path: Path) -> str:
    return str(path.relative_to(make_docs.ROOT))


def having(find: object) -> list[Path]:
    assert callable(find)
    return [path for path in make_docs.pages() if find(path)]


@pytest.mark.parametrize("path", having(console_examples), ids=relative)
def test_console_examples_run(path: Path, tmp_path: Path) -> None:
    """Run a page's examples in order, in one folder, so that one may use what another wrote."""
    for folder in ("docs", "tests"):
        (tmp_path / folder).symlink_to(make_docs.ROOT / folder)
    for example in console_examples(path):
        place = f"{example.page}:{example.line}: {example.command}"
        done = subprocess.run(
            [sys.executable, "-m", "vcpuid", *example.arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in DOCUMENTED_STATUSES, f"{place}\n{done.stdout}"
        assert "Traceback" not in done.stdout, place
        if example.is_reproducible:
            assert done.stdout.rstrip("\n") == example.output.rstrip("\n"), f"{place}: {STALE}"


@pytest.mark.parametrize("path", having(shell_lines), ids=relative)
def test_shell_examples_parse(path: Path) -> None:
    """Parse, without running it, each vcpuid command of a page's shell blocks."""
    for line in shell_lines(path):
        words = shlex.split(line.partition(" | ")[0], comments=True)[1:]
        command: click.Command = vcpuid
        context = click.Context(vcpuid, info_name="vcpuid", **vcpuid.context_settings)
        while isinstance(command, click.Group):
            found = command.get_command(context, words.pop(0))
            assert found is not None, line
            command = found
        command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("path", having(lambda path: blocks(path, "python")), ids=relative)
def test_python_examples_run(path: Path) -> None:
    for block in blocks(path, "python"):
        subprocess.run([sys.executable, "-c", block], cwd=make_docs.ROOT, timeout=60, check=True)
