"""Commands run with a time limit, an output cap, and a process group that is killed as a whole."""

import errno
import os
import selectors
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import IO, Dict, List, NamedTuple, Optional, Sequence, Set

MIB = 1024 * 1024
OUTPUT_LIMIT_BYTES = 16 * MIB
_CHUNK_BYTES = 64 * 1024
# The last is where NixOS has its programs.
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin"
_ENVIRONMENT = {"LC_ALL": "C", "PATH": SEARCH_PATH}
_KEPT_ENVIRONMENT = (
    "HOME",
    "LOGNAME",
    "SSH_AUTH_SOCK",
    "USER",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
)


class Finished(NamedTuple):
    """How a command ended: its status (None if it was stopped), and what it printed so far."""

    status: Optional[int]
    stdout: bytes
    stderr: bytes
    timed_out: bool
    too_long: bool

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode("utf-8", "replace")

    def complaint(self, limit_s: float) -> str:
        """Return in one line why the command gave no (whole) answer."""
        if self.timed_out:
            return no_answer(limit_s)
        if self.too_long:
            return "its output passed %d MiB" % (OUTPUT_LIMIT_BYTES // MIB)
        lines = [line.strip() for line in self.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        said = lines[-1] if lines else "no word on standard error"
        if self.status is not None and self.status < 0:
            return "ended by signal %d: %s" % (-self.status, said)
        return "exit status %s: %s" % (self.status, said)


def no_answer(limit_s: float) -> str:
    """Return the words for a time-out, the same wherever it is met."""
    return "no answer within %g s" % limit_s


class Commands:
    """The commands of one source, which can be killed together when the source is given up."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._groups: Set[int] = set()
        self._abandoned = False

    def run(
        self,
        command: Sequence[str],
        limit_s: float,
        given: bytes = b"",
        *,
        merge: bool = False,
        kept_fds: Sequence[int] = (),
    ) -> Finished:
        """Run a command in a process group of its own until it ends or its time is over.

        Args:
            command: the program and its arguments; no shell.
            limit_s: how long it may take.
            given: what it reads on standard input (nothing: /dev/null).
            merge: standard error goes where standard output goes, in the order printed.
            kept_fds: our open files that it shall have too, by the same numbers.

        Raises:
            OSError: it cannot be started.
        """
        end = time.monotonic() + limit_s
        process = self.start(command, given=bool(given), merge=merge, kept_fds=kept_fds)
        try:
            conversation = _Conversation(process, given)
            conversation.hold(end)
            return conversation.finish(end)
        finally:
            self.stop(process)

    def start(
        self,
        command: Sequence[str],
        *,
        given: bool = False,
        merge: bool = False,
        kept_fds: Sequence[int] = (),
    ) -> "subprocess.Popen[bytes]":
        """Start a command with pipes, in a process group of its own. Raises OSError."""
        with self._lock:
            if self._abandoned:
                raise OSError(errno.ETIMEDOUT, no_answer(self._limit_s))
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE if given else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merge else subprocess.PIPE,
                env=_environment(),
                cwd="/",
                start_new_session=True,
                close_fds=True,
                pass_fds=kept_fds,
            )
            self._groups.add(process.pid)
        return process

    def stop(self, process: "subprocess.Popen[bytes]") -> None:
        """Kill what is left of a command's process group and let go of its pipes."""
        _kill_group(process.pid)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                _close_quietly(stream)
        # A killed process goes at once, unless the kernel itself holds it: then it is left.
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        with self._lock:
            self._groups.discard(process.pid)

    def abandon(self) -> None:
        """Kill what runs, and start nothing more."""
        with self._lock:
            self._abandoned = True
            groups = list(self._groups)
        for group in groups:
            _kill_group(group)


class _Conversation:
    """A command that is fed and listened to, until it closes its pipes, the clock or the cap says stop."""

    def __init__(self, process: "subprocess.Popen[bytes]", given: bytes) -> None:
        self._process = process
        self._to_write = memoryview(given)
        self._selector = selectors.DefaultSelector()
        self._printed: Dict[int, bytearray] = {}
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                self._printed[stream.fileno()] = bytearray()
                self._selector.register(stream, selectors.EVENT_READ)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            self._selector.register(process.stdin, selectors.EVENT_WRITE)

    @property
    def _too_long(self) -> bool:
        return any(len(text) > OUTPUT_LIMIT_BYTES for text in self._printed.values())

    def hold(self, end: float) -> None:
        """Move input and output until nothing is left to move, or the monotonic clock shows `end`."""
        while self._selector.get_map() and not self._too_long:
            left_s = end - time.monotonic()
            if left_s <= 0:
                return
            for key, _ in self._selector.select(left_s):
                goes_on = self._read(key.fd) if key.fd in self._printed else self._write(key.fd)
                if not goes_on:
                    self._selector.unregister(key.fd)

    def _read(self, fd: int) -> bool:
        part = os.read(fd, _CHUNK_BYTES)
        self._printed[fd] += part
        return bool(part)

    def _write(self, fd: int) -> bool:
        with suppress(BlockingIOError):
            try:
                self._to_write = self._to_write[os.write(fd, self._to_write[:_CHUNK_BYTES]) :]
            except BrokenPipeError:
                self._to_write = self._to_write[:0]  # it reads no more of it
        if not self._to_write and self._process.stdin is not None:
            _close_quietly(self._process.stdin)
        return bool(self._to_write)

    def finish(self, end: float) -> Finished:
        """Return what was printed, with the exit status if the command has ended by itself."""
        too_long = self._too_long
        status: Optional[int] = None
        if not self._selector.get_map() and not too_long:
            with suppress(subprocess.TimeoutExpired):
                status = self._process.wait(timeout=max(0.01, end - time.monotonic()))
        self._selector.close()
        texts: List[bytes] = [bytes(text) for text in self._printed.values()]
        return Finished(status, texts[0], b"".join(texts[1:]), status is None and not too_long, too_long)


def _close_quietly(stream: IO[bytes]) -> None:
    # A pipe whose reader is gone has nothing more to say.
    with suppress(OSError):
        stream.close()


def _kill_group(group: int) -> None:
    with suppress(OSError):  # it may be gone already
        os.killpg(group, signal.SIGKILL)


def _environment() -> Dict[str, str]:
    environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    environment.update(_ENVIRONMENT)
    return environment
