"""The answer of `diagnose` as text and as a JSON document."""

from __future__ import annotations

from vcpuid.answers.causes.case import Holding, Named
from vcpuid.answers.diagnose import Diagnosis, DiagnosisReport, JudgedCause
from vcpuid.render.document import Document, feature_document
from vcpuid.render.page import Page, Role, Span

_MARKS = {
    Holding.HOLDS: ("yes", Role.BAD),
    Holding.UNKNOWN: ("?", Role.UNSURE),
    Holding.UNTESTED: ("-", Role.DIM),
    Holding.HOLDS_NOT: ("no", Role.DIM),
}
_MARK_WIDTH = 4
_LONGEST = 220
_MOST_NAMES = 24


def render_diagnosis(report: DiagnosisReport) -> Page:
    """Show each message with what it means and its causes; else what could be read."""
    page = Page()
    for number, diagnosis in enumerate(report.diagnoses):
        if number:
            page.add("")
        _add_diagnosis(page, diagnosis, has_host=report.host is not None)
    if not report.is_explained:
        page.add("" if report.diagnoses else "No message that vcpuid knows.")
        if report.names:
            page.add("  It names:" if not report.diagnoses else "The text also names:")
        _add_names(page, report.names)
    if report.programs:
        told = ", ".join(f"{name} {version}" if version else name for name, version in report.programs.items())
        page.add("" if report.diagnoses else "  ", Span(f"Written by: {told}.", Role.DIM), hang=2)
    if report.host is not None:
        page.add(Span(f"Tested on {report.host}{f', {report.guest}' if report.guest else ''}.", Role.DIM))
    if report.is_cut:
        page.add(Span("Only the beginning was read: pass the part that matters, as with tail.", Role.UNSURE))
    return page


def _add_diagnosis(page: Page, diagnosis: Diagnosis, *, has_host: bool) -> None:
    message = diagnosis.message
    often = f", {diagnosis.count} times" if diagnosis.count > 1 else ""
    page.add(
        Span(f"line {diagnosis.line}{often}: ", Role.STRONG),
        _short(diagnosis.text),
        Span(f"  [{message.name}]", Role.DIM),
        hang=2,
    )
    page.add(f"  {message.program} ({message.layer.value}): {message.means}", hang=2)
    _add_names(page, diagnosis.names)
    if has_host:
        page.add("  Does it come from:")
        for judged in diagnosis.causes:
            _add_judged(page, judged)
        return
    page.add("  It may come from:")
    for judged in diagnosis.causes:
        if judged.tested.holding is not Holding.HOLDS_NOT:
            _add_cause(page, judged)


def _add_names(page: Page, names: tuple[Named, ...]) -> None:
    for name in names[:_MOST_NAMES]:
        page.add(f"    {_named(name)}", hang=6)
    if len(names) > _MOST_NAMES:
        page.add(f"    and {len(names) - _MOST_NAMES} more")


def _named(name: Named) -> str:
    if not name.features:
        near = f" (near: {', '.join(name.near[:3])})" if name.near else ""
        return f"{name.text}: no feature of this name is known{near}"
    what = " or ".join(
        f"{feature.name} {feature.address}{f' ({feature.title})' if feature.title else ''}"
        for feature in name.features
    )
    only = name.features[0]
    return what if len(name.features) == 1 and name.text == only.name else f"{name.text}: {what}"


def _add_judged(page: Page, judged: JudgedCause) -> None:
    mark, role = _MARKS[judged.tested.holding]
    indent = 2 + _MARK_WIDTH
    page.add("  ", Span(f"{mark:<{_MARK_WIDTH}}", role), judged.cause.says, hang=indent)
    if judged.tested.found:
        page.add(" " * indent, Span(judged.tested.found, Role.DIM), hang=indent)
    if judged.tested.holding is Holding.UNKNOWN and judged.tested.would_tell:
        page.add(" " * indent, Span(f"Would tell: {judged.tested.would_tell}", Role.DIM), hang=indent)
    if judged.tested.holding is not Holding.HOLDS_NOT:
        page.add(" " * indent, "Mend: ", judged.cause.mend, hang=indent)


def _add_cause(page: Page, judged: JudgedCause) -> None:
    found = f" Here: {judged.tested.found}." if judged.tested.holding is Holding.HOLDS else ""
    page.add(f"  - {judged.cause.says}{found}", hang=4)
    page.add("    Mend: ", judged.cause.mend, hang=4)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def diagnosis_document(report: DiagnosisReport) -> Document:
    """Give the answer of `diagnose`."""
    return {
        "schema": "vcpuid-diagnose/1",
        "host": report.host,
        "guest": report.guest,
        "is_cut": report.is_cut,
        "programs": [{"name": name, "version": version} for name, version in report.programs.items()],
        "diagnoses": [
            {
                "message": diagnosis.message.name,
                "program": diagnosis.message.program,
                "layer": diagnosis.message.layer.value,
                "versions": diagnosis.message.versions or None,
                "line": diagnosis.line,
                "count": diagnosis.count,
                "text": diagnosis.text,
                "values": diagnosis.values,
                "means": diagnosis.message.means,
                "names": [_name_document(name) for name in diagnosis.names],
                "causes": [_cause_document(judged) for judged in diagnosis.causes],
            }
            for diagnosis in report.diagnoses
        ],
        "names": [_name_document(name) for name in report.names],
    }


def _name_document(name: Named) -> Document:
    return {
        "text": name.text,
        "features": [feature_document(feature) for feature in name.features],
        "near": list(name.near),
    }


def _cause_document(judged: JudgedCause) -> Document:
    return {
        "cause": judged.cause.name,
        "says": judged.cause.says,
        "mend": judged.cause.mend,
        "source": judged.cause.source,
        "holding": judged.tested.holding.value,
        "found": judged.tested.found or None,
        "would_tell": judged.tested.would_tell or None,
    }
