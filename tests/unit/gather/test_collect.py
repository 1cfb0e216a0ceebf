"""Whole snapshots: by the schema, small, and of any host."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from programs import needs, needs_libvirt
from unit.gather.machines import SCHEMA, FakeVirsh, is_root
from vcpuid.gather.collect import SOURCE_NAMES, collect
from vcpuid.gather.options import Options

USUAL_SIZE_BYTES = 100 * 1000


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(SCHEMA.read_text())
    return document


def check(document: dict[str, Any], schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(schema).validate(document)


def test_the_schema_is_one(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]["sources"]["required"]) == set(SOURCE_NAMES)


def test_a_snapshot_of_this_machine(schema: dict[str, Any]) -> None:
    told: list[tuple[str, str]] = []
    document = collect(Options(timeout_s=60.0), lambda name, state: told.append((name, state)))
    check(json.loads(json.dumps(document)), schema)
    assert document["sources"]["cpuid"]["state"] in ("ok", "partial")
    assert len(gzip.compress(json.dumps(document).encode())) < USUAL_SIZE_BYTES
    assert {name for name, _ in told} == set(SOURCE_NAMES)
    assert told.index(("cpuid", "started")) < told.index(("cpuid", document["sources"]["cpuid"]["state"]))


@needs("qemu-system-x86_64", package="qemu-system-x86")
@needs_libvirt()
def test_a_snapshot_with_everything(schema: dict[str, Any]) -> None:
    document = collect(Options(timeout_s=120.0, active=True, monitor=True, anonymise=True))
    check(json.loads(json.dumps(document)), schema)
    sources = document["sources"]
    assert sources["libvirt"]["data"]["version"]["library"]
    assert sources["libvirt"]["data"]["map"]["files"]["index.xml"]
    if is_root():
        assert {binary["accel"] for binary in sources["qmp"]["data"]["binaries"]} >= {"tcg"}
    assert len(gzip.compress(json.dumps(document).encode())) < USUAL_SIZE_BYTES


def test_a_snapshot_of_a_machine_with_nothing(tmp_path: Path, schema: dict[str, Any]) -> None:
    document = collect(Options(virsh=("/no/virsh",), active=True, monitor=True), root=str(tmp_path))
    check(json.loads(json.dumps(document)), schema)
    states = {name: record["state"] for name, record in document["sources"].items()}
    assert states["kvm"] == states["msr"] == states["domains"] == states["libvirt"] == "failed"
    assert states["nova"] == "skipped"
    assert all(
        problem["why"]
        for record in document["sources"].values()
        if record["state"] != "ok"
        for problem in record["problems"]
    )


def test_a_virsh_that_hangs_delays_nobody(tmp_path: Path, schema: dict[str, Any]) -> None:
    hanging = FakeVirsh(tmp_path / "bin", {"list --all --uuid": ("hang", ""), "version --daemon": ("hang", "")})
    told: list[tuple[str, str]] = []
    options = hanging.options._replace(timeout_s=4.0)
    document = collect(options, lambda name, state: told.append((name, state)))
    check(json.loads(json.dumps(document)), schema)
    assert document["sources"]["domains"]["state"] == "failed"
    assert document["sources"]["domains"]["problems"][0]["why"] == "no answer within 4 s"
    ended = [name for name, state in told if state not in ("started", "skipped")]
    assert set(ended[-2:]) == {"domains", "libvirt"}


def test_only_some_sources() -> None:
    document = collect(Options(only=("sgx",)))
    assert document["sources"]["sgx"]["state"] == "ok"
    assert document["sources"]["cpuid"]["problems"][0]["why"] == "not asked for (--only)"
