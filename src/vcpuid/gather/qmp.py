"""QMP, QEMU's machine protocol: JSON lines, only commands that query, and a deadline for every answer.

Source: QEMU docs/interop/qmp-spec.
"""

import json
import os
import select
import time
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from .look import MIB
from .record import Json

# The only commands that are ever sent; `qmp_capabilities` is the protocol's handshake.
QUERIES = frozenset(
    [
        "device-list-properties",
        "qmp_capabilities",
        "qom-get",
        "qom-list",
        "qom-list-get",
        "query-cpu-definitions",
        "query-cpu-model-expansion",
        "query-cpus-fast",
        "query-sgx",
        "query-sgx-capabilities",
        "query-version",
    ]
)
_ANSWERS_LIMIT_BYTES = 32 * MIB
# QEMU stops reading once 8 commands wait for their turn.
_COMMANDS_AT_ONCE = 8

Query = Tuple[str, Dict[str, Json]]

# What comes of taking an answer apart that has another form than QEMU's.
MISSHAPEN = (AttributeError, IndexError, KeyError, TypeError, ValueError)
MISSHAPEN_TEXT = "an answer has another form than QEMU's"


class Reply(NamedTuple):
    """What QEMU answered: a value, or an error's description (then the value is None)."""

    value: Json
    error: Optional[str]


class QmpError(Exception):
    """The other side speaks no QMP, has gone, or does not answer in time."""


def command_of(query: Query, number: Optional[int] = None) -> Dict[str, Json]:
    """Return a query as a QMP command. Raises ValueError for any command that is not on the list."""
    name, arguments = query
    if name not in QUERIES:
        raise ValueError("%s is no query that the collector sends" % name)
    command: Dict[str, Json] = {"execute": name}
    if arguments:
        command["arguments"] = arguments
    if number is not None:
        command["id"] = number
    return command


def parse_reply(message: Dict[str, Json]) -> Reply:
    """Read the value or the error of a reply."""
    if "error" in message:
        error = message["error"]
        return Reply(None, str(error.get("desc", error) if isinstance(error, dict) else error))
    return Reply(message.get("return"), None)


class Qmp:
    """A QMP conversation over a pair of file descriptors (the same one twice for a socket).

    Args:
        read_fd: answers come from there.
        write_fd: commands go there.
        limit_s: seconds for the whole conversation.
    """

    def __init__(self, read_fd: int, write_fd: int, limit_s: float) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._limit_s = limit_s
        self._end = time.monotonic() + limit_s
        self._pending = b""
        self._read_bytes = 0

    def greet(self) -> str:
        """Take the greeting, leave negotiation mode, and return QEMU's version. Raises QmpError."""
        greeting = self._message()
        try:
            version = greeting["QMP"]["version"]["qemu"]
            text = "%d.%d.%d" % (version["major"], version["minor"], version["micro"])
        except (KeyError, TypeError) as error:
            raise QmpError("its greeting is none of QMP's") from error
        (reply,) = self.ask([("qmp_capabilities", {})])
        if reply.error:
            raise QmpError("qmp_capabilities: %s" % reply.error)
        return text

    def ask(self, queries: Sequence[Query]) -> List[Reply]:
        """Send the queries and return their replies in order. Raises QmpError."""
        replies: List[Reply] = []
        for first in range(0, len(queries), _COMMANDS_AT_ONCE):
            some = queries[first : first + _COMMANDS_AT_ONCE]
            lines = [json.dumps(command_of(query, number)) for number, query in enumerate(some)]
            self._write(("\n".join(lines) + "\n").encode("ascii"))
            answered: Dict[int, Reply] = {}
            while len(answered) < len(some):
                message = self._message()
                if "event" not in message:
                    number = message.get("id")
                    if not isinstance(number, int):
                        raise QmpError("it answers what it was not asked")
                    answered[number] = parse_reply(message)
            replies.extend(answered.get(number, Reply(None, "no reply")) for number in range(len(some)))
        return replies

    def _message(self) -> Dict[str, Json]:
        while b"\n" not in self._pending:
            self._wait([self._read_fd], [])
            try:
                part = os.read(self._read_fd, MIB)
            except OSError as error:
                raise QmpError(error.strerror or str(error)) from error
            if not part:
                raise QmpError("it ended the conversation")
            self._read_bytes += len(part)
            if self._read_bytes > _ANSWERS_LIMIT_BYTES:
                raise QmpError("it answers without end")
            self._pending += part
        line, _, self._pending = self._pending.partition(b"\n")
        try:
            message = json.loads(line.decode("utf-8", "replace"))
        except ValueError as error:
            raise QmpError("its answer is no JSON") from error
        if not isinstance(message, dict):
            raise QmpError("its answer is no JSON object")
        return message

    def _write(self, data: bytes) -> None:
        while data:
            self._wait([], [self._write_fd])
            try:
                data = data[os.write(self._write_fd, data[: select.PIPE_BUF]) :]
            except OSError as error:
                raise QmpError(error.strerror or str(error)) from error

    def _wait(self, readable: List[int], writable: List[int]) -> None:
        left_s = self._end - time.monotonic()
        if left_s <= 0 or not any(select.select(readable, writable, [], left_s)):
            raise QmpError("no answer within %g s" % round(self._limit_s, 1))
