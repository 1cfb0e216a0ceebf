"""The answers of `vcpuid map`, against their published schemas."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import ValidationError

from map_defects import TINY, Defect, load_defects
from schemas import check_document
from vcpuid.answers.look_up import look_up_for_map
from vcpuid.answers.map_edit import Written, add_to_map
from vcpuid.answers.map_show import show_in_map
from vcpuid.answers.map_sync import compare_with_version
from vcpuid.render.findings import count_findings, findings_document
from vcpuid.render.map import edit_document, render_shown, shown_document, sync_document
from vcpuid.rules.libvirt.map_lint import read_and_lint
from vcpuid.rules.libvirt.map_reader import read_map
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.libvirt.shipped import shipped_map

FILES = {path.name: path.read_bytes() for path in TINY.iterdir()}
EDIT = add_to_map(FILES, "map", [look_up_for_map("hle")])


@pytest.mark.parametrize("defect", load_defects(), ids=lambda defect: defect.name)
def test_the_findings_of_every_defect(defect: Defect, tmp_path: Path) -> None:
    check_document("lint", findings_document(read_and_lint(defect.spoil(tmp_path / "map"))))


def test_every_feature_and_model_of_the_shipped_map() -> None:
    models = Models(shipped_map())
    for name in [*list(models.features)[::10], *models.models]:
        answers = [show_in_map(name, models)]
        check_document("map-show", shown_document(answers, models.cpu_map))
        assert render_shown(answers, models.cpu_map).plain()


def test_an_addition() -> None:
    for written in (Written("map/x", "map/x.bak", is_written=True), Written("map/x", None, is_written=False)):
        check_document("map-add", edit_document(EDIT, written))


def test_what_is_missing() -> None:
    answer = compare_with_version("10.2", read_map(TINY))
    check_document("map-sync", sync_document(answer, None, None))
    check_document("map-sync", sync_document(answer, EDIT, Written("map/x", None, is_written=True)))


def test_another_document_is_refused() -> None:
    document = findings_document(())
    with pytest.raises(ValidationError):
        check_document("lint", {**document, "more": 1})


def test_no_finding_is_told_too() -> None:
    assert count_findings(()) == "no fault found"
