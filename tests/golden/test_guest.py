"""The whole text of `guest` for a few definitions, with what is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vcpuid.answers.guest import DIALECTS, translate
from vcpuid.render.guest import loss_lines, render_guest

DEFINITIONS = Path(__file__).parent / "definitions"
Check = Callable[[str, str], None]


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("name", sorted(path.name for path in DEFINITIONS.iterdir()))
def test_guest(name: str, target: str, golden: Check) -> None:
    answer = translate((DEFINITIONS / name).read_text(encoding="utf-8"), name, target)
    lost = "".join(f"{line}\n" for line in loss_lines(answer))
    golden(f"guest/{name}-to-{target}", f"{render_guest(answer).plain()}{lost and chr(10)}{lost}")
