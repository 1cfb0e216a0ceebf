"""Guests by flavor: those that ask for enclave memory, in the forms that clients print."""

from __future__ import annotations

import json

import pytest

from vcpuid.answers.sgx.plan import MIB, RESOURCE, TRAIT, Request, requests_of_flavors
from vcpuid.errors import InputError
from vcpuid.guest.nova.flavor import parse_flavors


def requests(document: object) -> tuple[Request, ...]:
    return requests_of_flavors(parse_flavors(json.dumps(document), "f.json"))


@pytest.mark.parametrize(
    "document",
    [
        [{"Name": "sgx", "RAM": 2048, "VCPUs": 2, "Properties": {RESOURCE: "64", TRAIT: "required"}}],
        {"name": "sgx", "ram": 2048, "vcpus": 2, "properties": {RESOURCE: "64", TRAIT: "required"}},
        {"name": "sgx", "ram": "2048", "vcpus": "2", "properties": f"{RESOURCE}='64', {TRAIT}='required'"},
        {"name": "sgx", "ram": 2048, "vcpus": 2, "extra_specs": {RESOURCE: 64, TRAIT: "required"}},
    ],
    ids=["list --long", "show", "an old client's show", "the API"],
)
def test_every_form(document: object) -> None:
    made = Request("sgx", 64 * MIB, 1, 2048 * MIB, 2, asks_for_trait=True, is_flavor=True)
    assert requests(document) == (made,)


def test_flavors_without_enclave_memory_are_passed_over() -> None:
    size = {"RAM": 512, "VCPUs": 1}
    flavors = [{"Name": "plain", **size}, {"Name": "sgx", **size, "Properties": {RESOURCE: "2"}}]
    (request,) = requests(flavors)
    assert (request.name, request.size_bytes, request.asks_for_trait) == ("sgx", 2 * MIB, False)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({}, "no flavor here asks for enclave memory"),
        ({RESOURCE: "many"}, "of a is no number"),
        ({RESOURCE: "0"}, "of a is no number"),
        ({RESOURCE: True}, "of a is no number"),
        ([1], "its properties are no pairs"),
    ],
)
def test_what_asks_for_nothing(properties: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        requests([{"Name": "a", "RAM": 512, "VCPUs": 1, "Properties": properties}])
    assert caught.value.source == "f.json"


@pytest.mark.parametrize(
    ("text", "message"), [("{", "not JSON"), ("[1]", "no flavor"), ("[" * 100000, "nested too deeply")]
)
def test_what_is_no_list_of_flavors(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_flavors(text, "f.json")


def test_an_empty_list_asks_for_nothing() -> None:
    with pytest.raises(InputError, match="no flavor here"):
        requests([])
