from __future__ import annotations

from pathlib import Path

import pytest

from asgi import File, Sent, post
from schemas import check_document
from vcpuid.snapshot import Snapshot
from vcpuid.web.app import make_app
from vcpuid.web.guard import LOOPBACK_HOSTS

APP = make_app(LOOPBACK_HOSTS)
API = "/api/v1/host"
ROOT = Path(__file__).parents[3]
DUMPS = sorted((ROOT / "tests/dumps").glob("*.json")) + sorted((ROOT / "tests/dumps/samples").iterdir())


def read(path: str | Path) -> File:
    path = ROOT / path
    return path.name, path.read_bytes()


def test_a_snapshots_lost_bits_are_lit_by_the_hop() -> None:
    document = post(APP, API, ("host", read("docs/examples/h07.json"))).document
    check_document("supply", document)
    assert document["host"] == "h07"
    (word,) = [one for one in document["registers"] if one["text"] == "CPUID.(EAX=07H,ECX=0):EBX"]
    (cell,) = [one for one in word["cells"] if one["name"] == "sgx"]
    assert (cell["light"], cell["lost_at"]) == ("lost", "firmware")
    assert (cell["states"]["silicon"], cell["states"]["kvm"]) == ("present", "absent")
    page = post(APP, "/host", ("host", read("docs/examples/h07.json"))).text
    assert '<span class="unseen">lost at </span>firmware</span>' in page
    assert "Enable SGX" in page


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.name)
def test_every_dump_has_a_page_and_a_document(path: Path) -> None:
    answer = post(APP, API, ("host", read(path)))
    assert answer.status == 200, answer.text
    check_document("supply", answer.document)
    assert answer.document["host"] == path.name
    assert post(APP, "/host", ("host", read(path))).status == 200


def test_this_machine_is_looked_at_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Snapshot.read(ROOT / "docs/examples/h07.json").root.value
    monkeypatch.setattr("vcpuid.web.hosts.collect", lambda _: seen)
    document = post(APP, API, ("machine", "here")).document
    check_document("supply", document)
    assert document["host"] == "h07"


UNANSWERABLE: list[list[Sent]] = [
    [],
    [("machine", "there")],
    [("machine", "/etc/passwd")],
    [("machine", "here"), ("host", ("a", b"b"))],
    [("host", ("a", b"no dump at all"))],
    [("host", ("a", b'{"schema": "vcpuid-snapshot/1"'))],
    [("host", ("a", b'{"schema": "vcpuid-snapshot/99", "sources": {}}'))],
    [("host", ("a", b"\x1f\x8b\x08\0broken"))],
]


@pytest.mark.parametrize("parts", UNANSWERABLE)
def test_what_is_no_host_is_told(parts: list[Sent]) -> None:
    answer = post(APP, API, *parts)
    assert answer.status == 400, answer.text
    check_document("error", answer.document)
    page = post(APP, "/host", *parts)
    assert page.status == 400
    assert 'role="alert"' in page.text


def test_what_a_snapshot_says_is_shown_and_not_obeyed() -> None:
    name, content = read("docs/examples/h07.json")
    hostile = content.replace(b'"h07"', b'"<script>alert(1)</script>"')
    assert hostile != content
    page = post(APP, "/host", ("host", (name, hostile))).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("escape", [b"\\ud800", b"\\u0000", b"\\u202e"])
def test_what_is_no_character_does_no_harm(escape: bytes) -> None:
    name, content = read("docs/examples/h07.json")
    for target in ("/host", API):
        assert post(APP, target, ("host", (name, content.replace(b'"h07"', b'"' + escape + b'"')))).status == 200
