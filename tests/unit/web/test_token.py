from __future__ import annotations

import base64
from typing import Any

import pytest

from asgi import get
from schemas import check_document
from vcpuid.web.app import make_app
from vcpuid.web.guard import LOOPBACK_HOSTS

TOKEN = "0123456789abcdef"  # noqa: S105 - of a server that lives as long as a test
APP = make_app(LOOPBACK_HOSTS, TOKEN)


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    "authorization", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(f":{TOKEN}"), basic(f"me:{TOKEN}")]
)
@pytest.mark.parametrize("target", ["/", "/api/v1/leaves"])
def test_who_has_the_token_passes(target: str, authorization: str) -> None:
    assert get(APP, target, authorization=authorization).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        TOKEN,
        "Bearer",
        f"Bearer {TOKEN}x",
        "Basic !",
        basic(TOKEN),
        basic(f"{TOKEN}:"),
        f"Digest {TOKEN}",
        "Bearer é",
    ],
)
@pytest.mark.parametrize("target", ["/", "/api/v1/openapi.json", "/static/style.css", "/nothing"])
def test_nobody_else_does(target: str, authorization: str) -> None:
    answer = get(APP, target, authorization=authorization)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert TOKEN not in answer.text
    assert "content-security-policy" in answer.headers


def test_who_has_a_wrong_token_is_told_so_and_no_more() -> None:
    for given, found in (("", "none"), (f"Bearer {TOKEN}x", "another token"), (basic("me:"), "another token")):
        document = get(APP, "/", accept="*/*", authorization=given).document
        assert document["found"] == found


def test_without_the_token_no_form_is_read() -> None:
    headers: dict[str, Any] = {"content-length": str(1 << 40)}
    assert get(APP, "/host", method="POST", body=b"a" * (9 << 20), **headers).status == 401


def test_a_program_is_told_in_json() -> None:
    answer = get(APP, "/", accept="*/*")
    check_document("error", answer.document)
    assert "Bearer" in answer.document["next_step"]


def test_the_host_is_checked_before_the_token() -> None:
    assert get(APP, "/", host="evil.example", authorization=f"Bearer {TOKEN}").status == 421
