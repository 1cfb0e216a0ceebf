"""Each defect of libvirt's map, and the whole text of what `vcpuid map lint` says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from map_defects import Defect, load_defects
from vcpuid.cli import run

DEFECTS = load_defects()
GOLDEN = Path(__file__).parent / "map_lint"
Check = Callable[[str, str], None]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_is_told(
    defect: Defect,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    golden: Check,
) -> None:
    # Lines are broken by their length, which must not depend on where this folder is.
    monkeypatch.chdir(tmp_path)
    defect.spoil(tmp_path / "map")
    status = run(["map", "lint", "map"])
    captured = capsys.readouterr()
    golden(f"map_lint/{defect.name}", f"exit status {status}\n{captured.err}{captured.out}")


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {defect.name for defect in DEFECTS}
