"""The JSON documents that commands write, against their published schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource

import vcpuid
from domain_lint import INPUTS, basis_of, lint_input
from reports import cpu_report, whole_report, write_qemu
from snapshots import evidence, whole_host
from vcpuid.answers.audit import audit
from vcpuid.answers.diagnose import diagnose
from vcpuid.answers.explain import explain
from vcpuid.answers.guest import DIALECTS, translate
from vcpuid.answers.lint import KINDS, LintReport
from vcpuid.answers.sgx.doctor import examine
from vcpuid.answers.supply import supply
from vcpuid.answers.why import why
from vcpuid.atlas import Atlas
from vcpuid.dumps import parse_dump, read_dump
from vcpuid.errors import AmbiguousNameError, InputError, UndecidedError, UnknownNameError, VcpuidError
from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import Guest, guest_of_domain, guest_of_process
from vcpuid.probe import probe
from vcpuid.render.audit import audit_document
from vcpuid.render.diagnose import diagnosis_document
from vcpuid.render.document import address_document, error_document
from vcpuid.render.explain import explain_document
from vcpuid.render.guest import guest_document
from vcpuid.render.lint import lint_document
from vcpuid.render.probe import probe_document
from vcpuid.render.sgx_doctor import doctor_document
from vcpuid.render.supply import supply_document
from vcpuid.render.why import why_document
from vcpuid.rules.messages.table import load_messages
from vcpuid.terms.address import parse_bit

FOLDER = Path(vcpuid.__file__).parent / "render" / "schemas"
SCHEMAS = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.schema.json"))
}
REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
)
HOST = whole_host()


def check(name: str, document: object) -> None:
    Draft202012Validator(SCHEMAS[name], registry=REGISTRY).validate(document)


def guests(host: Evidence) -> list[Guest | None]:
    return [None, guest_of_domain(host, "web-1"), guest_of_process(host, 4711)]


def test_the_schemas_are_those_of_the_contract() -> None:
    assert set(SCHEMAS) == {
        "address",
        "audit",
        "baseline",
        "baseline-nova",
        "bit",
        "compare",
        "compare-hosts",
        "decode",
        "diagnose",
        "diff",
        "error",
        "explain",
        "feature",
        "finding",
        "fleet-baseline",
        "fleet-drain",
        "fleet-drift",
        "fleet-ingest",
        "fleet-matrix",
        "fleet-missing",
        "fleet-precheck",
        "fleet-price",
        "fleet-report",
        "fleet-summary",
        "fleet-what-if",
        "fleet-which-hosts",
        "leaf",
        "leaves",
        "msr",
        "msrs",
        "lint",
        "map-add",
        "map-show",
        "map-sync",
        "probe",
        "guest",
        "report",
        "search",
        "sgx-doctor",
        "sgx-memory",
        "sgx-plan",
        "supply",
        "verdict",
        "why",
    }


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_one_and_has_its_own_name(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$id"] == f"urn:vcpuid:schema:{name}:1"


@pytest.mark.parametrize("sources", [{}, HOST], ids=["nothing known", "whole host"])
def test_why_of_every_kind_of_feature_and_guest(sources: dict[str, Any]) -> None:
    names = ["sgx", "vmx-ept", "rdctl-no", "kvmclock", "pmu", "80000001.0.edx.0", "7.0.eax.31", "Sha_Ni"]
    host = evidence(**sources)
    for guest in guests(host) if sources else [None, Guest(label="x")]:
        check("why", why_document([why(name, host, guest) for name in names], "h07", "2026-01-02T03:04:05Z"))


def test_explain_of_every_feature() -> None:
    atlas = Atlas.load()
    names = {name.text for feature in atlas.features() for own in feature.names.values() for name in own}
    explained = []
    for name in sorted(names):
        try:
            explained.append(explain(name, None, atlas))
        except AmbiguousNameError as error:
            check("error", error_document(error))
    assert len(explained) > 1000
    check("explain", explain_document(explained))


@pytest.mark.parametrize("target", DIALECTS)
def test_guest_into_every_dialect_and_back(target: str) -> None:
    answer = translate("qemu64,+avx2,model-id=x,+sgx-lc", "here", target)
    assert answer.losses or target == "qemu"
    check("guest", guest_document(answer))
    check("guest", guest_document(translate(answer.text, "here", "libvirt", origin=target)))


@pytest.mark.parametrize(
    "text", ["7.0.ebx", "0x12.1.eax=0x36", "1.eax=506e3", "MSR 0x10a", "MSR 10AH=ffffffffffffffff", "7ffe.0.eax=1"]
)
def test_explain_of_words(text: str) -> None:
    check("explain", explain_document([explain(text)]))


@pytest.mark.parametrize(
    "error",
    [
        VcpuidError("broken"),
        InputError("broken", source="a", line=1, found="x", expected="y", next_step="z"),
        UnknownNameError("sqx", ("sgx",)),
        UndecidedError("no ssh"),
    ],
)
def test_errors(error: VcpuidError) -> None:
    check("error", error_document(error))


def test_probe(tmp_path: Path) -> None:
    qemu = write_qemu(
        tmp_path / "q", report=whole_report(cpu_report(0), cpu_report(1)), stderr="qemu: warning: x\n"
    )
    document = probe_document(probe("max", accelerator="tcg", smp=2, qemu=str(qemu)))
    check("probe", document)
    own = json.loads((Path(vcpuid.__file__).parent / "dumps" / "schema.json").read_text(encoding="utf-8"))
    for name in ("dump", "switched_on"):
        Draft202012Validator(own).validate(document[name])
        assert parse_dump(json.dumps(document[name]).encode(), name).dump.cpus[1].msrs == {0x10A: 0x1_0000_0069}


@pytest.mark.parametrize("text", ["7.0.ebx.2", "d.0.eax.17-18", "msr.10a.63"])
def test_addresses(text: str) -> None:
    check("address", address_document(parse_bit(text)))


def test_when_evidence_was_taken_is_null_where_it_is_not_told() -> None:
    dump = Evidence.of_dump(read_dump(Path(__file__).parents[2] / "dumps/intel-quark.json"))
    for name, document in (
        ("why", why_document([why("sgx", dump)], "a", dump.snapshot.taken_at)),
        ("audit", audit_document(audit(dump))),
        ("sgx-doctor", doctor_document(examine(dump))),
        ("supply", supply_document(dump, supply(dump))),
    ):
        check(name, document)
        assert document["taken_at"] is None, name


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"state": "maybe"},
        {"layer": "bios"},
        {"evidence": [{"source": "x"}]},
        {"summary": ""},
        {"rules_version": 1},
    ],
)
def test_a_verdict_of_another_form_is_refused(change: dict[str, object]) -> None:
    document = why_document([why("sgx", evidence(**HOST))], "h07", "")
    document["answers"][0]["verdicts"][0] |= change
    with pytest.raises(ValidationError):
        check("why", document)


def test_a_document_that_lacks_a_member_is_refused() -> None:
    document = why_document([why("sgx", evidence(**HOST))], "h07", "")
    for place in (document, document["answers"][0], document["answers"][0]["feature"]):
        for member in list(place):
            value = place.pop(member)
            with pytest.raises(ValidationError):
                check("why", document)
            place[member] = value
    check("why", document)


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_lint_of_every_fault_of_domain_xml(path: Path) -> None:
    unread = (InputError("empty", source="a.xml"),)
    check("lint", lint_document(LintReport((lint_input(path),), unread, basis_of(path.stem))))


@pytest.mark.parametrize("sources", [{}, HOST], ids=["nothing known", "whole host"])
def test_diagnose_of_every_message(sources: dict[str, Any]) -> None:
    host = evidence(**sources)
    for message in load_messages():
        for sample in message.samples:
            check("diagnose", diagnosis_document(diagnose(sample.text, host, "web-1" if sources else None)))


def test_diagnose_of_a_text_that_nobody_knows() -> None:
    check("diagnose", diagnosis_document(diagnose("it broke: sha-ni, CPUID.07H:EBX.sgx [bit 2]")))


def test_lint_of_every_kind_of_file() -> None:
    schema = json.loads((Path(vcpuid.__file__).parent / "render/schemas/lint.schema.json").read_text("utf-8"))
    kinds = schema["properties"]["files"]["items"]["properties"]["kind"]["enum"]
    assert kinds == [kind.name for kind in KINDS]
