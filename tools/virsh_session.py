"""Asks the real libvirt many questions about CPUs in one virsh process, through its standard input."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from vcpuid.rules.libvirt.map_reader import INSTALLED

TEST_URI = "test:///default"
"""libvirt's own mock driver: it needs no daemon, and reads the installed CPU map."""

SYSTEM_URI = "qemu:///system"
"""The QEMU driver of libvirtd."""

_PROMPT = "virsh # "
_END = "@@end@@"
_WARNINGS = frozenset(("using host CPU definition as input may provide incorrect results",))
"""What virsh says in the form of an error, and answers nevertheless (seen with 11.3)."""


class Question(NamedTuple):
    """A command of virsh that takes a file, as in `cpu-baseline --features`, and the file's content."""

    command: str
    document: str


class Answer(NamedTuple):
    """What virsh printed, or the last line of its error."""

    text: str
    error: str


@dataclass(frozen=True, slots=True)
class Virsh:
    """A libvirt to ask.

    Attributes:
        uri: The connection.
        prefix: What stands before virsh: `chroot FOLDER`, or `unshare --mount sh -c ...`.
        root: The folder that virsh sees as `/`.
    """

    uri: str = TEST_URI
    prefix: tuple[str, ...] = ()
    root: Path = Path("/")

    @classmethod
    def inside(cls, folder: Path, uri: str) -> Self:
        """Give the libvirt of another system, which stands in a folder."""
        root = folder.resolve()
        return cls(uri, ("chroot", str(root)), root)

    @property
    def map(self) -> Path:
        """The folder of the CPU map that this libvirt reads."""
        return self.root / INSTALLED.lstrip("/")

    def output(self, *command: str, script: str = "") -> str:
        """Give what virsh prints, errors among it, for a command or for a script on its standard input."""
        done = subprocess.run(  # noqa: S603 -- virsh, and what a developer puts before it
            [*self.prefix, "virsh", "--quiet", "--connect", self.uri, *command],
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            # Wide lines: virsh echoes what it reads, and draws a long command anew where a line is full.
            env=os.environ | {"LC_ALL": "C.UTF-8", "COLUMNS": "1000"},
        )
        return done.stdout

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Give the answers, in order."""
        with tempfile.TemporaryDirectory(dir=self.root / "tmp") as folder:
            inside = Path("/") / Path(folder).relative_to(self.root)
            for number, question in enumerate(questions):
                Path(folder, str(number)).write_text(question.document, encoding="utf-8")
            lines = (f"{asked.command} {inside}/{number}\necho {_END}\n" for number, asked in enumerate(questions))
            printed = self.output(script="".join(lines))
        answers = list(_split(printed.splitlines()))
        if len(answers) != len(questions):
            raise RuntimeError(f"virsh answered {len(answers)} of {len(questions)} questions:\n{printed[-2000:]}")
        return answers


def _split(lines: Iterable[str]) -> Iterable[Answer]:
    text: list[str] = []
    error = ""
    for line in lines:
        if line.startswith(_END):
            yield Answer("\n".join(text).strip(), error)
            text, error = [], ""
        elif line.startswith("error: "):
            if line.removeprefix("error: ") in _WARNINGS:
                continue
            error = re.sub(r"^error: (?:[a-zA-Z ]+: )?", "", line)
        elif output := line.partition(_PROMPT)[0]:  # virsh ends no line of its own before the prompt
            text.append(output)
