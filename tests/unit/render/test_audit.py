"""The audit as text, JSON and metrics."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families
from referencing import Registry, Resource

import vcpuid
from snapshots import cpu_map, domain_xml, domains, evidence, libvirt, processes
from vcpuid.answers.audit import Audit, audit
from vcpuid.render.audit import audit_document, render_audit
from vcpuid.render.prometheus import render_audit_metrics

SKYLAKE = "<cpu mode='custom'><model>Skylake</model></cpu>"
SCHEMAS = Path(vcpuid.__file__).parent / "render" / "schemas"


@pytest.fixture
def answer() -> Audit:
    xml = domain_xml(SKYLAKE)
    return audit(
        evidence(
            domains=domains(inactive=xml, started=xml, live=xml, pid=4711),
            processes=processes("-accel", "kvm", "-cpu", "Skylake", "-cpu", "Nehalem"),
            libvirt=libvirt("<model>Skylake</model>", map_=cpu_map()),
        )
    )


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_text(answer: Audit) -> None:
    text = render_audit(answer).plain()
    assert "h07: 1 guest, 1 running" in text
    assert "wrong CPU" in text
    assert "web-1: error: the process has 2 -cpu options" in text


def test_the_same_fault_of_many_guests_is_told_once(answer: Audit) -> None:
    (guest,) = answer.guests
    others = [
        guest._replace(
            name=f"web-{number}",
            findings=tuple(
                replace(one, place=replace(one.place, source=f"web-{number}")) for one in guest.findings
            ),
        )
        for number in range(1, 4)
    ]
    text = render_audit(answer._replace(guests=tuple(others))).plain()
    assert text.count("the process has 2 -cpu options") == 1
    assert "web-1, web-2, web-3: error" in text
    assert "3 errors" in text


def test_json(answer: Audit) -> None:
    schemas = [json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8")) for name in ("audit", "finding")]
    registry = Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in schemas)
    Draft202012Validator(schemas[0], registry=registry).validate(audit_document(answer))


class TestMetrics:
    def test_the_client_librarys_parser_reads_them(self, answer: Audit) -> None:
        read = samples(render_audit_metrics(answer))
        assert read["vcpuid_guests", ()] == 1
        assert read["vcpuid_guests_running", (("accelerator", "kvm"),)] == 1
        assert read["vcpuid_guest_cpu_options", (("guest", "web-1"),)] == 2
        assert read["vcpuid_guest_findings", (("guest", "web-1"), ("severity", "error"))] == 1
        assert read["vcpuid_audit_timestamp_seconds", ()] == 1767323045

    @pytest.mark.parametrize(
        ("reported_by", "predicted_by", "metric"),
        [
            ("QMP", None, "vcpuid_guest_dropped_features"),
            (None, "QEMU 7.2", "vcpuid_guest_dropped_features_predicted"),
            (None, None, None),
        ],
    )
    def test_what_is_foretold_is_not_mixed_with_what_is_reported(
        self, answer: Audit, reported_by: str | None, predicted_by: str | None, metric: str | None
    ) -> None:
        (guest,) = answer.guests
        told = guest._replace(dropped=("sgx", "avx2"), reported_by=reported_by, predicted_by=predicted_by)
        read = samples(render_audit_metrics(answer._replace(guests=(told,))))
        found = {name: value for (name, _), value in read.items() if "dropped" in name}
        assert found == ({} if metric is None else {metric: 2})

    @pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "\udc80", "x" * 500, "ü"])
    def test_any_name_is_written_so_that_it_can_be_read(self, answer: Audit, name: str) -> None:
        (guest,) = answer.guests
        text = render_audit_metrics(answer._replace(guests=(guest._replace(name=name),)))
        (labels,) = [dict(labels) for (metric, labels) in samples(text) if metric == "vcpuid_guest_info"]
        assert len(labels["guest"]) <= 120
        if name in ('a"b', "a\\b", "a\nb", "ü"):
            assert labels["guest"] == name

    def test_no_label_tells_features(self, answer: Audit) -> None:
        labels = {label for _, pairs in samples(render_audit_metrics(answer)) for label, _ in pairs}
        assert labels == {"accelerator", "guest", "machine", "model", "severity"}
