from __future__ import annotations

from pathlib import Path

import pytest

from asgi import File, Sent, post
from schemas import check_document
from vcpuid.rules.messages.table import load_messages
from vcpuid.web.app import make_app
from vcpuid.web.guard import LOOPBACK_HOSTS

APP = make_app(LOOPBACK_HOSTS)
API = "/api/v1/diagnose"
EXAMPLES = Path(__file__).parents[3] / "docs/examples"
UNKNOWN = "error: unsupported configuration: unknown CPU feature: sha_ni"
MISSING = "qemu-system-x86_64: warning: host doesn't support requested feature: CPUID.07H:EBX.sgx [bit 2]"


def read(name: str) -> File:
    return name, (EXAMPLES / name).read_bytes()


def test_a_message_is_explained_to_people_and_programs() -> None:
    document = post(APP, API, ("text", UNKNOWN)).document
    check_document("diagnose", document)
    (diagnosis,) = document["diagnoses"]
    page = post(APP, "/diagnose", ("text", UNKNOWN)).text
    assert diagnosis["message"] in page
    assert "/cpuid/7/0/ebx/29" in page
    assert '<span class="mend">Mend</span>' in page


def test_its_causes_are_tested_on_the_host_and_guest_that_come_along() -> None:
    parts: list[Sent] = [
        ("file", ("web-1.log", MISSING.encode())),
        ("host", read("h07.json")),
        ("domain", "web-1"),
    ]
    document = post(APP, API, *parts).document
    check_document("diagnose", document)
    assert document["guest"] == "domain web-1"
    holding = [cause["holding"] for cause in document["diagnoses"][0]["causes"]]
    assert "holds" in holding
    page = post(APP, "/diagnose", *parts).text
    assert page.count('<strong class="mark">') == len(holding)


def test_a_text_without_a_message_is_told_with_what_it_names() -> None:
    page = post(APP, "/diagnose", ("text", "<b>CPUID.07H:EBX.sgx [bit 2]</b>")).text
    assert "No message that vcpuid knows." in page
    assert "Software Guard Extensions" in page
    assert "<b>CPUID" not in page


def test_a_name_is_shown_as_the_text_has_it() -> None:
    page = post(APP, "/diagnose", ("text", UNKNOWN)).text
    assert "<code>sha_ni</code>: " in page
    assert "<code>sgx</code>: " not in post(APP, "/diagnose", ("text", UNKNOWN.replace("sha_ni", "sgx"))).text


def test_what_else_a_text_names_has_a_heading() -> None:
    (wrapper,) = [one for one in load_messages() if one.is_wrapper][:1]
    text = f"{wrapper.samples[0].text}\nCPUID.07H:EBX.sgx [bit 2]"
    document = post(APP, API, ("text", text)).document
    assert document["diagnoses"]
    assert document["names"]
    assert "The text also names:" in post(APP, "/diagnose", ("text", text)).text
    assert "The text also names:" not in post(APP, "/diagnose", ("text", UNKNOWN)).text


def test_a_text_of_which_only_the_beginning_was_read_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Only the beginning was read" not in post(APP, "/diagnose", ("text", UNKNOWN)).text
    monkeypatch.setattr("vcpuid.answers.diagnose.SIZE_LIMIT_CHARACTERS", len(UNKNOWN))
    parts = ("text", UNKNOWN + "\nand more")
    assert post(APP, API, parts).document["is_cut"]
    assert "Only the beginning was read" in post(APP, "/diagnose", parts).text


def test_a_message_is_shown_and_not_obeyed() -> None:
    page = post(APP, "/diagnose", ("text", UNKNOWN.replace("sha_ni", "<script>alert(1)</script>"))).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


UNANSWERABLE: list[list[Sent]] = [
    [],
    [("text", " ")],
    [("text", MISSING), ("domain", "web-1")],
    [("text", MISSING), ("host", ("a", b"{"))],
]


@pytest.mark.parametrize("parts", UNANSWERABLE)
def test_what_cannot_be_answered_is_told(parts: list[Sent]) -> None:
    answer = post(APP, API, *parts)
    assert answer.status == 400
    check_document("error", answer.document)
