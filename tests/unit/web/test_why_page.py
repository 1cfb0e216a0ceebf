from __future__ import annotations

from html import escape
from pathlib import Path

import pytest

from asgi import File, Sent, post
from schemas import check_document
from vcpuid.answers.why import why
from vcpuid.render.why import why_document
from vcpuid.snapshot import Snapshot
from vcpuid.web.app import make_app
from vcpuid.web.guard import LOOPBACK_HOSTS

APP = make_app(LOOPBACK_HOSTS)
API = "/api/v1/why"
EXAMPLES = Path(__file__).parents[3] / "docs/examples"


def read(name: str) -> File:
    return name, (EXAMPLES / name).read_bytes()


HOST: Sent = ("host", read("h07.json"))


def test_it_is_the_document_of_why() -> None:
    document = post(APP, API, ("feature", "sgx, avx2"), HOST, ("domain", "web-1")).document
    check_document("why", document)
    snapshot = Snapshot.read(EXAMPLES / "h07.json")
    answers = [why(name, snapshot, "web-1") for name in ("sgx", "avx2")]
    assert document == why_document(answers, "h07", snapshot.taken_at)


def test_two_lines_meet_in_the_guest_and_one_breaks() -> None:
    page = post(APP, "/why", ("feature", "sgx"), HOST, ("domain", "web-1")).text
    assert page.count('class="station') == 9
    assert page.count("breaks here") == 1
    broken = page.split(' break">')[1].split("</li>")[0]
    assert "MSR 3AH=5: bit 18 clear" in broken
    assert 'class="got absent"' in page
    assert '<pre class="copy" tabindex="0" aria-label="what to do">Enable SGX' in page


def test_what_the_page_says_of_a_break_is_in_the_document() -> None:
    parts: list[Sent] = [("feature", "sgx"), HOST, ("domain", "web-1")]
    (answer,) = post(APP, API, *parts).document["answers"]
    assert answer["lost_at"] == ["firmware"]
    assert answer["conclusions"][0].startswith("Supply breaks at firmware: ")
    page = post(APP, "/why", *parts).text
    assert [escape(sentence) in page for sentence in answer["conclusions"]] == [True] * len(answer["conclusions"])


def test_a_break_that_the_guest_got_past_is_none() -> None:
    name, content = read("h07.json")
    got = content.replace(b"policy='disable' name='sgx'", b"policy='require' name='sgx'")
    assert got != content
    parts: list[Sent] = [("feature", "sgx"), ("host", (name, got)), ("domain", "web-1")]
    (answer,) = post(APP, API, *parts).document["answers"]
    assert (answer["got"], answer["broken_at"]["supply"], answer["lost_at"]) == ("present", "firmware", [])
    assert "breaks here" not in post(APP, "/why", *parts).text


def test_a_prediction_and_another_spelling_are_told() -> None:
    parts: list[Sent] = [("feature", "Sha_Ni"), ("host", read("h10.json")), ("text", "Haswell,+sha-ni")]
    (answer,) = post(APP, API, *parts).document["answers"]
    assert (answer["matched"], answer["is_folded"], answer["is_predicted"]) == (["linux"], True, True)
    page = post(APP, "/why", *parts).text
    assert "Read as another spelling of HW_CPU_X86_SHA, SHA, sha-ni, sha_ni." in page
    assert "(predicted)" in page
    seen: list[Sent] = [("feature", "sgx"), HOST, ("domain", "web-1")]
    (answer,) = post(APP, API, *seen).document["answers"]
    assert (answer["is_folded"], answer["is_predicted"]) == (False, False)
    page = post(APP, "/why", *seen).text
    assert "another spelling" not in page
    assert "(predicted)" not in page


def test_a_mend_shows_what_is_to_be_typed_as_code() -> None:
    page = post(APP, "/why", ("feature", "umip"), HOST, ("domain", "web-1")).text
    mend = page.split('aria-label="what to do">')[1].split("</pre>")[0]
    assert "<code>virsh edit</code>" in mend
    assert "`" not in mend


def test_without_a_guest_there_is_one_line() -> None:
    page = post(APP, "/why", ("feature", "avx2"), HOST).text
    assert page.count('class="station') == 6
    assert 'class="path alone"' in page


@pytest.mark.parametrize(
    ("text", "guest"),
    [
        ("<cpu mode='host-passthrough'/>", "XML text"),
        ("[libvirt]\ncpu_mode = host-model\n", "nova.conf text"),
        ("Skylake-Client-IBRS,+sgx", "-cpu Skylake-Client-IBRS,+sgx"),
        ("qemu-system-x86_64 -accel kvm -cpu host,-sgx", "command line text"),
    ],
)
def test_a_guest_may_be_a_text_that_asks(text: str, guest: str) -> None:
    document = post(APP, API, ("feature", "avx2"), HOST, ("text", text)).document
    check_document("why", document)
    assert document["answers"][0]["guest"] == guest


UNANSWERABLE: list[list[Sent]] = [
    [HOST],
    [("feature", "sgx")],
    [HOST, ("feature", "sqx")],
    [HOST, ("feature", ",".join(["sgx"] * 21))],
    [HOST, ("feature", "sgx"), ("domain", "nobody")],
    [HOST, ("feature", "sgx"), ("domain", "web-1"), ("text", "Haswell,+sgx")],
    [HOST, ("feature", "sgx"), ("text", "<feature name='sgx'/>")],
    [HOST, ("feature", "sgx"), ("file", ("n.conf", b"[libvirt]\ncpu_mode = \xff"))],
    [HOST, ("feature", "sgx"), ("text", "<domain>")],
    [HOST, ("feature", "\0"), ("text", "qemu-system-x86_64 -cpu 'a")],
]


@pytest.mark.parametrize("parts", UNANSWERABLE)
def test_what_cannot_be_followed_is_told(parts: list[Sent]) -> None:
    answer = post(APP, API, *parts)
    assert answer.status == 400, answer.text
    check_document("error", answer.document)
    assert post(APP, "/why", *parts).status == 400


def test_what_is_asked_is_shown_and_not_obeyed() -> None:
    page = post(APP, "/why", ("feature", "<script>"), HOST).text
    assert "<script>" not in page
    page = post(APP, "/why", ("feature", "avx2"), HOST, ("text", "Haswell,+<script>alert(1)</script>")).text
    assert "<script>" not in page
