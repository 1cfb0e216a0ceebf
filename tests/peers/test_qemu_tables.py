"""The shipped tables of QEMU's features, models and machine types, against the QEMU that is installed."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest
from tools.qemu.binary import Binary
from tools.qemu.tables import FOLDER, measure, render_tables

from programs import needs, needs_kvm
from vcpuid.rules.qemu import known_versions

pytestmark = [needs("qemu-system-x86_64", package="qemu-system-x86"), needs_kvm()]

BINARY = Binary(("qemu-system-x86_64",))
TABLES = ("features", "mirrors", "models", "machines", "changes", "properties")


@cache
def measured() -> tuple[str, dict[str, str]]:
    """The installed version, and its tables made anew."""
    fresh = measure(BINARY)
    return fresh.version, render_tables(fresh, "today")


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def shipped(version: str, table: str) -> list[dict[str, str]]:
    return rows(Path(FOLDER, version, f"{table}.csv").read_text(encoding="utf-8"))


def test_the_installed_version_has_tables() -> None:
    version = ".".join(BINARY.release.split(".")[:2])
    assert version in known_versions(), (
        f"QEMU {BINARY.banner} has no tables: make them with `python -m tools.measure_qemu qemu-system-x86_64`, "
        "then `python -m tools.make_qemu_names` (docs/reference/qemu.md)"
    )


@pytest.mark.parametrize("table", TABLES)
def test_a_shipped_table_is_what_is_measured_now(table: str) -> None:
    version, fresh = measured()
    assert rows(fresh[table]) == shipped(version, table)


def test_the_xsave_components_are_what_is_measured_now() -> None:
    version, fresh = measured()
    now, then = rows(fresh["xsave"]), shipped(version, "xsave")
    # Those without TCG's mark are seen where the host has them.
    assert [row for row in now if row["accelerator"]] == [row for row in then if row["accelerator"]]
    assert all(row in then for row in now)
