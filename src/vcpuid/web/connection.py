"""Connections: how long one may be silent or slow, how many there may be, and what is said to what is no HTTP."""

from __future__ import annotations

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from vcpuid.web.policy import HEADERS

MOST_CONNECTIONS: Final = 400
LONGEST_HEAD: Final = 16 << 10
HEAD_SECONDS: Final = 10.0
"""How long the head of a request may take to arrive, or what is left of a body that was refused."""
WRITE_SECONDS: Final = 60.0
"""How long an answer may wait for its reader."""


class Connection(H11Protocol):
    """uvicorn's connection, with the limits that it leaves to a proxy.

    Where there are too many, the one is closed that has been idle for longest: who only holds connections open
    loses them to those who ask.
    """

    idle_since: float | None = None
    """When it began to wait for a request, on the loop's clock; None while one is answered."""
    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for it, and wait for its first request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that it is known when anything waits for its reader
        self._await_head()
        if len(self.connections) > MOST_CONNECTIONS:
            self._longest_idle().abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._end_head()
        self._end_write()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        super().data_received(data)
        if self._is_answering:
            self._end_head()
        elif self._head_timer is None and not self.transport.is_closing():
            self._await_head()

    def on_response_complete(self) -> None:
        """Wait for the next request: uvicorn does so for a few seconds."""
        super().on_response_complete()
        if not self._is_answering:
            self.idle_since = self.loop.time()

    def pause_writing(self) -> None:
        """Give the reader its time."""
        super().pause_writing()
        self._end_write()
        self._write_timer = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: everything was taken."""
        super().resume_writing()
        self._end_write()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        headers += [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        text = (
            f"{msg}\nThis is a server of HTTP/1.1, whose heads have at most {LONGEST_HEAD} bytes; it has no TLS.\n"
        )
        if self.conn.our_state is h11.IDLE or self.conn.our_state is h11.SEND_RESPONSE:
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=text.encode()),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def abort(self) -> None:
        """Close it at once, whatever is on its way."""
        self.idle_since = None
        self.transport.abort()

    @property
    def _is_answering(self) -> bool:
        return not getattr(self.cycle, "response_complete", True)  # there is no cycle before the first request

    def _longest_idle(self) -> Connection:
        idle = [
            (one.idle_since, number, one)
            for number, one in enumerate(self.connections)
            if isinstance(one, Connection) and one.idle_since is not None
        ]
        return min(idle)[2]  # this one is idle, too

    def _await_head(self) -> None:
        self.idle_since = self.loop.time()
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.abort)

    def _end_head(self) -> None:
        self.idle_since = None
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_write(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
