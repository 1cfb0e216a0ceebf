"""Reports of strangers' snapshots: any change of a sound one is reported or refused, never a crash."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from property.test_snapshots import PLACES, VALUES, changed
from schemas import check_document
from vcpuid.answers.host_report import report_on_host
from vcpuid.errors import VcpuidError
from vcpuid.evidence import Evidence
from vcpuid.render.host_report import host_report_document, report_context
from vcpuid.render.html.report import render_report
from vcpuid.snapshot import Snapshot


@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=4))
def test_a_changed_snapshot_is_reported_or_refused(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    try:
        report = report_on_host(Evidence(Snapshot.of(changed(changes), "host.json")))
        document = host_report_document(report)
    except VcpuidError:
        return
    check_document("report", json.loads(json.dumps(document)))
    features = [one["feature"] for one in document["features"]]
    assert render_report("host_report", document, report_context(report), features).endswith("</html>")
