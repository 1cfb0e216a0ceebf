"""Flavors that ask for enclave memory, in the forms that clients print."""

from __future__ import annotations

import json

import pytest

from vcpuid.errors import InputError
from vcpuid.guest.nova_flavors import Flavor, parse_flavors

EPC, TRAIT = "resources:CUSTOM_SGX_EPC_MB", "trait:HW_CPU_X86_SGX"


@pytest.mark.parametrize(
    "document",
    [
        [{"Name": "sgx", "RAM": 2048, "VCPUs": 2, "Properties": {EPC: "64", TRAIT: "required"}}],
        {"name": "sgx", "ram": 2048, "vcpus": 2, "properties": {EPC: "64", TRAIT: "required"}},
        {"name": "sgx", "ram": "2048", "vcpus": "2", "properties": f"{EPC}='64', {TRAIT}='required'"},
        {"name": "sgx", "ram": 2048, "vcpus": 2, "extra_specs": {EPC: 64, TRAIT: "required"}},
    ],
    ids=["list --long", "show", "an old client's show", "the API"],
)
def test_every_form(document: object) -> None:
    assert parse_flavors(json.dumps(document), "f.json") == (Flavor("sgx", 64, 2048, 2, asks_for_trait=True),)


def test_flavors_without_enclave_memory_are_passed_over() -> None:
    flavors = [{"Name": "plain", "Properties": {}}, {"Name": "none"}, {"Name": "sgx", "Properties": {EPC: "2"}}]
    assert parse_flavors(json.dumps(flavors), "f.json") == (Flavor("sgx", 2, None, None, asks_for_trait=False),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "no flavor"),
        ("[]", "no flavor here asks for enclave memory"),
        ('[{"Name": "plain", "Properties": {}}]', "no flavor here asks for enclave memory"),
        ('[{"Name": "a", "Properties": [1]}]', "the properties of a are none"),
        (json.dumps([{"Name": "a", "Properties": {EPC: "many"}}]), "of a is no number"),
        (json.dumps([{"Name": "a", "Properties": {EPC: "0"}}]), "of a is no number"),
        (json.dumps([{"Name": "a", "Properties": {EPC: True}}]), "of a is no number"),
        (json.dumps([{"Name": "a", "RAM": "-1", "Properties": {EPC: "2"}}]), "the memory of a is no number"),
        ("[" * 100000, "not JSON"),
    ],
)
def test_what_is_none(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_flavors(text, "f.json")
    assert caught.value.source == "f.json"
