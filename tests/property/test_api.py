"""The API against its own OpenAPI document, by schemathesis: right requests, wrong ones, forms with real files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import schemathesis
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from fleets import fleet_rows, ingest
from vcpuid.fleet.store import Store
from vcpuid.web.app import make_app
from vcpuid.web.form_view import FormView
from vcpuid.web.pages import VIEWS
from vcpuid.web.view import API

REPOSITORY = Path(__file__).parents[2]
SNAPSHOT = json.loads((REPOSITORY / "docs/examples/h07.json").read_text(encoding="utf-8"))
FOLDER = TemporaryDirectory(prefix="vcpuid-test-")
STORE = Store(Path(FOLDER.name) / "store")
SCHEMA = schemathesis.openapi.from_asgi(f"{API}/openapi.json", make_app({"testserver"}, store=STORE))
FORMS = {view.path: view for view in VIEWS if isinstance(view, FormView)}
FILES = [
    path.read_bytes()
    for path in (
        *(REPOSITORY / "docs/examples").glob("h*.json"),
        *(REPOSITORY / "docs/examples").glob("*.xml"),
        REPOSITORY / "docs/examples/nova.conf",
        *(REPOSITORY / "tests/dumps/samples").glob("*.txt"),
    )
]
DEFINITIONS = [
    "Haswell,+sgx1,-avx2,avx2=on",
    "qemu-system-x86_64 -accel kvm -cpu host,-sgx -smp 4",
    "<cpu mode='custom'><model>Haswell</model><feature policy='require' name='sha-ni'/></cpu>",
    "<cpu><arch>x86_64</arch><model>Nehalem</model></cpu>",
    "[libvirt]\ncpu_mode = custom\ncpu_models = Haswell\n",
    "unsupported configuration: CPU feature 'sgx' not found",
]
TEXTS = {"feature": ["sgx", "avx2, sha_ni"], "domain": ["web-1"], "qemu": ["7.2", "10.0"], "machine": ["here"]}
LIKELY = {
    "/compare": (("first", "second"), ("text", "other"), ("first", "domain", "second")),
    "/decode": (("host",),),
    "/diagnose": (("text",), ("file", "host")),
    "/host": (("host",), ("machine",)),
    "/lint": (("text",), ("file", "host"), ("text", "qemu")),
    "/why": (("feature", "host"), ("feature", "host", "domain"), ("feature", "machine", "text")),
}
"""Fields that make sense together."""
SETTINGS = settings(max_examples=60, derandomize=True)
load_all_checks()
# That a file is a snapshot is more than a schema can say: a form that it allows may still be refused.
UNTOLD: list[Any] = [positive_data_acceptance]


@pytest.fixture(scope="module", autouse=True)
def fleet() -> Iterator[None]:
    with FOLDER:
        for date in ("2026-01-02", "2026-02-03"):
            ingest(STORE, fleet_rows(), date)
        yield


@pytest.fixture(autouse=True)
def this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine that answers be h07, wherever the test runs."""
    monkeypatch.setattr("vcpuid.web.hosts.collect", lambda _: SNAPSHOT)


@SCHEMA.parametrize()
@SETTINGS
def test_every_answer_is_one_that_the_document_tells(case: schemathesis.Case[Any]) -> None:
    if isinstance(case.body, dict):  # of an empty list or object a form has nothing: what is wrong is not sent
        assume(not any(value in ([], {}) for value in case.body.values()))
    case.call_and_validate(excluded_checks=UNTOLD if case.method == "POST" else [])


def _damage(content: bytes, cut: int, junk: bytes) -> bytes:
    place = cut % (len(content) + 1)
    return content[:place] + junk + content[place + len(junk) :]


CONTENTS = st.sampled_from(FILES) | st.builds(
    _damage, st.sampled_from(FILES), st.integers(0, 1 << 20), st.binary(max_size=8)
)


@pytest.mark.parametrize("path", FORMS)
def test_a_form_with_real_files_is_answered_as_the_document_tells(path: str) -> None:
    statuses: Counter[int] = Counter()

    @SETTINGS
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        fields = {field.name: field for field in FORMS[path].fields}
        names = st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True)
        body: dict[str, Any] = {}
        for field in (fields[name] for name in data.draw(st.sampled_from(LIKELY.get(path, ((),))) | names)):
            content = data.draw(CONTENTS if field.is_file else st.sampled_from(TEXTS.get(field.name, DEFINITIONS)))
            body[field.name] = [content] if field.is_repeated else content
        case = SCHEMA[f"{API}{path}"]["POST"].Case(body=body, media_type="multipart/form-data")
        statuses[case.call_and_validate(excluded_checks=UNTOLD).status_code] += 1

    ask()
    assert statuses[200] > 0, statuses
