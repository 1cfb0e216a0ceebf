"""A report on a fleet as a JSON document: the documents of its answers."""

from __future__ import annotations

from vcpuid import __version__
from vcpuid.fleet.report import FleetReport
from vcpuid.render.document import Document
from vcpuid.render.fleet.baseline import baselines_document
from vcpuid.render.fleet.drift import drift_document
from vcpuid.render.fleet.matrix import matrix_document
from vcpuid.render.fleet.pictures import draw_matrix
from vcpuid.render.fleet.summary import summary_document


def fleet_report_document(report: FleetReport) -> Document:
    """Give a report."""
    date = report.summary.date
    return {
        "schema": "vcpuid-fleet-report/1",
        "made_by": __version__,
        "date": date,
        "summary": summary_document(report.summary),
        "matrix": matrix_document(report.matrix, report.total),
        "baseline": baselines_document(date, None, report.together),
        "places": baselines_document(date, report.by, report.places) if report.places else None,
        "places_left_out": report.left_out,
        "drift": drift_document(report.drift) if report.drift else None,
    }


def fleet_report_context(report: FleetReport) -> Document:
    """Give what the page shows besides the document: a picture."""
    return {"picture": draw_matrix(report.matrix, report.total, lambda *_: "")}
