"""The bills of materials: valid, the same each time, and of what the pins say."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tools import make_sbom

EPOCH = "1700000000"


@cache
def bill(name: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", EPOCH)
        return make_sbom.render_bill(name)


def document(name: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(bill(name))
    return made


def test_the_core_and_every_extra_have_one() -> None:
    assert make_sbom.names() == ("core", "fleet", "kubevirt", "spark", "web")
    assert len({make_sbom.file_name(name) for name in make_sbom.names()}) == len(make_sbom.names())


@pytest.mark.parametrize("name", make_sbom.names())
def test_it_is_valid_and_lists_every_pin_with_its_hashes(name: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill(name)) is None
    text = (make_sbom.ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")
    pins = sorted(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))
    components = document(name)["components"]
    assert sorted((one["name"], one["version"]) for one in components) == pins
    hashes = {
        found["content"] for one in components for where in one["externalReferences"] for found in where["hashes"]
    }
    assert hashes == set(re.findall(r"--hash=sha256:(\w+)", text))


def test_a_second_run_makes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    assert make_sbom.render_bill("web") == bill("web")


def test_the_time_is_that_of_the_source_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert document("core")["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert "timestamp" not in json.loads(make_sbom.render_bill("core"))["metadata"]


def test_what_is_needed_directly_is_told_from_the_rest() -> None:
    made = document("kubevirt")
    names = {one["bom-ref"]: one["name"] for one in made["components"]}
    root = made["metadata"]["component"]
    (needs,) = (one["dependsOn"] for one in made["dependencies"] if one["ref"] == root["bom-ref"])
    assert root["name"] == "vcpuid"
    assert sorted(names[ref] for ref in needs) == ["click", "lxml", "pyyaml", "rich"]
    assert "mdurl" in names.values()


def test_a_pin_for_some_pythons_says_for_which() -> None:
    numpy = [one for one in document("fleet")["components"] if one["name"] == "numpy"]
    assert sorted(one["description"] for one in numpy) == [
        'where python_full_version < "3.12"',
        'where python_full_version >= "3.12"',
    ]
