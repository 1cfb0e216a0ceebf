from __future__ import annotations

import socket
from typing import Any

import pytest

from vcpuid.web.guard import LOOPBACK_HOSTS
from vcpuid.web.server import listen

TOKEN = "0123456789abcdef"  # noqa: S105 - of a server that lives as long as a test


@pytest.mark.parametrize(
    ("host", "start"),
    [("127.0.0.1", "http://127.0.0.1:"), ("localhost", "http://localhost:"), ("127.0.0.2", "http://127.0.0.2:")],
)
def test_loopback_needs_no_token_and_is_asked_by_its_names(host: str, start: str) -> None:
    listener = listen(host, 0, None)
    with listener.socket:
        assert listener.address == f"{start}{listener.socket.getsockname()[1]}/"
        assert listener.is_loopback
        assert {host, "localhost", "127.0.0.1", "::1"} <= listener.hosts


class Outer:
    """A socket that others would reach."""

    def getsockname(self) -> tuple[str, int]:
        return ("192.0.2.7", 8000)

    def setsockopt(self, *_: int) -> None:
        pass


@pytest.fixture
def outer(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let nothing listen, and give the options by which it would."""
    asked: list[dict[str, Any]] = []

    def create(*_: object, **options: Any) -> Outer:  # noqa: ANN401 - of socket.create_server
        asked.append(options)
        return Outer()

    monkeypatch.setattr("socket.create_server", create)
    return asked


@pytest.mark.usefixtures("outer")
def test_another_address_is_asked_by_its_own_name_only() -> None:
    listener = listen("192.0.2.7", 8000, TOKEN)
    assert not listener.is_loopback
    assert listener.hosts == {"192.0.2.7"}


@pytest.mark.usefixtures("outer")
def test_further_names_are_those_that_were_given() -> None:
    listener = listen(
        "192.0.2.7", 8000, TOKEN, ["CPU.example", "[2001:DB8:0::1]", "cpu.example", "xn--bcher-kva.ch"]
    )
    assert listener.names == ("cpu.example", "2001:db8::1", "xn--bcher-kva.ch")
    assert listener.hosts == {"192.0.2.7", *listener.names}


@pytest.mark.parametrize(("host", "is_dual"), [("0.0.0.0", False), ("::", socket.has_dualstack_ipv6())])  # noqa: S104
def test_every_address_is_asked_by_the_names_that_were_given_and_here_by_loopback(
    host: str, is_dual: bool, outer: list[dict[str, Any]]
) -> None:
    listener = listen(host, 8000, TOKEN, ["cpu.example", "192.0.2.7"])
    assert not listener.is_loopback
    assert listener.hosts == LOOPBACK_HOSTS | {"cpu.example", "192.0.2.7"}
    assert listener.address == "http://cpu.example:8000/"
    assert outer[0]["dualstack_ipv6"] == is_dual


def test_a_connection_holds_no_answer_back() -> None:
    listener = listen("127.0.0.1", 0, None)
    with listener.socket, socket.create_connection(listener.socket.getsockname()):
        connection, _ = listener.socket.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_loopback_behind_a_proxy_has_its_name_too() -> None:
    listener = listen("127.0.0.1", 0, TOKEN, ["cpu.example"])
    with listener.socket:
        assert listener.is_loopback
        assert listener.hosts == LOOPBACK_HOSTS | {"cpu.example"}
        assert listener.address.startswith("http://127.0.0.1:")
