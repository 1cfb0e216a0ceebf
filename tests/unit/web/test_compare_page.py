from __future__ import annotations

from pathlib import Path

import pytest

from asgi import File, Sent, post
from schemas import check_document
from vcpuid.web.app import make_app
from vcpuid.web.guard import LOOPBACK_HOSTS

APP = make_app(LOOPBACK_HOSTS)
API = "/api/v1/compare"
EXAMPLES = Path(__file__).parents[3] / "docs/examples"


def read(name: str) -> File:
    return name, (EXAMPLES / name).read_bytes()


def test_two_hosts_are_compared_there_and_back() -> None:
    parts: list[Sent] = [("first", read("h07.json")), ("second", read("h10.json"))]
    document = post(APP, API, *parts).document
    check_document("compare", document)
    assert document["back"]["compatibility"] == "incompatible"
    (sgx,) = [one for one in document["back"]["missing"] if one["feature"] == "sgx"]
    assert sgx["layer"] == "firmware"
    page = post(APP, "/compare", *parts).text
    assert page.count('<section class="way incompatible">') == 2
    for one in document["there"]["missing"] + document["back"]["missing"]:
        assert f"<code>{one['feature']}</code>" in page


def test_a_domain_asks_for_itself() -> None:
    parts: list[Sent] = [("first", read("h07.json")), ("domain", "web-1"), ("second", read("h10.json"))]
    document = post(APP, API, *parts).document
    check_document("compare", document)
    assert (document["there"]["source"], document["back"]) == ("web-1", None)
    assert post(APP, "/compare", *parts).status == 200


def test_a_pasted_guest_meets_a_dump_as_an_upper_bound() -> None:
    dump = EXAMPLES.parents[1] / "tests/dumps/intel-alder-lake.json"
    parts: list[Sent] = [
        ("text", "<cpu mode='custom'><model>Haswell-noTSX</model></cpu>"),
        ("second", (dump.name, dump.read_bytes())),
    ]
    document = post(APP, API, *parts).document
    check_document("compare", document)
    assert not document["parties"][1]["is_safe"]
    assert "(an upper bound)" in post(APP, "/compare", *parts).text


def test_what_is_missing_for_no_known_reason_is_told_too() -> None:
    dump = EXAMPLES.parents[1] / "tests/dumps/intel-coffee-lake.json"
    parts: list[Sent] = [
        ("text", "<cpu mode='custom'><model>Haswell</model><feature name='avx512f' policy='require'/></cpu>"),
        ("second", (dump.name, dump.read_bytes())),
    ]
    assert None in [one["rule"] for one in post(APP, API, *parts).document["there"]["missing"]]
    assert "<code>avx512f</code>" in post(APP, "/compare", *parts).text


UNANSWERABLE: list[list[Sent]] = [
    [],
    [("first", read("h07.json"))],
    [("first", read("h07.json")), ("second", read("web-1.xml"))],
    [("first", read("h07.json")), ("second", ("many.xml", b"<cpu/><cpu/>"))],
    [("first", read("h07.json")), ("second", read("h10.json")), ("domain", "nobody")],
    [("text", "<cpu><model>Haswell</model></cpu>"), ("second", read("h10.json")), ("domain", "web-1")],
    [("first", ("a", b"\0")), ("second", read("h10.json"))],
]


@pytest.mark.parametrize("parts", UNANSWERABLE)
def test_what_cannot_be_compared_is_told(parts: list[Sent]) -> None:
    answer = post(APP, API, *parts)
    assert answer.status == 400, answer.text
    check_document("error", answer.document)
    assert post(APP, "/compare", *parts).status == 400


def test_names_are_shown_and_not_obeyed() -> None:
    name, content = read("h07.json")
    hostile = (name, content.replace(b'"h07"', b'"<script>alert(1)</script>"'))
    page = post(APP, "/compare", ("first", hostile), ("second", read("h10.json"))).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
