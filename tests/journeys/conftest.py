"""What the journeys share: commands, domains and fleets as a newcomer would have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.make_fleet import make_fleet

from fleets import DUMPS
from story.conftest import start_domain, vcpuid
from vcpuid.cli import run
from vcpuid.dumps import parse_dump

__all__ = ["BOOKWORM", "EXAMPLES", "NODES", "TRIXIE", "Say", "start_domain", "vcpuid"]

EVIDENCE = Path(__file__).parent / "evidence"
BOOKWORM, TRIXIE = (str(EVIDENCE / f"{name}.json") for name in ("bookworm", "trixie"))
EXAMPLES = Path(__file__).parents[2] / "docs/examples"
NODES = tuple(str(path) for path in sorted((EXAMPLES / "cluster").iterdir()))

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a vcpuid command; give its exit status, what it printed with single spaces, and its errors."""
    monkeypatch.setenv("COLUMNS", "110")

    def call(*words: str) -> tuple[int, str, str]:
        status = run(list(words))
        captured = capsys.readouterr()
        return status, " ".join(captured.out.split()), " ".join(captured.err.split())

    return call


@pytest.fixture(scope="session")
def fleet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic fleet of two vendors and three CPUs, a snapshot a line."""
    names = ("intel-coffee-lake.json", "intel-alder-lake.json", "amd-renoir.json")
    cpus = [parse_dump((DUMPS / name).read_bytes(), name).dump.cpus[0] for name in names]
    path = tmp_path_factory.mktemp("journeys") / "fleet.jsonl"
    path.write_text("".join(f"{json.dumps(host)}\n" for host in make_fleet(cpus, 240, seed=3)))
    return path
