"""Writes the generated parts of the documentation.

    python -m tools.make_docs          write them
    python -m tools.make_docs --check  write nothing; name the pages that are stale, status 1 if there are any

Eight kinds of text are generated: layers.md from the rules of the layers, messages.md from the tables of messages,
schemas.md from the JSON schemas, formats.md from the formats and dialects that are registered, agreement.md from
the long runs against other programs, and commands.md from the help of every command, all in docs/reference; the
manual pages in share/man, from the same help; and, in every page, the output of the `console` examples.
"""

import argparse
import contextlib
import importlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.agreement_page import render_agreement
from tools.commands import EXIT_STATUSES, walk_commands
from tools.man_page import render_man_pages
from tools.schema_page import render_schemas

from vcpuid.answers.guest import DIALECTS
from vcpuid.cli import run
from vcpuid.dumps import FORMATS
from vcpuid.layers.rule import load_layer_table
from vcpuid.rules.messages.table import FILES, Message, load_causes, load_messages
from vcpuid.terms.verdict import Chain, Layer

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md")
REFERENCE = ROOT / "docs/reference"
MAN = ROOT / "share/man/man1"
_STATES = {"present": "yes", "absent": "no", "unknown": "?", "not-applicable": "-"}
_CHAINS = {
    Chain.SUPPLY: ("Supply", "what can be given"),
    Chain.DEMAND: ("Demand", "what is asked"),
    Chain.GOT: ("Got", "what the guest shows"),
}
# A command of ours is the first of a line or stands behind a pipe. Its words may be quoted.
_OURS = re.compile(r"""(?:^|\| )(?:\./)?vcpuid ((?:[^|>'"]|'[^']*'|"[^"]*")*)""")
# So is one of the collector that was carried to a host.
_COLLECTOR = re.compile(r"^python3 -I vcpuid-collect\b([^|>]*)")
# A block that says in its first line where it is run (`# On a host with SGX`) is run nowhere else.
_BLOCK = re.compile(r"^```(console|sh)\n(# (?:On|In) [^\n]*\n)?(.*?)^```$", re.MULTILINE | re.DOTALL)
_LAYERS_HEAD = """\
<!-- Made by: python -m tools.make_docs, from src/vcpuid/layers/rules.toml. Do not edit this page by hand. -->

# The layers

A feature passes ten hops. Each hop has a list of conclusions that it may draw, and draws one. This page has
all of them. `vcpuid why -v` names the conclusion (`kvm.supported`) and prints the evidence that led to it; in
JSON it is the verdict's `rule`.

The states are `yes` (present), `no` (absent), `?` (unknown) and `-` (not applicable). Missing evidence is `?`,
never `no`. How the hops meet in an answer is told in
[Asked, available, got](../explanation/asked-available-got.md).
"""
_MESSAGES_HEAD = """\
<!-- Made by: python -m tools.make_docs, from src/vcpuid/rules/messages/tables. Do not edit this page by hand. -->

# The messages

What programs of the stack say about CPUs when something fails: what it means, what it comes from, what to do.
`vcpuid diagnose` finds these messages in a text or log, names the features in it, and with `--host` tests each
cause on the host's evidence.
"""
_PROGRAMS = {
    "qemu": "QEMU",
    "libvirt": "libvirt",
    "nova": "Nova",
    "wrappers": "KubeVirt, Proxmox VE and others around them",
    "kernel": "The kernel of hosts and guests",
    "sgx": "SGX: kernel, QEMU, attestation",
    "guest": "Programs in guests",
}
_FORMATS_HEAD = """\
<!-- Made by: python -m tools.make_docs, from FORMATS and DIALECTS. Do not edit this page by hand. -->

# Formats and dialects

What is read is recognised by its content; `--from` names it where that fails. How to add one is told in
[CONTRIBUTING](../../CONTRIBUTING.md#three-changes-step-by-step).

## Dumps of CPUID

Every command that takes a dump reads them all. `vcpuid convert DUMP --to NAME` writes some, and tells what the
format cannot hold.

| name | what writes it | written too | a line, or what it is known by |
|---|---|---|---|
"""
_DIALECTS_HEAD = """
## Dialects of guest CPU definitions

`vcpuid guest DEFINITION --to NAME` writes one in the words of another, and tells what those cannot say.

| name | what it is | what is read |
|---|---|---|
"""
_COMMANDS_HEAD = """\
<!-- Made by: python -m tools.make_docs, from the --help of each command. Do not edit this page by hand. -->

# The commands

Every command takes `--help`. Exit statuses are the same everywhere:
"""


# layers.md ---------------------------------------------------------------------------------------


def render_layers() -> str:
    """Gives the page layers.md."""
    rules = load_layer_table("rules")
    parts = [_LAYERS_HEAD]
    chain = None
    for layer in Layer:
        if layer.chain is not chain:
            chain = layer.chain
            title, words = _CHAINS[chain]
            parts.append(f"## {title}: {words}\n")
        parts.append(f"### {layer.value}\n\n{_question(layer)}\n\n{_rules_table(rules[layer.value])}")
    return "\n".join(parts)


def _question(layer: Layer) -> str:
    """The first line of the hop's module says what it asks."""
    document = importlib.import_module(f"vcpuid.layers.{layer.value}").__doc__ or ""
    question = document.strip().splitlines()[0].partition(": ")[2]
    return question[:1].upper() + question[1:]


def _rules_table(rules: dict[str, dict[str, str]]) -> str:
    lines = ["| conclusion | evidence | state | cannot prove | mend |", "|---|---|---|---|---|"]
    for name, rule in rules.items():
        cells = (f"`{name}`", rule["evidence"], _STATES[rule["state"]], rule.get("cannot_prove", ""))
        lines.append(f"| {' | '.join(map(_cell, (*cells, _remedy(rule.get('mend', '')))))} |")
    return "\n".join(lines) + "\n"


def _remedy(text: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: found.group(1).upper(), text)


def _cell(text: str) -> str:
    """Escapes what a table or HTML would take for its own, outside of `code`."""
    pieces = text.replace("|", "\\|").split("`")
    return "`".join(piece if number % 2 else piece.replace("<", "&lt;") for number, piece in enumerate(pieces))


# messages.md -------------------------------------------------------------------------------------


def render_messages() -> str:
    """Gives the page messages.md."""
    parts = [_MESSAGES_HEAD]
    for file in FILES:
        parts.append(f"## {_PROGRAMS[file]}\n")
        parts += [_message(one) for one in load_messages() if one.name.partition(".")[0] == file]
    parts.append("## The causes\n\n| cause | what it is | what to do | seen |\n|---|---|---|---|")
    for name, cause in load_causes().items():
        cells = (f'<a id="{name}"></a>`{name}`', *map(_cell, (cause.says, cause.mend, cause.source)))
        parts.append(f"| {' | '.join(cells)} |")
    return "\n".join(parts) + "\n"


def _message(message: Message) -> str:
    text = message.samples[0].text.split("\n", maxsplit=1)[0].strip()
    who = f"{message.program} ({message.layer.value})" + (f", {message.versions}" if message.versions else "")
    causes = ", ".join(f"`{cause.name}`" for cause in message.causes)
    sources = "; ".join(dict.fromkeys(sample.source for sample in message.samples))
    told = f"{who}: {_cell(message.means)}"
    return f"### {message.name}\n\n```text\n{text}\n```\n\n{told}\n\nCauses: {causes}. Seen: {_cell(sources)}.\n"


# commands.md -------------------------------------------------------------------------------------


def render_commands() -> str:
    """Gives the page commands.md."""
    statuses = "".join(f"| {status} | {meaning} |\n" for status, meaning in EXIT_STATUSES)
    parts = [f"{_COMMANDS_HEAD}\n| status | meaning |\n|---|---|\n{statuses}"]
    for found in walk_commands():
        text = "\n".join(line.rstrip() for line in found.command.get_help(found.context).splitlines())
        parts.append(f"## {found.path}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


# formats.md --------------------------------------------------------------------------------------


def render_formats() -> str:
    """Gives the page formats.md."""
    formats = "".join(
        f"| `{entry.name}` | {_cell(entry.title)} | {'yes' if entry.is_written else 'no'} "
        f"| {_code(entry.reader().EXAMPLE)} |\n"
        for entry in FORMATS.values()
    )
    dialects = "".join(
        f"| `{name}` | {_cell(form.TITLE)} | {_cell(form.INPUT)} |\n" for name, form in DIALECTS.items()
    )
    return f"{_FORMATS_HEAD}{formats}{_DIALECTS_HEAD}{dialects}"


def _code(text: str) -> str:
    """Gives a text as code in a cell of a table."""
    shown = text.strip().replace("\t", " ").replace("|", "\\|")
    return f"`{shown}`"


# Examples ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Example:
    """One command of a `console` block, with the output that the page shows, or of a `sh` block, without.

    Attributes:
        page: The page, from the project's folder.
        line: Where the command stands on it.
        command: The command, with its comments, pipes and continued lines.
        output: What the page shows of its output.
        is_shown: Whether it stands in a `console` block.
        place: The block's first line, if that says where it is run, as in `# On a host with SGX`; else nothing.
    """

    page: str
    line: int
    command: str
    output: str
    is_shown: bool
    place: str

    @property
    def arguments(self) -> list[str]:
        """The words after `vcpuid`, up to a pipe; empty for another program's command."""
        return self._words(_OURS)

    @property
    def collector_arguments(self) -> list[str]:
        """The words after `python3 -I vcpuid-collect`; empty for another program's command."""
        return self._words(_COLLECTOR)

    @property
    def is_ours(self) -> bool:
        """Whether it is a command of vcpuid, or of its collector in one file."""
        return bool(self.arguments or self.collector_arguments)

    @property
    def is_reproducible(self) -> bool:
        """Whether it can be run anywhere: by what ships with us, or what earlier examples of the page wrote."""
        return self.is_ours and not self.place

    def _words(self, program: re.Pattern[str]) -> list[str]:
        found = program.search(self.command.replace("\\\n", " "))
        return shlex.split(found[1], comments=True) if found else []


def pages() -> list[Path]:
    """Gives every page that people read."""
    return [ROOT / page for page in PAGES] + sorted((ROOT / "docs").glob("**/*.md"))


def parse_examples(text: str, page: str) -> Iterator[Example]:
    r"""Reads the commands of a page's `console` and `sh` blocks, which may go on after `\`.

    In a `console` block a command begins with `$ `; in a `sh` block every line is one.
    """
    for block in _BLOCK.finditer(text):
        language, first, body = block.groups()
        line = text.count("\n", 0, block.start(1)) + 1 + bool(first)
        start = r"^(?=\$ )" if language == "console" else r"(?<!\\\n)^"
        for part in re.split(start, body, flags=re.MULTILINE):
            command, output = _split_command(part.removeprefix("$ "))
            if command and (language == "sh" or part.startswith("$ ")):
                yield Example(page, line + 1, command, output, language == "console", (first or "").strip())
            line += part.count("\n")


def _split_command(part: str) -> tuple[str, str]:
    lines = part.splitlines(keepends=True)
    length = next((number for number, line in enumerate(lines, 1) if not line.endswith("\\\n")), 0)
    return "".join(lines[:length]).strip(), "".join(lines[length:])


def run_example(example: Example) -> str:
    """Runs an example in this folder, made by `example_folder`, and gives what it prints, without colour."""
    if re.match(r"(\./)?vcpuid [^|>]*$", example.command):
        printed = io.StringIO()  # in this process, which is faster
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            run(example.arguments)
        return printed.getvalue()
    return run_in_shell(example, Path()).stdout


def run_in_shell(example: Example, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs an example as people do, in a folder made by `example_folder`."""
    return subprocess.run(  # noqa: S603 - our own pages
        ["/bin/sh", "-c", example.command],
        cwd=folder,
        env=os.environ | {"PATH": f".:{os.environ['PATH']}", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


@contextlib.contextmanager
def example_folder() -> Iterator[Path]:
    """Makes a folder in which a page's examples run: they find what ships with us, and may write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for shipped in ("docs", "tests"):
            (folder / shipped).symlink_to(ROOT / shipped)
        launcher = folder / "vcpuid"
        launcher.write_text(f'#!/bin/sh\nexec {sys.executable} -m vcpuid "$@"\n', encoding="utf-8")
        launcher.chmod(0o755)
        yield folder


def refresh_examples(text: str, page: str) -> str:
    """Gives a page's text with the output of its reproducible examples made anew."""

    def refresh(block: re.Match[str]) -> str:
        body = block.group(0)
        for example in parse_examples(body, page):
            if not example.is_reproducible:
                continue
            printed = run_example(example).rstrip("\n")
            if example.is_shown:
                # A blank line at the end of an output divides it from the next command.
                gap = "\n" if example.output.endswith("\n\n") else ""
                shown = f"$ {example.command}\n"
                body = body.replace(shown + example.output, shown + printed + "\n" * bool(printed) + gap)
        return body

    with example_folder() as folder, contextlib.chdir(folder):
        return _BLOCK.sub(refresh, text)


# All pages ---------------------------------------------------------------------------------------


def render_pages() -> dict[Path, str]:
    """Gives the text that each page should have."""
    made = {
        REFERENCE / "layers.md": render_layers(),
        REFERENCE / "commands.md": render_commands(),
        REFERENCE / "messages.md": render_messages(),
        REFERENCE / "schemas.md": render_schemas(),
        REFERENCE / "agreement.md": render_agreement(),
        REFERENCE / "formats.md": render_formats(),
    }
    made |= {MAN / name: text for name, text in render_man_pages().items()}
    for path in pages():
        if path not in made:
            made[path] = refresh_examples(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    return made


def main() -> int:
    """Writes or checks the pages."""
    summary = textwrap.dedent(__doc__ or "").split("\n\n", maxsplit=1)[0]
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if a page is stale")
    arguments = parser.parse_args()
    os.environ["NO_COLOR"] = "1"
    stale = 0
    for path, text in render_pages().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        print(path.relative_to(ROOT))
        if not arguments.check:
            path.write_text(text, encoding="utf-8")
    return int(arguments.check and stale > 0)


if __name__ == "__main__":
    sys.exit(main())
