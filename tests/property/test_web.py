"""Whatever is sent to the explorer's forms is answered or refused, never a fault of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import given
from hypothesis import strategies as st

from asgi import MULTIPART, get, post
from vcpuid.render.html.links import twin_link
from vcpuid.web.app import make_app
from vcpuid.web.form_view import FormView
from vcpuid.web.guard import LOOPBACK_HOSTS
from vcpuid.web.pages import VIEWS

APP = make_app(LOOPBACK_HOSTS)
FORMS = [view for view in VIEWS if isinstance(view, FormView)]
SNAPSHOT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs/examples/h07.json").read_text(encoding="utf-8")
)
ANSWERED = (200, 400)
JSON: st.SearchStrategy[object] = (
    st.none() | st.integers() | st.text(max_size=20) | st.lists(st.none(), max_size=2) | st.just({})
)


@given(st.sampled_from(["/cpuid", "/msr"]), st.lists(st.text("0123456789abcdefxyz.%- ", max_size=9), max_size=4))
def test_any_address_of_the_atlas_is_answered_or_refused(section: str, parts: list[str]) -> None:
    path = "/".join([section, *(quote(part, safe="") for part in parts)])
    statuses = {get(APP, target).status for target in (path, twin_link(path))}
    assert statuses <= {200, 307, 404}
    assert len(statuses) == 1


@given(st.text(max_size=30))
def test_any_search_is_answered(text: str) -> None:
    statuses = {get(APP, f"{target}?{urlencode({'q': text})}").status for target in ("/search", "/api/v1/search")}
    assert statuses == {200}


@given(st.sampled_from(FORMS), st.binary(max_size=200))
def test_any_body_is_answered_or_refused(view: FormView, body: bytes) -> None:
    headers: dict[str, Any] = {"content-type": MULTIPART}
    assert get(APP, f"/api/v1{view.path}", method="POST", body=body, **headers).status == 400


@given(st.sampled_from(FORMS), st.data())
def test_any_text_or_file_of_any_field_is_answered_or_refused(view: FormView, data: st.DataObject) -> None:
    # `machine` is left out: what this machine says is no matter of what was sent.
    fields = [field for field in view.fields if field.name != "machine"]
    parts = [
        (
            field.name,
            ("a", data.draw(st.binary(max_size=100))) if field.is_file else data.draw(st.text(max_size=100)),
        )
        for field in data.draw(st.lists(st.sampled_from(fields), max_size=4))
    ]
    for target in (*([view.path] if view.template else []), f"/api/v1{view.path}"):
        assert post(APP, target, *parts).status in ANSWERED


@given(st.sampled_from(["/host", "/why"]), st.sampled_from(sorted(SNAPSHOT["sources"])), st.data())
def test_a_snapshot_with_anything_in_a_source_is_answered_or_refused(
    path: str, source: str, data: st.DataObject
) -> None:
    record = SNAPSHOT["sources"][source]
    broken = {
        **(record["data"] or {}),
        data.draw(st.sampled_from(sorted(record["data"] or {"a": 1}))): data.draw(JSON),
    }
    sources = {**SNAPSHOT["sources"], source: {**record, "data": broken}}
    sent = json.dumps({**SNAPSHOT, "sources": sources}).encode()
    more = [("feature", "sgx"), ("domain", "web-1")] if path == "/why" else []
    assert post(APP, path, ("host", ("h.json", sent)), *more).status in ANSWERED
