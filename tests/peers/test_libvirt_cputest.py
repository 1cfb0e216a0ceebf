"""libvirt's own test suite of its CPU reasoning, run against ours: every case that needs only map and data.

The cases, the maps and the expected documents are libvirt's, read from its source as Debian has it; none of it is
here. Left out are the cases that build a CPU from QEMU's answers with the QEMU driver (cpuTestJSON*).
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from cputest import Case, read_cases
from vcpuid.dumps import read_dump
from vcpuid.errors import InputError
from vcpuid.guest.libvirt import parse_cpu, parse_xml
from vcpuid.rules.libvirt.baseline import baseline
from vcpuid.rules.libvirt.compare import Relation, compare
from vcpuid.rules.libvirt.decode import Blockers, Side, decode
from vcpuid.rules.libvirt.definition import check_feature, expand, migratable
from vcpuid.rules.libvirt.map_reader import read_map
from vcpuid.rules.libvirt.models import CpuData, Models, split_signature
from vcpuid.rules.libvirt.update import translate, update, update_live
from vcpuid.terms.guest import GuestCpu, Policy
from vcpuid.terms.place import Place

FOLDER = os.environ.get("VCPUID_LIBVIRT_SOURCES")
NEEDS_QEMUS_DRIVER = ("cpuTestJSONCPUID", "cpuTestJSONSignature")
ANYWHERE = Place("any")


@dataclass(frozen=True, slots=True)
class Release:
    """A pinned source of libvirt."""

    version: str
    archive: str
    case_count: int

    @property
    def folder(self) -> Path:
        return Path(FOLDER or "", f"libvirt-{self.version}")

    @property
    def is_there(self) -> bool:
        """Whether the folder holds the archive that is pinned, by the mark that tools/debian.py leaves."""
        origin = self.folder / "ORIGIN"
        return FOLDER is not None and origin.exists() and origin.read_text("utf-8").split()[-1] == self.archive

    def cases(self) -> list[Case]:
        cases = read_cases(self.folder / "tests" / "cputest.c")
        return [case for case in cases if case.api not in NEEDS_QEMUS_DRIVER]


def load_releases() -> list[Release]:
    lines = Path(__file__).with_name("libvirt_sources.csv").read_text("utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return [Release(row["version"], row["sha256"], int(row["cases"])) for row in rows]


RELEASES = load_releases()


def absent(release: Release) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not release.is_there,
        reason=f"needs libvirt {release.version}'s source: VCPUID_LIBVIRT_SOURCES, which tools/debian.py fills",
    )


class Suite:
    """A release's map and test data, and a method for each of its test functions."""

    def __init__(self, release: Release) -> None:
        self._folder = release.folder

    @cached_property
    def models(self) -> Models:
        return Models(read_map(self._folder / "src" / "cpu_map"))

    def run(self, case: Case) -> None:
        runners: dict[str, Callable[[Case], None]] = {
            "cpuTestCompare": self.compare,
            "cpuTestUpdate": self.update,
            "cpuTestBaseline": self.baseline,
            "cpuTestHasFeature": self.has_feature,
            "cpuTestGuestCPU": self.guest_cpu,
            "cpuTestHostCPUID": self.host_decode,
            "cpuTestGuestCPUID": self.guest_decode,
            "cpuTestCPUIDSignature": self.signature,
            "cpuTestUpdateLive": self.update_live,
            "cpuTestCPUIDBaseline": self.cpuid_baseline,
        }
        runners[case.api](case)

    def compare(self, case: Case) -> None:
        try:
            relation = compare(self.models, self._cpu(case.host), self._cpu(case.cpu)).relation.name
        except InputError:
            relation = "ERROR"
        assert relation == case.result

    def update(self, case: Case) -> None:
        host = migratable(self.models, self._cpu(case.host))
        self._expect(update(self.models, self._cpu(case.cpu), host), f"{case.host}+{case.cpu}")

    def baseline(self, case: Case) -> None:
        path = self._path(case.cpu)
        cpus = [parse_cpu(element, path.name) for element in self._root(case.cpu).iterfind("cpu")]
        if case.result == "-1":
            with pytest.raises(InputError):
                baseline(self.models, cpus)
            return
        is_migratable = "MIGRATABLE" in case.flags
        cpu = baseline(self.models, cpus, migratable=is_migratable).cpu
        suffix = "migratable" if is_migratable else "result"
        if "EXPAND_FEATURES" in case.flags:
            cpu, suffix = expand(self.models, cpu), "expanded"
        self._expect(cpu, f"{case.cpu}-{suffix}")
        self._expect_all_run(cpus, cpu)

    def has_feature(self, case: Case) -> None:
        if case.result == "FAIL":
            with pytest.raises(InputError):
                check_feature(self.models, self._cpu(case.host), case.cpu)
        else:
            assert check_feature(self.models, self._cpu(case.host), case.cpu) == (case.result == "YES")

    def guest_cpu(self, case: Case) -> None:
        host, cpu = self._cpu(case.host), self._cpu(case.cpu)
        allowed = None if case.models is None else dict.fromkeys(case.models, ())
        assert compare(self.models, host, cpu).relation is not Relation.INCOMPATIBLE
        updated = update(self.models, cpu, host)
        if case.result == "-1":
            with pytest.raises(InputError):
                translate(self.models, updated, allowed)
            return
        suffix = f",{case.models_name}" if case.models_name else ""
        self._expect(translate(self.models, updated, allowed), f"{case.host}+{case.cpu}{suffix}-result")

    def host_decode(self, case: Case) -> None:
        cpu = decode(self.models, self._data(f"cpuid-{case.host}"), Side.HOST).cpu
        self._expect(cpu, f"cpuid-{case.host}-host")

    def guest_decode(self, case: Case) -> None:
        data, allowed = self._data(f"cpuid-{case.host}"), self._allowed(case)
        self._expect(decode(self.models, data, Side.GUEST, allowed=allowed).cpu, f"cpuid-{case.host}-guest")

    def signature(self, case: Case) -> None:
        signature = self._data(f"cpuid-{case.host}").signature
        parts = zip(("family:   ", "model:    ", "stepping: "), split_signature(signature), strict=True)
        text = "".join(f"{label}{part:3} ({part:#04x})\n" for label, part in parts)
        assert f"{signature:06x}\n{text}" == self._path(f"cpuid-{case.host}", "sig").read_text("utf-8")

    def update_live(self, case: Case) -> None:
        cpu, expected = self._cpu(f"cpuid-{case.host}-guest"), self._cpu(f"cpuid-{case.host}-json")
        if cpu.model != expected.model and expected.model is not None:
            # QEMU told another model than CPUID does: libvirt's test brings them together, where that is possible.
            allowed = {expected.model: (self._allowed(case) or {}).get(expected.model, ())}
            cpu = translate(self.models, replace(cpu, fallback=True), allowed)
        enabled, disabled = (self._data(f"cpuid-{case.host}-{part}").bits for part in ("enabled", "disabled"))
        live = update_live(self.models, cpu, enabled, disabled)
        assert live.model == expected.model
        ours, theirs = self._policies(live), self._policies(expected)
        # As in libvirt's test, what only we disable is no difference: the guest has it neither way.
        assert {name for name in theirs if theirs[name] is not ours.get(name)} == set()
        assert {name for name in ours.keys() - theirs if ours[name] is Policy.REQUIRE} == set()

    def cpuid_baseline(self, case: Case) -> None:
        cpus = [self._cpu(f"cpuid-{host}-json") for host in case.cpus]
        cpu = baseline(self.models, cpus).cpu
        self._expect(cpu, f"cpuid-baseline-{case.cpu}")
        self._expect_all_run(cpus, cpu)

    def _expect_all_run(self, cpus: Iterable[GuestCpu], cpu: GuestCpu) -> None:
        for host in cpus:
            assert compare(self.models, host, cpu).relation is not Relation.INCOMPATIBLE

    def _expect(self, cpu: GuestCpu, name: str) -> None:
        assert comparable(cpu) == comparable(self._cpu(name))

    def _policies(self, cpu: GuestCpu) -> dict[str, Policy]:
        return {request.name: request.policy for request in expand(self.models, cpu).requests}

    def _path(self, name: str, suffix: str = "xml") -> Path:
        return self._folder / "tests" / "cputestdata" / f"x86_64-{name}.{suffix}"

    def _root(self, name: str) -> etree._Element:
        return parse_xml(self._path(name).read_bytes(), name)

    def _cpu(self, name: str) -> GuestCpu:
        return parse_cpu(self._root(name), name)

    def _data(self, name: str) -> CpuData:
        return self.models.read(read_dump(self._path(name)).cpus[0])

    def _allowed(self, case: Case) -> Blockers | None:
        """Give QEMU's models and what keeps it from each, for a case that is run with them."""
        if not case.flags.startswith("JSON_MODELS"):
            return None
        definitions = next(
            reply["return"]
            for reply in read_json_documents(self._path(f"cpuid-{case.host}", "json").read_text("utf-8"))
            if isinstance(reply.get("return"), list)
        )
        return {entry["name"]: entry.get("unavailable-features", ()) for entry in definitions}


def comparable(cpu: GuestCpu) -> GuestCpu:
    """Give a definition without the places in which it stands, its defaults written out."""
    requests = tuple(replace(request, place=ANYWHERE) for request in cpu.requests)
    # A host's description has no fallback; a guest's allows it where it says nothing.
    fallback = None if cpu.is_host else cpu.fallback is not False
    return replace(cpu, requests=requests, place=ANYWHERE, fallback=fallback)


def read_json_documents(text: str) -> Iterable[dict[str, Any]]:
    decoder, position = json.JSONDecoder(), 0
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        document, position = decoder.raw_decode(text, position)
        yield document


def suite_params() -> Iterable[object]:
    for release in RELEASES:
        if not release.is_there:
            yield pytest.param(release, None, marks=absent(release), id=release.version)
            continue
        suite = Suite(release)
        for case in release.cases():
            yield pytest.param(suite, case, id=f"{release.version} {case.label}")


@pytest.mark.parametrize(("suite", "case"), [*suite_params()])
def test_libvirt(suite: Suite, case: Case) -> None:
    suite.run(case)


@pytest.mark.parametrize("release", [pytest.param(one, marks=absent(one), id=one.version) for one in RELEASES])
def test_every_case_is_read(release: Release) -> None:
    assert len(release.cases()) == release.case_count
