from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator
from starlette.types import ASGIApp

from asgi import HOST, Answer, get, post
from fleets import fleet_rows, ingest
from schemas import check_document
from vcpuid.answers.explain import explain
from vcpuid.answers.leaf import list_leaves
from vcpuid.answers.msr import list_msrs
from vcpuid.atlas import Atlas
from vcpuid.fleet.store import Store
from vcpuid.render.explain import explain_document
from vcpuid.web.app import make_app
from vcpuid.web.fleet_view import FleetView
from vcpuid.web.form_view import FormView
from vcpuid.web.guard import LOOPBACK_HOSTS
from vcpuid.web.pages import VIEWS
from vcpuid.web.view import API

APP: ASGIApp = make_app(LOOPBACK_HOSTS)
LEAVES = [summary.leaf for summary in list_leaves()]
MSRS = [summary.msr.word.index for summary in list_msrs()]


def ask(target: str, method: str = "GET", host: str = HOST) -> Answer:
    return get(APP, target, method=method, host=host)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: f"{leaf:x}")
def test_every_subleaf_of_every_leaf_has_a_page_and_a_document(leaf: int) -> None:
    document = ask(f"{API}/leaves/{leaf:x}").document
    check_document("leaf", document)
    for run in document["subleaves"]:
        page = ask(f"/cpuid/{leaf:x}/{run['first']}")
        assert page.status == 200
        assert len(page.body) < 100_000
        twin = ask(f"{API}/leaves/{leaf:x}/{run['first']}").document
        check_document("leaf", twin)
        for register in twin["registers"]:
            for grid in register["grids"]:
                assert all(
                    f'href="/cpuid/{leaf:x}/{run["first"]}/{register["register"]}/{cell["low"]}"' in page.text
                    for cell in grid["cells"]
                )


@pytest.mark.parametrize("place", ["7/0/ebx", "4/0/eax", "40000003/0/edx", "80000001/0/ecx", "7ffe/9/edx"])
def test_every_bit_of_a_register_has_a_page_and_a_document(place: str) -> None:
    for bit in range(32):
        assert ask(f"/cpuid/{place}/{bit}").status == 200
        check_document("bit", ask(f"{API}/leaves/{place}/{bit}").document)


@pytest.mark.parametrize("index", MSRS, ids=lambda index: f"{index:x}")
def test_every_msr_has_a_page_and_a_document(index: int) -> None:
    document = ask(f"{API}/msrs/{index:x}").document
    check_document("msr", document)
    page = ask(f"/msr/{index:x}")
    assert page.status == 200
    assert document["name"] in page.text.replace("<wbr>", "")
    for grid in document["register"]["grids"]:
        assert all(f'href="/msr/{index:x}/{cell["low"]}"' in page.text for cell in grid["cells"])


@pytest.mark.parametrize("index", ["10a", "48B", "8b", "7ffe"])
def test_every_bit_of_an_msr_has_a_page_and_a_document(index: str) -> None:
    for bit in range(64):
        assert ask(f"/msr/{index}/{bit}").status == 200
        check_document("bit", ask(f"{API}/msrs/{index}/{bit}").document)


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/cpuid", "page"),
        ("/cpuid/7", "true"),
        ("/cpuid/7/0/ebx/2", "true"),
        ("/msr", "true"),
        ("/msr/10a", "true"),
    ],
)
def test_a_page_of_the_atlas_says_where_one_is(path: str, current: str) -> None:
    assert f'<a href="/cpuid" aria-current="{current}">Atlas</a>' in ask(path).text


def test_the_list_of_msrs_has_them_all() -> None:
    document = ask(f"{API}/msrs").document
    check_document("msrs", document)
    page = ask("/msr").text
    assert [msr["msr"] for msr in document["msrs"]] == MSRS
    assert all(f'href="/msr/{index:x}"' in page for index in MSRS)


@pytest.mark.parametrize(
    ("path", "link", "text"),
    [
        ("/cpuid/7/0/ebx/2", "/msr/3a/18", "feature-control-sgx"),
        ("/msr/3a/18", "/cpuid/7/0/ebx/2", "enumerated by"),
        ("/cpuid/7/0/edx/29", "/msr/10a", "IA32_ARCH_CAPABILITIES"),
        ("/msr/10a", "/cpuid/7/0/edx/29", "arch-capabilities"),
        ("/cpuid/80000001/0/edx/20", "/msr/1a0/34", "controlled by"),
        ("/msr/c0011002/3", "/cpuid/7/0#ebx", "controls"),
        ("/msr/481/37", "/msr/48d/37", "same as"),
        ("/search?q=vmx-encls-exit", "/cpuid/7/0/ebx/2", "ENCLS exits"),
        ("/search?q=MSR(48DH).vmx-posted-intr", "/msr/48d/39", "Posted interrupts"),
        ("/search?q=IA32_FEAT_CTL", "/msr/3a", "IA32_FEATURE_CONTROL"),
        ("/search?q=MSR+0x3a%3D0x5", "/msr/3a/2", "VMX allowed by firmware"),
        ("/search?q=senter_global_enable", "/msr/3a/15", "SENTER may be used at all"),
    ],
)
def test_bits_of_cpuid_and_of_msrs_lead_to_each_other(path: str, link: str, text: str) -> None:
    page = ask(path).text
    assert f'href="{link}"' in page
    assert text in page


def test_a_second_interface_of_a_hypervisor_has_pages_like_the_first() -> None:
    page = ask("/cpuid/40000101").text
    assert "Interface or features of the hypervisor" in page
    assert 'href="/cpuid/40000101/0/eax/5"' in page
    bit = ask("/cpuid/40000101/0/eax/5").text
    assert "In its register" in bit
    assert "kvm_steal_time" in bit
    assert ask("/cpuid/400001fe").status == 404


def test_a_register_names_the_vendors_of_its_bits_where_they_are_not_neighbours() -> None:
    page = ask("/msr/8b").text
    assert re.findall(r'class="whose">([^<]*)', page) == ["Intel, Zhaoxin", "AMD, Hygon"]
    assert 'class="whose"' not in ask("/msr/10a").text
    assert "as Hyper-V has it" in ask("/cpuid/40000003").text


def test_a_bits_page_has_the_answer_of_explain() -> None:
    page = ask("/cpuid/7/0/ebx/2").text
    for text in ("Software Guard Extensions", "HW_CPU_X86_SGX", "MODEL,sgx=on", "since 6.2"):
        assert text in page


def test_the_list_of_leaves_has_them_all() -> None:
    document = ask(f"{API}/leaves").document
    check_document("leaves", document)
    page = ask("/cpuid").text
    assert [leaf["leaf"] for leaf in document["leaves"]] == LEAVES
    assert all(f'href="/cpuid/{leaf:x}"' in page for leaf in LEAVES)


def test_the_first_page_asks_what_can_be_answered() -> None:
    page = ask("/")
    assert page.status == 200
    assert '<form action="/search"' in page.text


def test_a_field_is_shown_in_the_subleaf_that_was_asked_about() -> None:
    page = ask("/cpuid/4/3/eax/20").text
    assert "CPUID.04H.3:EAX[25:14]" in page
    assert "CPUID.04H.0" not in page
    assert "the number plus 1" in page


def test_every_field_says_how_it_is_read() -> None:
    atlas = Atlas.load()
    fields = [field for leaf in LEAVES for field in atlas.field_table.of_leaf(leaf) if field.encoding != "flag"]
    for bits in {field.encoding: field.bits() for field in fields}.values():
        leaf, subleaf, register, _ = bits.plain.split(".")
        assert "read as" in ask(f"/cpuid/{leaf}/{subleaf}/{register}/{bits.low}").text


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("%2Bsgx", ["Looked for “sgx” in “+sgx”", "Software Guard Extensions"]),
        ("EFER.SVME", ["SVM instructions work.", 'href="/msr/c0000080/12"']),
        ("4.0.eax.20", ["the number plus 1", "The bit in its register"]),
        ("7.0.edx.0", ["The atlas has nothing for", 'href="/cpuid/7/0/edx/0"']),
    ],
)
def test_a_bit_that_no_project_names_is_told_of_by_the_search_too(query: str, texts: list[str]) -> None:
    page = ask(f"/search?q={query}").text
    assert all(text in page for text in texts)
    check_document("search", ask(f"{API}/search?q={query}").document)


SEARCHES = {
    "sgx": "Software Guard Extensions",
    "HW_CPU_X86_VMX": "vmx",
    "7.0.ebx%3D0x29c6fbf": "tsc-adjust",
    "7.0.ebx": "fsgsbase",
    "7.3.ebx": "The atlas has nothing there",
    "7.0.ebx%3D0": "No bit is set",
    "MSR+0x10a": "rdctl-no",
    "MSR+0x7ffe%3D1": "not in the atlas",
    "0x40000003.0.eax%3D1": "Xen",
    "avx512": "avx512-vpopcntdq",
    "topology": "Extended topology",
    "sqxlc": "sgxlc",
    "Sha_Ni": "“Sha_Ni” is, in other upper and lower case, a name of /proc/cpuinfo.",
    "7.0.ebx.40": "has bits 0 to 31",
    "": "A name in any dialect",
    "%3Cscript%3E": "&lt;script&gt;",
}


def test_a_search_for_a_cpu_model_says_where_it_is_answered() -> None:
    page = ask("/search?q=Haswell").text
    assert "A CPU model, and no feature" in page
    assert "<code>vcpuid map show Haswell</code>" in page


@pytest.mark.parametrize(("query", "text"), SEARCHES.items())
def test_a_search_answers_people_and_programs(query: str, text: str) -> None:
    page = ask(f"/search?q={query}")
    assert page.status == 200
    assert text in page.text.replace("<wbr>", "")
    assert "<script>" not in page.text
    check_document("search", ask(f"{API}/search?q={query}").document)


def test_a_name_of_several_meanings_leads_to_each() -> None:
    document = ask(f"{API}/search?q=stibp").document
    check_document("search", document)
    assert len(document["meanings"]) > 1
    page = ask("/search?q=stibp").text
    assert "means different bits" in page
    assert all(f"/search?q={meaning['address'].replace('+', '%2B')}" in page for meaning in document["meanings"])


def test_explain_answers_as_the_command_does() -> None:
    assert ask(f"{API}/explain?q=sgxlc").document == explain_document([explain("sgxlc")])


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("/explain?q=sqx", 404, "no feature of this name in any dialect"),
        ("/explain?q=7.0.ebx.40", 400, "CPUID.07H.0:EBX has bits 0 to 31"),
        ("/explain", 400, "the query has no text q, or several"),
        ("/search?q=a&q=b", 400, "the query has no text q, or several"),
        (f"/search?q={'a' * 201}", 400, "the text is too long"),
        ("/leaves/7ffe", 404, "the atlas has no such leaf"),
        ("/leaves/7/99", 404, "the atlas has no such subleaf of leaf 07H"),
        ("/leaves/xyz", 404, "not a leaf"),
        ("/leaves/7/-1", 404, "not a subleaf"),
        ("/leaves/7/%D9%A1", 404, "not a subleaf"),
        ("/leaves/7/0/rax/1", 404, "not a register"),
        ("/leaves/7/0/eax/32", 404, "not a bit"),
        ("/msrs/7ffe", 404, "the atlas has no such MSR"),
        ("/msrs/xyz", 404, "not an MSR"),
        ("/msrs/10a/64", 404, "not a bit"),
        ("/nothing", 404, "not found"),
    ],
)
def test_what_has_no_answer_is_told_to_people_and_programs(target: str, status: int, message: str) -> None:
    answer = ask(f"{API}{target}")
    assert (answer.status, answer.document["message"]) == (status, message)
    check_document("error", answer.document)
    if not target.startswith("/explain"):
        page = ask(target.replace("/leaves/", "/cpuid/").replace("/msrs/", "/msr/"))
        assert page.status == status
        assert f"<h1>{message}</h1>" in page.text


@pytest.mark.parametrize(
    ("target", "method", "status"), [("/nothing", "GET", 404), ("/cpuid/", "GET", 404), ("/cpuid", "POST", 405)]
)
def test_what_is_not_there_is_told_with_what_to_do(target: str, method: str, status: int) -> None:
    page = ask(target, method)
    program = get(APP, target, method=method, accept="application/json")
    assert page.status == program.status == status
    check_document("error", program.document)
    assert program.document["found"] == f"{method} {target}"
    assert program.document["next_step"] in page.text


def test_an_address_that_is_none_is_shown_short_and_as_text() -> None:
    answer = ask(f"/%3Cscript%3E%1b{'a' * 5000}")
    assert answer.status == 404
    assert "<script>" not in answer.text
    assert len(answer.body) < 5000


@pytest.mark.parametrize("method", ["DELETE", "PUT", "OPTIONS", "TRACE", "CONNECT", "get", "X" * 5000])
@pytest.mark.parametrize(
    ("target", "methods"), [("/", "GET, HEAD"), ("/lint", "GET, HEAD, POST"), (f"{API}/lint", "POST")]
)
def test_another_method_is_refused_with_those_that_there_are(target: str, methods: str, method: str) -> None:
    answer = ask(target, method)
    assert (answer.status, answer.headers["allow"]) == (405, methods)
    assert len(answer.body) < 3000


def test_a_page_is_only_read() -> None:
    answer = ask("/cpuid", method="POST")
    assert (answer.status, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert "<h1>method not allowed</h1>" in answer.text


def test_pages_refer_to_files_that_are_served_and_to_nothing_else() -> None:
    page = ask("/cpuid/7").text
    files = re.findall(r'(?:href|src)="(/static/[^"]*)"', page)
    assert len(files) == 4
    assert page.count("src=") == page.count("<script") == 2
    for file in files:
        answer = ask(file)
        assert answer.status == 200
        assert "immutable" in answer.headers["cache-control"]
    for forbidden in ("http:", "https:", "style=", " onclick="):
        assert forbidden not in page


@pytest.mark.parametrize("name", ["style.css", "..%2Fstyle.css", "%2e%2e/%2e%2e/app.py", "style.000000000000.css"])
def test_no_other_file_is_served(name: str) -> None:
    assert ask(f"/static/{name}").status == 404


def test_what_it_is_not_asked_by_name_for_is_refused() -> None:
    assert ask("/", host="evil.example").status == 421


def test_a_bug_is_confessed_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_down(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("vcpuid.web.pages.leaves.list_leaves", break_down)
    page = get(APP, "/cpuid", bug=ZeroDivisionError)
    twin = get(APP, f"{API}/leaves", bug=ZeroDivisionError)
    assert (page.status, twin.status) == (500, 500)
    assert "<h1>this is a bug of vcpuid</h1>" in page.text
    assert twin.document["message"] == "this is a bug of vcpuid"
    assert "ZeroDivisionError" not in page.text + twin.text
    told = capsys.readouterr().err
    assert told.count("this is a bug of vcpuid: ZeroDivisionError: oh") == 2
    assert "Traceback" not in told + page.text


def resolve(document: dict[str, Any], pointer: str) -> object:
    place: Any = document
    for step in pointer.removeprefix("#/").split("/"):
        place = place[step]
    return place


def references(part: object) -> list[str]:
    if isinstance(part, list):
        return [found for one in part for found in references(one)]
    if isinstance(part, dict):
        own = [part["$ref"]] if "$ref" in part else []
        return own + [found for one in part.values() for found in references(one)]
    return []


def test_the_openapi_document_has_every_view_and_leads_nowhere_outside() -> None:
    document = ask(f"{API}/openapi.json").document
    assert set(document["paths"]) == {f"{API}{view.api}" for view in VIEWS if view.api}
    found = references(document)
    assert found
    for pointer in found:
        assert resolve(document, pointer)
    assert "urn:" not in json.dumps(document)


@pytest.fixture(scope="module")
def with_fleet(tmp_path_factory: pytest.TempPathFactory) -> ASGIApp:
    """Give an explorer with a store in which there is what the examples name."""
    store = Store(tmp_path_factory.mktemp("fleet") / "store")
    rows = fleet_rows(20)
    for date in ("2026-01-02", "2026-01-03"):
        ingest(store, [row._replace(host=f"h{number:02}") for number, row in enumerate(rows)], date)
    return make_app(LOOPBACK_HOSTS, store=store)


def test_the_openapi_documents_examples_are_answered_as_it_says(with_fleet: ASGIApp) -> None:
    document = ask(f"{API}/openapi.json").document
    for path, item in document["paths"].items():
        if "post" in item:
            continue
        target, query = path, {}
        for parameter in item["get"]["parameters"]:
            Draft202012Validator.check_schema(parameter["schema"])
            if parameter["in"] == "query" and (parameter["required"] or "example" in parameter):
                query[parameter["name"]] = parameter["example"]
            elif parameter["in"] == "path":
                target = target.replace(f"{{{parameter['name']}}}", parameter["example"])
        answer = get(with_fleet, f"{target}?{urlencode(query)}")
        assert answer.status == 200, answer.text
        schema = item["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**document, **schema}).validate(answer.document)


def test_the_openapi_documents_forms_are_answered_as_it_says(with_fleet: ASGIApp) -> None:
    document = ask(f"{API}/openapi.json").document
    forms = {path: item["post"] for path, item in document["paths"].items() if "post" in item}
    posted = {view.path for view in VIEWS if isinstance(view, FormView)}
    posted |= {view.path for view in VIEWS if isinstance(view, FleetView) and view.is_posted}
    assert set(forms) == {f"{API}{path}" for path in posted}
    for path, operation in forms.items():
        form = operation["requestBody"]["content"]["multipart/form-data"]
        Draft202012Validator.check_schema(form["schema"])
        example = form["example"]
        Draft202012Validator(form["schema"]).validate(example)
        answer = post(with_fleet, path, *example.items())
        assert answer.status == 200, answer.text
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**document, **schema}).validate(answer.document)
