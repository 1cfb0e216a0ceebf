from __future__ import annotations

import pytest

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


def test_another_address_is_asked_by_its_own_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Outer:
        def getsockname(self) -> tuple[str, int]:
            return ("192.0.2.7", 8000)

    monkeypatch.setattr("socket.create_server", lambda *_, **__: Outer())
    listener = listen("192.0.2.7", 8000, TOKEN)
    assert not listener.is_loopback
    assert listener.hosts == {"192.0.2.7"}
