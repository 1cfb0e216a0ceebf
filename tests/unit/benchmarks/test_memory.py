"""The inputs of the benchmark of memory are what they say, and what grows too fast misses the aim."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.aims import Aims
from benchmarks.memory import (
    CASES,
    MOST_MIB,
    Case,
    judge,
    run_case,
    write_cpus,
    write_guests,
    write_hosts,
    write_log,
    write_values,
)
from benchmarks.meter import Used, measure_vcpuid

from vcpuid.answers.audit import audit
from vcpuid.answers.diagnose import diagnose
from vcpuid.decode.dynamic import kind_of
from vcpuid.dumps import read_dump
from vcpuid.errors import InputError
from vcpuid.snapshot import Snapshot


def test_no_two_cpus_are_alike(tmp_path: Path) -> None:
    write_cpus(tmp_path / "dump", 300)
    cpus = read_dump(tmp_path / "dump").cpus
    assert len(cpus) == len({kind_of(cpu) for cpu in cpus}) == 300


def test_every_guest_is_seen_running(tmp_path: Path) -> None:
    write_guests(tmp_path / "host.json", 5)
    guests = audit(Snapshot.read(tmp_path / "host.json")).guests
    assert sorted((guest.name, guest.pid) for guest in guests) == [(f"guest-{n}", 1000 + n) for n in range(5)]
    assert all(guest.given == "Skylake-Client-IBRS,sgx=on" for guest in guests)


def test_the_log_has_messages_that_are_known(tmp_path: Path) -> None:
    write_log(tmp_path / "log", 3001)
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert text.count("\n") == 3001
    assert [(one.message.name, one.count) for one in diagnose(text).diagnoses] == [("libvirt.unknown-feature", 4)]


def test_hosts_differ(tmp_path: Path) -> None:
    write_hosts(tmp_path / "hosts", 8)
    texts = [path.read_text(encoding="utf-8") for path in sorted((tmp_path / "hosts").iterdir())]
    lists = {str(Snapshot.read(path).record("kvm").data) for path in (tmp_path / "hosts").iterdir()}
    assert len(texts) == len(lists) == 8


def test_the_limits_input_is_just_below_it(tmp_path: Path) -> None:
    write_values(tmp_path / "full.json", CASES["limit"].size)
    assert Snapshot.read(tmp_path / "full.json").host_name == "h07"
    write_values(tmp_path / "over.json", CASES["limit"].size + 20)
    with pytest.raises(InputError, match="too much for a snapshot"):
        Snapshot.read(tmp_path / "over.json")


@pytest.mark.parametrize("name", ["decode", "compare", "report-store"])
def test_a_command_is_asked_about_its_input(name: str, tmp_path: Path) -> None:
    used = run_case(name, 2, tmp_path)
    assert used.mib > 5
    assert used.seconds > 0


def test_a_command_that_fails_is_no_figure() -> None:
    with pytest.raises(SystemExit, match="status 2"):
        measure_vcpuid(["explain", "nosuch"])


@pytest.mark.parametrize(
    ("small", "large", "missed"),
    [
        (Used(30, 0.3), Used(50, 1.2), []),
        (Used(30, 0.3), Used(MOST_MIB, 1.2), ["peak"]),
        (Used(30, 0.3), Used(50, 2.2), ["time"]),
        (Used(30, 0.1), Used(50, 0.25), []),  # the start is all that it takes
        (Used(30, 0.1), Used(50, 1.1), ["time"]),
    ],
)
def test_what_is_judged(small: Used, large: Used, missed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CASES, "one", Case(write_cpus, 4, "CPUs", "decode {}"))
    aims = Aims()
    judge(aims, "one", small, large, start_s=0.1)
    assert [one.what.split(": ")[1].split()[0] for one in aims.verdicts if not one.is_met] == missed
