from __future__ import annotations

from pathlib import Path

import pytest

from asgi import File, get, post
from schemas import check_document
from vcpuid.web.app import make_app
from vcpuid.web.guard import LOOPBACK_HOSTS

APP = make_app(LOOPBACK_HOSTS)
API = "/api/v1/lint"
EXAMPLES = Path(__file__).parents[3] / "docs/examples"
NOVA = "[libvirt]\ncpu_mode = custom\ncpu_models = Haswell\ncpu_model_extra_flags = sgx-lc\n"
DOMAIN = "<domain type='kvm'>\n<cpu>\n<model>Haswell</model>\n<feature name='sha_ni'/>\n</cpu></domain>"
MAP = "<feature name='sgx'>\n<cpuid eax_in='7' ecx_in='0' ebx='0'/>\n</feature>"


def read(name: str) -> File:
    return name, (EXAMPLES / name).read_bytes()


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        (NOVA, "nova.conf", 4),
        (DOMAIN, "domain XML", 4),
        (MAP, "CPU map of libvirt", 1),
        (read("sgx-by-hand.xml")[1].decode(), "CPU map of libvirt", 7),
        ("Haswell,+sgx1,-avx2,avx2=on", "-cpu string", None),
    ],
)
def test_a_text_of_every_kind_has_its_findings_at_their_lines(text: str, kind: str, line: int | None) -> None:
    answer = post(APP, API, ("text", text))
    assert answer.status == 200
    check_document("lint", answer.document)
    by_map, by_qemu = kind in ("nova.conf", "domain XML"), kind == "-cpu string"
    told = {"source": "text", "kind": kind, "by_map": by_map, "by_qemu": by_qemu}
    assert answer.document["files"] == [told]
    assert line in [finding["line"] for finding in answer.document["findings"]]
    page = post(APP, "/lint", ("text", text)).text
    assert (f"names by {answer.document['map']['source']}" in page) is by_map
    assert (f"names by {answer.document['qemu']}" in page) is by_qemu
    for finding in answer.document["findings"]:
        assert finding["rule"] in page
    if line is not None:
        beside = page.split(f'id="line-{line}"')[1].split("</li>")[0]
        assert 'class="finding' in beside


def test_a_file_is_judged_for_hosts_that_come_along() -> None:
    parts = [("file", read("web-1.xml")), ("host", read("h07.json")), ("host", read("h10.json"))]
    document = post(APP, API, *parts).document
    check_document("lint", document)
    assert [host["snapshot"] for host in document["hosts"]] == ["h07.json", "h10.json"]
    assert "h07" in [finding["host"] for finding in document["findings"]]


def test_a_form_keeps_what_was_typed_where_it_cannot_be_read() -> None:
    page = post(APP, "/lint", ("text", "<domain><oh & no</domain>"), ("qemu", "7.2"))
    assert page.status == 400
    assert 'role="alert"' in page.text
    assert "&lt;domain&gt;&lt;oh &amp; no&lt;/domain&gt;</textarea>" in page.text
    assert 'value="7.2"' in page.text


@pytest.mark.parametrize("field", ["path", "map", "file:///etc/passwd"])
def test_no_field_names_a_file_of_the_server(field: str) -> None:
    answer = post(APP, API, (field, "/usr/share/libvirt/cpu_map"))
    assert (answer.status, answer.document["message"]) == (400, "the form has no such field")


@pytest.mark.parametrize(
    "text", ["/etc/passwd", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><cpu>&b;</cpu>", "", "\0\1\2"]
)
def test_what_is_no_configuration_is_told(text: str) -> None:
    answer = post(APP, API, ("text", text))
    assert answer.status == 400
    check_document("error", answer.document)
    assert "root:" not in answer.text


def test_what_is_written_in_a_configuration_is_shown_and_not_obeyed() -> None:
    hostile = "<script>alert(1)</script>"
    page = post(APP, "/lint", ("file", (hostile, NOVA.replace("Haswell", hostile).encode()))).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_of_a_long_text_what_is_near_a_finding_is_shown() -> None:
    page = post(APP, "/lint", ("text", "# a remark\n" * 500 + NOVA)).text
    assert 'id="line-504"' in page
    assert 'id="line-1"' not in page
    assert "lines without a finding" in page


def test_the_page_without_an_answer_is_the_form() -> None:
    page = get(APP, "/lint")
    assert page.status == 200
    assert 'action="/lint" method="post"' in page.text
    assert get(APP, API).status == 405


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# a remark\n" * 100_000, "too large for the explorer"),
        ("[libvirt]\n" + "cpu_models = Haswell\n" * 2000, "too many findings for the explorer"),
        ("Haswell," + "+sgx1," * 30_000, "too long for -cpu"),
        ("Haswell," + "+sgx1," * 3000, "too many options for -cpu"),
        ("qemu-kvm -cpu Haswell," + "+sgx1," * 3000, "too many options for -cpu"),
    ],
)
def test_what_would_take_long_is_left_to_the_command(text: str, message: str) -> None:
    answer = post(APP, API, ("text", text))
    assert (answer.status, answer.document["message"]) == (400, message)
