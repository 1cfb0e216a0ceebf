"""A real server before clients that are slow, silent, many or wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Self

import pytest

from asgi import MULTIPART, multipart
from vcpuid.web import connection
from vcpuid.web.server import Listener, listen, make_server

WAIT_SECONDS = 60
GET = "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n"


class Client:
    """A connection to the server, byte by byte."""

    def __init__(self, listener: Listener, receive_bytes: int | None = None) -> None:
        self._socket = socket.socket()
        if receive_bytes is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._socket.settimeout(WAIT_SECONDS)
        self._socket.connect(listener.socket.getsockname())
        self.host = f"127.0.0.1:{listener.socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, text: str | bytes) -> None:
        self._socket.sendall(text.encode() if isinstance(text, str) else text)

    def get(self, target: str) -> None:
        self.send(GET.format(target, self.host))

    def answer(self, *, until: bytes = b"</html>") -> bytes:
        """Read up to some bytes, or the end."""
        read = b""
        while until not in read:
            more = self._socket.recv(65536)
            if not more:
                break
            read += more
        return read

    def is_closed(self) -> bool:
        """Wait for the end, whatever comes before it."""
        try:
            while self._socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Listener]]:
    """Start servers with other limits."""
    with ExitStack() as stack:

        def start(**limits: float) -> Listener:
            for name, limit in limits.items():
                monkeypatch.setattr(connection, name, limit)
            listener = listen("127.0.0.1", 0, None)
            server = make_server(listener, None)
            thread = threading.Thread(target=server.run, args=([listener.socket],))
            thread.start()

            def end() -> None:
                server.should_exit = True
                thread.join()

            stack.callback(end)
            return listener

        yield start


@pytest.mark.parametrize("sent", ["", "GET / HT", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
def test_who_does_not_end_a_head_is_cut_off(sent: str, serve: Callable[..., Listener]) -> None:
    with Client(serve(HEAD_SECONDS=0.2)) as client:
        client.send(sent)
        assert client.is_closed()


def test_a_byte_now_and_then_is_no_more_time(serve: Callable[..., Listener]) -> None:
    with Client(serve(HEAD_SECONDS=0.2)) as client:
        client.get("/")
        assert b"200 OK" in client.answer()
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):  # noqa: PT012 - whichever byte is the last
            while True:
                client.send("G")
                threading.Event().wait(0.02)


def test_a_request_after_another_is_answered_on_the_same_connection(serve: Callable[..., Listener]) -> None:
    with Client(serve()) as client:
        for target in ("/", "/cpuid", "/nothing"):
            client.send(f"GET {target} HTTP/1.1\r\nAccept: text/html\r\nHost: {client.host}\r\n\r\n")
            assert b"</html>" in client.answer()


def test_who_does_not_read_the_answer_is_cut_off(serve: Callable[..., Listener]) -> None:
    with Client(serve(WRITE_SECONDS=0.2), receive_bytes=4096) as client:
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):  # noqa: PT012 - whichever request is the last
            for _ in range(10_000):
                client.get("/cpuid")
                threading.Event().wait(0.001)
        assert client.is_closed()


def test_silent_connections_make_room_for_those_who_ask(serve: Callable[..., Listener]) -> None:
    listener = serve(MOST_CONNECTIONS=5, HEAD_SECONDS=1000.0)
    with ExitStack() as stack:
        silent = [stack.enter_context(Client(listener)) for _ in range(20)]
        for _ in range(10):
            with Client(listener) as client:
                client.get("/")
                assert b"200 OK" in client.answer()
        assert all(client.is_closed() for client in silent[:15])


@pytest.mark.parametrize(
    "head",
    [
        "no HTTP\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n",  # how TLS begins
        "GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: {host}\r\nA\0b: c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_forbids_all_the_same(head: str, serve: Callable[..., Listener]) -> None:
    with Client(serve()) as client:
        client.send(head.format(host=client.host).encode("latin-1"))
        answer = client.answer(until=b"}")
        assert answer.split(b" ", 2)[1][:1] == b"4", answer
        assert b"content-security-policy: default-src 'none'" in answer
        assert b"Traceback" not in answer


def test_a_head_that_does_not_end_is_refused_by_its_length(serve: Callable[..., Listener]) -> None:
    with Client(serve()) as client:
        client.send(f"GET / HTTP/1.1\r\nHost: {client.host}\r\nA: " + "a" * 300_000)
        try:
            answer = client.answer(until=b"TLS.")
        except ConnectionResetError:  # it closed while more was on its way
            return
        assert b" 400 " in answer


@pytest.mark.parametrize("target", ["http://evil.example/", "//evil.example/", "/../../etc/passwd", "/%2e%2e/x"])
def test_an_address_that_is_none_of_its_pages_is_no_page(target: str, serve: Callable[..., Listener]) -> None:
    with Client(serve()) as client:
        client.get(target)
        answer = client.answer(until=b"}")
        assert b" 404 " in answer
        assert b"\r\nlocation:" not in answer.lower()


def test_a_form_that_is_too_large_is_answered_while_it_is_sent(serve: Callable[..., Listener]) -> None:
    body = multipart(("text", "a" * (9 << 20)))
    with Client(serve()) as client:
        client.send(
            f"POST /lint HTTP/1.1\r\nHost: {client.host}\r\nAccept: text/html\r\n"
            f"Content-Type: {MULTIPART}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        client.send(body)
        answer = client.answer()
        assert b" 413 " in answer
        assert b"<h1>the form is too large</h1>" in answer
        client.get("/")  # the rest was read and dropped
        assert b" 200 " in client.answer()


def test_who_asks_before_sending_a_form_that_is_too_large_need_not_send_it(serve: Callable[..., Listener]) -> None:
    with Client(serve()) as client:
        client.send(
            f"POST /lint HTTP/1.1\r\nHost: {client.host}\r\n"
            "Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"
        )
        answer = client.answer(until=b"}")
        assert b" 413 " in answer
        assert b" 100 " not in answer


def test_nothing_that_a_proxy_says_is_believed(serve: Callable[..., Listener]) -> None:
    with Client(serve()) as client:
        client.send(
            f"POST /lint HTTP/1.1\r\nHost: {client.host}\r\nOrigin: https://{client.host}\r\n"
            "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\nContent-Length: 0\r\n\r\n"
        )
        assert b" 403 " in client.answer(until=b"}")
