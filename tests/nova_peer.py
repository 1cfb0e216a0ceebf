"""The real Nova as a peer: one long-lived process of a release, and what we say to the same questions."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from vcpuid.evidence import Evidence
from vcpuid.evidence.libvirt import LibvirtEvidence
from vcpuid.gather.collect import collect
from vcpuid.gather.options import Options
from vcpuid.guest.libvirt import parse_cpu, parse_xml
from vcpuid.guest.nova import (
    NovaConfig,
    Settings,
    UnseenValueError,
    ValueRefusedError,
    parse_ini,
    read_config,
)
from vcpuid.guest.nova.flavor import Flavor, parse_flavor, parse_image
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.nova.check import Check, Result, check_migration, check_start, report_traits
from vcpuid.rules.nova.guest import guest_cpu
from vcpuid.rules.nova.host import NovaHost
from vcpuid.rules.nova.refusal import NovaRefusalError
from vcpuid.rules.nova.traits import required_traits
from vcpuid.snapshot import Snapshot
from vcpuid.terms.guest import Accelerator, GuestCpu
from vcpuid.terms.place import Place

FOLDER = os.environ.get("VCPUID_NOVA")
CASE_COUNT = int(os.environ.get("VCPUID_NOVA_CASES", "60"))
WORKER = Path(__file__).parent / "peers" / "nova_worker.py"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Release:
    """A pinned release of Nova."""

    version: str
    lacks: frozenset[str]

    @property
    def python(self) -> Path:
        return Path(FOLDER or "", f"nova-{self.version}", "bin", "python")

    @property
    def is_there(self) -> bool:
        return FOLDER is not None and self.python.exists()


def load_releases() -> list[Release]:
    lines = Path(__file__).with_name("peers").joinpath("nova_releases.csv").read_text("utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return [Release(row["version"], frozenset(row["lacks"].split())) for row in rows]


def release_params(releases: Iterable[Release]) -> list[ParameterSet]:
    """Give each release as a parameter of a fixture; one whose environment is not there is skipped."""
    return [
        pytest.param(
            release,
            id=release.version,
            marks=pytest.mark.skipif(
                not release.is_there,
                reason=f"needs Nova {release.version}: VCPUID_NOVA, which tools/nova_environment.py fills",
            ),
        )
        for release in releases
    ]


class RealNova:
    """One process that answers questions with Nova's code and the libvirt connection that it opens."""

    def __init__(self, release: Release) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [release.python, WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )

    def ask(self, question: Json) -> Json:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(question)}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise AssertionError(f"Nova ended: {self._errors.read()[-2000:]}")
        answer: Json = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.communicate()
        self._errors.close()


@cache
def this_host() -> NovaHost:
    """What our rules need to know of this machine's libvirt."""
    libvirt = Evidence(Snapshot.of(collect(Options(only=("libvirt",))))).libvirt
    assert isinstance(libvirt, LibvirtEvidence)
    assert libvirt.cpu_map is not None
    capabilities = libvirt.capabilities_for(Accelerator.KVM, None) or libvirt.capabilities_for(
        Accelerator.TCG, None
    )
    return NovaHost(Models(libvirt.cpu_map), libvirt.host_cpu, capabilities.host_model if capabilities else None)


def _config_of(question: Json) -> NovaConfig | str | None:
    """Our reading; None for files that Nova cannot read, a text for a value that it refuses."""
    files = [parse_ini(text, f"{number}.conf") for number, text in enumerate(question["files"])]
    if any(file.fault for file in files):
        return None
    try:
        return read_config(Settings([entry for file in files for entry in file.entries]), Place("0.conf"))
    except ValueRefusedError as error:
        return error.words


def differences(question: Json, real: Json, release: Release) -> list[str]:
    """Say where we and Nova part, step by step as nova-compute takes them."""
    try:
        config = _config_of(question)
    except UnseenValueError:
        return []  # we said that we do not know
    if config is None or "configured" in real:
        return [] if config is None and "configured" in real else [f"files: {config}, {real}"]
    start = real["start"]
    if isinstance(config, str):
        told = start["words"].rpartition("not valid: ")[2] if start else None
        return [] if told == config else [f"settings: {config!r}, {start}"]
    found = list(_differences_at_start(check_start(config, this_host()), start))
    if config.accelerator is not None:
        found += _differences_in_traits(config, real["traits"], release)
        found += _differences_in_cpu(config, question, real, release)
    return found


def _differences_at_start(ours: Check, real: Json | None) -> list[str]:
    if ours.result is Result.RANDOM:
        return []
    if (ours.result is Result.REFUSED) != (real is not None):
        return [f"start: {ours}, {real}"]
    if real is None:
        return []
    theirs = real["words"].replace(" ar not ", " are not ")  # a slip of releases before 34
    # What libvirt says of a name that it does not know is told in our own words.
    is_same = ours.words == theirs or "XML error" in theirs or "internal error" in theirs
    return [] if is_same else [f"words at start: {ours.words!r}, {theirs!r}"]


def _differences_in_traits(config: NovaConfig, real: Any, release: Release) -> list[str]:  # noqa: ANN401
    try:
        ours = report_traits(config, this_host())
    except NovaRefusalError as error:
        is_same = isinstance(real, dict) and real["refused"] == error.kind
        return [] if is_same else [f"traits: {error}, {real}"]
    expected = sorted(set(ours or ()) - release.lacks)
    return [] if real == expected else [f"traits: {expected}, {real}"]


def _shape(cpu: GuestCpu | None) -> object:
    if cpu is None:
        return None
    requests = tuple((request.name, request.policy) for request in cpu.requests)
    return cpu.mode, cpu.model, cpu.match, requests, cpu.topology, cpu.address_bits, cpu.cells


def _differences_in_cpu(config: NovaConfig, question: Json, answer: Json, release: Release) -> list[str]:
    real = answer["cpu"]
    flavor: Flavor = parse_flavor(json.dumps(question["flavor"]), "flavor")
    image = parse_image(json.dumps(question["image"]), "image")
    if release.lacks & set(required_traits(flavor)):
        return []
    try:
        ours = guest_cpu(config, this_host(), flavor, image)
    except NovaRefusalError as error:
        is_same = isinstance(real, dict) and real["refused"] == error.kind
        return [] if is_same else [f"cpu: {error}, {real}"]
    if isinstance(real, dict):
        return [f"cpu: {ours}, {real}"]
    made = ours
    theirs = None if real is None else parse_cpu(parse_xml(real, "Nova"), "Nova")
    if config.random:  # either sign may have won; the rest is the same
        ours, theirs = (_without(cpu, config.random) for cpu in (ours, theirs))
    if _shape(ours) != _shape(theirs):
        return [f"cpu: {_shape(ours)}, {real}"]
    return _differences_in_move(config, made, answer["move"])


def _differences_in_move(config: NovaConfig, cpu: GuestCpu | None, real: Json | None) -> list[str]:
    """Say where we and Nova part about a live migration of such a guest from this host to itself."""
    check = check_migration(config, cpu, this_host(), this_host())
    is_same = check.result is Result.RANDOM or (check.result is Result.REFUSED) == (real is not None)
    return [] if is_same else [f"move: {check}, {real}"]


def _without(cpu: GuestCpu | None, names: tuple[str, ...]) -> GuestCpu | None:
    if cpu is None:
        return None
    return replace(cpu, requests=tuple(request for request in cpu.requests if request.name not in names))


def migration_difference(question: Json, real: Json, guest: GuestCpu | None) -> str:
    """Say where we and Nova part about a guest that comes from this very host; empty where we agree."""
    config = _config_of(question)
    assert isinstance(config, NovaConfig)
    ours = check_migration(config, guest, this_host(), this_host())
    refused = real["migrate"] is not None
    return "" if (ours.result is Result.REFUSED) == refused else f"migrate: {ours}, {real['migrate']}"
