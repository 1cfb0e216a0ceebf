"""The whole text of `sgx doctor` and `sgx plan` for hosts with SGX made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from sgx_hosts import CHANGES, EXAMPLES, example_text, sgx_document, sgx_host
from vcpuid.answers.sgx.doctor import examine
from vcpuid.answers.sgx.files import write_files
from vcpuid.answers.sgx.plan import make_plan, parse_request
from vcpuid.answers.sgx.step import Purpose
from vcpuid.render.sgx_doctor import render_doctor
from vcpuid.render.sgx_plan import render_plan

REPOSITORY = Path(__file__).parents[2]
Check = Callable[[str, str], None]


@pytest.mark.parametrize("name", CHANGES)
def test_the_doctor(name: str, golden: Check) -> None:
    golden(f"sgx/doctor-{name}", render_doctor(examine(sgx_host(name))).plain())


@pytest.mark.parametrize("name", ["ready", "tdx"])
def test_the_doctor_of_quotes_with_all_that_it_rests_on(name: str, golden: Check) -> None:
    text = render_doctor(examine(sgx_host(name), Purpose.QUOTES), verbose=True).plain()
    golden(f"sgx/quotes-{name}-verbose", text)


@pytest.mark.parametrize(
    ("name", "host", "guests"),
    [
        ("all-fit", "ready", ["62Mx2", "94Mx2"]),
        ("parts", "ready", ["120M", "64Mx3"]),
        ("not-all-fit", "ready", ["63Mx4", "big=1G"]),
        ("no-memory", "bios-off", ["64M"]),
    ],
)
def test_the_plan(name: str, host: str, guests: list[str], golden: Check) -> None:
    plan = make_plan(sgx_host(host), [parse_request(text) for text in guests])
    golden(f"sgx/plan-{name}", render_plan(plan, ()).plain())


def test_the_files(golden: Check) -> None:
    host = sgx_host("ready")
    plan = make_plan(host, [parse_request("62M"), parse_request("big=200M")])
    texts = [f"==> {file.name}\n{file.text}" for file in write_files(plan, host, provisioning=True)]
    golden("sgx/files", "\n".join(texts))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_the_documentation_is_this_host(name: str, request: pytest.FixtureRequest) -> None:
    path = REPOSITORY / "docs" / "examples" / f"{name}.json"
    if request.config.getoption("--regenerate-golden", default=False):
        path.write_text(example_text(name), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == example_text(name)


@pytest.mark.parametrize("name", CHANGES)
def test_each_host_is_a_snapshot(name: str) -> None:
    schema = json.loads((REPOSITORY / "src/vcpuid/snapshot/schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(sgx_document(name))
