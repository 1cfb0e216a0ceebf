"""A program that runs commands of vcpuid, each in a process forked from it, with standard streams of one kind.

Usage: python forked.py KIND < COMMANDS; both COMMANDS, a list of lists of words, and what is printed, a status,
standard output and standard error of each, are JSON. What commands import is imported once for all of them.
"""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import sys
import tempfile
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import click

import vcpuid.cli

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

EXTRAS = ("duckdb", "numpy", "jinja2", "starlette", "uvicorn", "yaml", "pyspark")
NARROW = (24, 40)


class Interrupting(io.RawIOBase):
    """A terminal at which somebody presses Ctrl-C as soon as something is printed."""

    pressed = False

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        if not self.pressed:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)
        return memoryview(data).nbytes


def become(kind: str, standard_output: int) -> None:
    """Give this process standard streams of a kind, or take packages from it."""
    if kind == "closed":
        os.close(1)
        return
    if kind == "full":
        standard_output = os.open("/dev/full", os.O_WRONLY)
    elif kind == "broken":
        reader, standard_output = os.pipe()
        os.close(reader)
    elif kind == "interrupted":
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(Interrupting()), encoding="utf-8")
    elif kind == "bare":
        sys.modules.update(dict.fromkeys(EXTRAS))  # type: ignore[arg-type] # None: it cannot be imported
    os.dup2(standard_output, 1)


def run(kind: str, words: list[str]) -> tuple[int, str, str]:
    """Run a command in a process of its own and give its exit status and what it printed."""
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, NARROW)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(err.fileno(), 2)
            become(kind, terminal if kind == "terminal" else out.fileno())
            sys.argv = ["vcpuid", *words]
            vcpuid.cli.main()
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(controller, 65536):
                shown += piece
        except OSError:
            pass  # Linux's way to say that the terminal was closed
        os.close(controller)
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        printed = shown.replace(b"\r\n", b"\n") if kind == "terminal" else out.read()
        return os.waitstatus_to_exitcode(status), printed.decode(), err.read().decode()


def import_commands(group: click.Group, context: click.Context) -> None:
    """Import every command, so that children need not."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            import_commands(command, click.Context(command, parent=context))


if __name__ == "__main__":
    if sys.argv[1] != "bare":
        import_commands(vcpuid.cli.vcpuid, click.Context(vcpuid.cli.vcpuid))
    commands = json.loads(Path("/dev/stdin").read_text(encoding="utf-8"))
    json.dump([run(sys.argv[1], words) for words in commands], sys.stdout)
