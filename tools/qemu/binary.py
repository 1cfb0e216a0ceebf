"""A QEMU binary that is started, asked over QMP, and ended again; nothing is left behind.

QMP is spoken as raw lines: a whole measurement takes ten thousand answers, most of them equal to the one before.
"""

import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

AT_ONCE = 8
"""QEMU stops reading once this many commands wait for their turn."""
PATIENCE_S = 60

Json = Any
Query = tuple[str, Mapping[str, Json]]


class QemuError(Exception):
    """QEMU would not start, or ended before it had answered; the text is what it said last."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What one start of QEMU answered, and what it printed on the way."""

    lines: tuple[bytes, ...]
    warnings: str

    def value(self, number: int) -> Json:
        """The value of one answer; None where QEMU answered with an error."""
        return json.loads(self.lines[number]).get("return")

    def values(self) -> list[Json]:
        """The values of all answers."""
        return [self.value(number) for number in range(len(self.lines))]


@dataclass(frozen=True)
class Binary:
    """A QEMU binary by the words that start it, such as a loader with its options and the binary's path."""

    words: tuple[str, ...]

    def _run(self, option: str, *more: str) -> str:
        done = subprocess.run(  # noqa: S603 - the person who measures names the binary
            [*self.words, option, *more], capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
        if done.returncode:
            raise QemuError(done.stderr.strip() or f"{option} ended with status {done.returncode}")
        return done.stdout

    @cached_property
    def banner(self) -> str:
        """The release and the distribution's package, as in `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`."""
        first = self._run("--version").partition("\n")[0]
        if not (match := re.fullmatch(r"QEMU emulator version (\d+\.\d+\.\d+.*)", first)):
            raise QemuError(f"--version printed {first!r}, which no QEMU prints")
        return match[1]

    @property
    def release(self) -> str:
        """The release, as in `7.2.22`."""
        return self.banner.split()[0]

    @cached_property
    def machines(self) -> Mapping[str, str]:
        """Every machine type and its description."""
        lines = self._run("-machine", "help").splitlines()[1:]
        return {name: text.strip() for name, _, text in (line.partition(" ") for line in lines)}

    def ask(self, arguments: Sequence[str], queries: Sequence[Query]) -> Answers:
        """Start QEMU stopped and without devices, ask, and end it.

        Raises:
            QemuError: It did not start or did not answer all.
        """
        command = [
            *(*self.words, *arguments, "-S", "-display", "none", "-nodefaults", "-no-user-config"),
            *("-qmp", "stdio"),
        ]
        with tempfile.TemporaryFile() as said, _running(command, said) as process:
            lines = _converse(process, queries)
            process.kill()
            process.wait()
            said.seek(0)
            warnings = said.read().decode("utf-8", "replace")
        if len(lines) < len(queries):
            raise QemuError(warnings.strip().rpartition("\n")[2] or "it ended the conversation")
        return Answers(lines, warnings)


@contextmanager
def _running(command: Sequence[str], said: IO[bytes]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run QEMU, whose warnings go to a file: nobody reads a pipe while answers are awaited."""
    process = subprocess.Popen(  # noqa: S603 - see Binary._run
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
    )
    alarm = threading.Timer(PATIENCE_S, process.kill)
    alarm.start()
    try:
        yield process
    finally:
        alarm.cancel()
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()


def _converse(process: "subprocess.Popen[bytes]", queries: Sequence[Query]) -> tuple[bytes, ...]:
    """Ask and collect the answers' lines, until QEMU ends."""
    if process.stdin is None or process.stdout is None:
        raise QemuError("it has no standard streams")
    lines: list[bytes] = []
    asked: Sequence[Query] = [("qmp_capabilities", {}), *queries]
    try:
        _line(process.stdout)
        for first in range(0, len(asked), AT_ONCE):
            some = asked[first : first + AT_ONCE]
            for name, arguments in some:
                command = {"execute": name, **({"arguments": arguments} if arguments else {})}
                process.stdin.write(json.dumps(command).encode() + b"\n")
            process.stdin.flush()
            lines.extend(_line(process.stdout) for _ in some)
    except (EOFError, BrokenPipeError):
        pass
    return tuple(lines[1:])


def _line(stream: IO[bytes]) -> bytes:
    while line := stream.readline():
        if not line.startswith((b'{"timestamp"', b'{"event"')):
            return line
    raise EOFError
