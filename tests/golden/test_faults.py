"""One fault a file: a tiny bad input, and beside it what vcpuid says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from snapshots import cpu_map, domain_xml, domains, libvirt, processes, write_snapshot
from vcpuid.cli import run

FAULTS = Path(__file__).parent / "faults"
INPUTS = sorted(path for path in FAULTS.iterdir() if path.suffix != ".txt")
OPTIONS = {".conf": "--nova-conf", ".xml": "--xml", ".json": "--host"}
Check = Callable[[str, str], None]


def arguments_for(path: Path, host: Path) -> list[str]:
    """The command line that meets the fault: the file's own, or a question about sgx with the file as a guest."""
    if path.suffix == ".args":
        return path.read_text(encoding="utf-8").replace("{HOST}", str(host)).splitlines()
    others = [] if path.suffix == ".json" else ["--host", str(host)]
    return ["why", "sgx", *others, OPTIONS[path.suffix], path.name]


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_a_fault_is_told(
    path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    golden: Check,
) -> None:
    host = write_snapshot(
        tmp_path / "h07.json",
        libvirt=libvirt("<model>Skylake</model>", map_=cpu_map()),
        domains=domains(inactive=domain_xml("<cpu mode='host-model'/>")),
        processes=processes("-cpu", "host"),
    )
    # Lines are broken by their length, which must not depend on where this folder is.
    monkeypatch.chdir(FAULTS)
    status = run(arguments_for(path, host))
    captured = capsys.readouterr()
    shown = f"{captured.err}{captured.out}".replace(f"{tmp_path}/", "")
    golden(f"faults/{path.name}", f"exit status {status}\n{shown}")
    assert status != 70


def test_no_golden_file_is_left_over() -> None:
    names = {path.name for path in INPUTS}
    assert {path.name.removesuffix(".txt") for path in FAULTS.glob("*.txt")} == names
