"""What `from vcpuid import ...` gives."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import vcpuid
from snapshots import whole_host, write_snapshot
from vcpuid.terms.verdict import Layer, State

ROOT = Path(__file__).parents[2]


def test_the_example_of_the_readme(tmp_path: Path) -> None:
    path = write_snapshot(tmp_path / "h07.json", **whole_host())
    answer = vcpuid.why("sgx", vcpuid.Snapshot.read(path), guest="web-1")
    assert (answer.asked, answer.available, answer.got) == (State.ABSENT, State.ABSENT, State.ABSENT)
    assert answer.broken_at.demand is Layer.PROCESS


def test_every_public_name_is_there() -> None:
    for name in vcpuid.__all__:
        assert getattr(vcpuid, name) is not None


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="module 'vcpuid' has no attribute 'nonsense'"):
        _ = vcpuid.nonsense


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == vcpuid.__version__
