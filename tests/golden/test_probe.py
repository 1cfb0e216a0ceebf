"""The text of `probe` for a guest made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reports import cpu_report, whole_report, write_qemu
from vcpuid.probe import probe
from vcpuid.render.probe import render_probe


@pytest.mark.parametrize("name", ["summary", "switched-on"])
def test_text(name: str, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    qemu = write_qemu(tmp_path / "q", report=whole_report(cpu_report(0), cpu_report(1)))
    result = probe("Haswell,-avx2", accelerator="tcg", smp=2, qemu=str(qemu))
    page = render_probe(result, switched_on=name == "switched-on")
    golden(f"probe/{name}", page.plain())
