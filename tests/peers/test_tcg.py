"""The table of what TCG lacks, against the QEMU that it was made from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from programs import needs
from vcpuid.atlas import Atlas
from vcpuid.atlas.tables import load_table
from vcpuid.rules.libvirt.shipped import TABLES, shipped_map
from vcpuid.terms.feature import Dialect

COMMANDS = [
    {"execute": "qmp_capabilities"},
    {"execute": "query-cpu-model-expansion", "arguments": {"type": "full", "model": {"name": "max"}}},
    {"execute": "quit"},
]


def tcg_properties() -> tuple[str, dict[str, Any]]:
    """QEMU's version, and the properties of its largest CPU under TCG."""
    done = subprocess.run(
        ["qemu-system-x86_64", "-machine", "none,accel=tcg", "-display", "none", "-nodefaults", "-qmp", "stdio"],
        input="\n".join(map(json.dumps, COMMANDS)),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    version = answers[0]["QMP"]["version"]["qemu"]
    (model,) = [answer["return"]["model"] for answer in answers if "model" in (answer.get("return") or {})]
    return f"{version['major']}.{version['minor']}", model["props"]


@needs("qemu-system-x86_64", package="qemu-system-x86")
def test_the_table_is_what_qemu_says() -> None:
    version, properties = tcg_properties()
    header = Path(TABLES, "tcg.csv").read_text(encoding="utf-8")
    if f"# version: {version}\n" not in header:
        pytest.skip(f"needs the QEMU that the table names, and this is {version} (Debian 12: qemu-system-x86)")
    lacking = set()
    for name in shipped_map().features:
        feature = Atlas.load().named(Dialect.LIBVIRT, name)
        spellings = feature.spellings(Dialect.QEMU) if feature else frozenset()
        values = [properties[spelling] for spelling in spellings if spelling in properties]
        if values and not any(values):
            lacking.add(name)
    assert {row["name"] for row in load_table("tcg", TABLES)} == lacking
