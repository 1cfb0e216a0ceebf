"""vcpuid: which CPU does my guest really get, and why?

Everything in `__all__` is public, and nothing else. What the promise is, docs/reference/stability.md says.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcpuid.answers.audit import Audit, AuditedGuest, audit
    from vcpuid.answers.baseline import Baseline, baseline
    from vcpuid.answers.compare import CompareAnswer, Compatibility, Missing, Way, compare
    from vcpuid.answers.decode import DecodedDump, Wanted, decode_dump
    from vcpuid.answers.diagnose import Diagnosis, DiagnosisReport, JudgedCause, diagnose
    from vcpuid.answers.diff import Change, Diff, KindDiff, Weight, diff
    from vcpuid.answers.explain import FeatureExplanation, WordExplanation, explain
    from vcpuid.answers.guest import Loss, Translation, translate
    from vcpuid.answers.lint import Basis as LintBasis
    from vcpuid.answers.lint import LintedFile, LintReport, lint_text
    from vcpuid.answers.lint import Text as LintText
    from vcpuid.answers.party import Party, party_of_snapshot, read_parties
    from vcpuid.answers.side_by_side import SideBySide, compare_side_by_side
    from vcpuid.answers.why import Answer, BrokenAt, why
    from vcpuid.atlas import Atlas
    from vcpuid.atlas.fields import FieldTable
    from vcpuid.decode.machine import Kind, Machine
    from vcpuid.dumps import Format, ParsedDump, parse_dump, read_dump, write_dump
    from vcpuid.errors import (
        AmbiguousNameError,
        InputError,
        UndecidedError,
        UnknownNameError,
        UsageError,
        VcpuidError,
    )
    from vcpuid.evidence import Evidence
    from vcpuid.evidence.guest import Guest
    from vcpuid.fleet.baseline import PlaceBaseline as FleetBaseline
    from vcpuid.fleet.baseline import find_baselines as fleet_baselines
    from vcpuid.fleet.configuration import EvidenceLayer
    from vcpuid.fleet.drift import Drift as FleetDrift
    from vcpuid.fleet.drift import find_drift as fleet_drift
    from vcpuid.fleet.fleet import Fleet
    from vcpuid.fleet.matrix import Matrix as FleetMatrix
    from vcpuid.fleet.matrix import make_matrix as fleet_matrix
    from vcpuid.fleet.missing import Lacking as FleetMissing
    from vcpuid.fleet.missing import find_lacking as fleet_missing
    from vcpuid.fleet.precheck import Precheck as FleetPrecheck
    from vcpuid.fleet.precheck import precheck as fleet_precheck
    from vcpuid.fleet.store import open_fleet
    from vcpuid.fleet.summary import Summary as FleetSummary
    from vcpuid.fleet.summary import summarise as fleet_summary
    from vcpuid.rules.libvirt.map import CpuMap
    from vcpuid.snapshot import Record, Snapshot
    from vcpuid.terms.address import Bits, CpuidRegister, MsrRegister, Register
    from vcpuid.terms.dump import Cpu, Dump, MissingRow
    from vcpuid.terms.feature import Dialect, Feature, Name
    from vcpuid.terms.finding import Finding, Severity
    from vcpuid.terms.guest import Accelerator, CpuMode, FeatureRequest, GuestCpu, Policy
    from vcpuid.terms.place import Place
    from vcpuid.terms.verdict import Chain, Layer, Provenance, State, Verdict

__version__ = "0.1.0"
__all__ = [
    "Accelerator",
    "AmbiguousNameError",
    "Answer",
    "Atlas",
    "Audit",
    "AuditedGuest",
    "Baseline",
    "Bits",
    "BrokenAt",
    "Chain",
    "Change",
    "CompareAnswer",
    "Compatibility",
    "Cpu",
    "CpuMap",
    "CpuMode",
    "CpuidRegister",
    "DecodedDump",
    "Diagnosis",
    "DiagnosisReport",
    "Dialect",
    "Diff",
    "Dump",
    "Evidence",
    "EvidenceLayer",
    "Feature",
    "FeatureExplanation",
    "FeatureRequest",
    "FieldTable",
    "Finding",
    "Fleet",
    "FleetBaseline",
    "FleetDrift",
    "FleetMatrix",
    "FleetMissing",
    "FleetPrecheck",
    "FleetSummary",
    "Format",
    "Guest",
    "GuestCpu",
    "InputError",
    "JudgedCause",
    "Kind",
    "KindDiff",
    "Layer",
    "LintBasis",
    "LintReport",
    "LintText",
    "LintedFile",
    "Loss",
    "Machine",
    "Missing",
    "MissingRow",
    "MsrRegister",
    "Name",
    "ParsedDump",
    "Party",
    "Place",
    "Policy",
    "Provenance",
    "Record",
    "Register",
    "Severity",
    "SideBySide",
    "Snapshot",
    "State",
    "Translation",
    "UndecidedError",
    "UnknownNameError",
    "UsageError",
    "VcpuidError",
    "Verdict",
    "Wanted",
    "Way",
    "Weight",
    "WordExplanation",
    "__version__",
    "audit",
    "baseline",
    "compare",
    "compare_side_by_side",
    "decode_dump",
    "diagnose",
    "diff",
    "explain",
    "fleet_baselines",
    "fleet_drift",
    "fleet_matrix",
    "fleet_missing",
    "fleet_precheck",
    "fleet_summary",
    "lint_text",
    "open_fleet",
    "parse_dump",
    "party_of_snapshot",
    "read_dump",
    "read_parties",
    "translate",
    "why",
    "write_dump",
]

_NAMES = {
    "vcpuid.answers.audit": ("Audit", "AuditedGuest", "audit"),
    "vcpuid.answers.baseline": ("Baseline", "baseline"),
    "vcpuid.answers.compare": ("Compatibility", "CompareAnswer", "Missing", "Way", "compare"),
    "vcpuid.answers.decode": ("DecodedDump", "Wanted", "decode_dump"),
    "vcpuid.answers.diagnose": ("Diagnosis", "DiagnosisReport", "JudgedCause", "diagnose"),
    "vcpuid.answers.diff": ("Change", "Diff", "KindDiff", "Weight", "diff"),
    "vcpuid.answers.explain": ("FeatureExplanation", "WordExplanation", "explain"),
    "vcpuid.answers.guest": ("Loss", "Translation", "translate"),
    "vcpuid.answers.lint": ("LintReport", "LintedFile", "lint_text"),
    "vcpuid.answers.party": ("Party", "party_of_snapshot", "read_parties"),
    "vcpuid.answers.side_by_side": ("SideBySide", "compare_side_by_side"),
    "vcpuid.answers.why": ("Answer", "BrokenAt", "why"),
    "vcpuid.atlas": ("Atlas",),
    "vcpuid.atlas.fields": ("FieldTable",),
    "vcpuid.decode.machine": ("Kind", "Machine"),
    "vcpuid.dumps": ("Format", "ParsedDump", "parse_dump", "read_dump", "write_dump"),
    "vcpuid.errors": (
        "AmbiguousNameError",
        "InputError",
        "UndecidedError",
        "UnknownNameError",
        "UsageError",
        "VcpuidError",
    ),
    "vcpuid.evidence": ("Evidence",),
    "vcpuid.evidence.guest": ("Guest",),
    "vcpuid.fleet.configuration": ("EvidenceLayer",),
    "vcpuid.fleet.fleet": ("Fleet",),
    "vcpuid.fleet.store": ("open_fleet",),
    "vcpuid.rules.libvirt.map": ("CpuMap",),
    "vcpuid.snapshot": ("Record", "Snapshot"),
    "vcpuid.terms.address": ("Bits", "CpuidRegister", "MsrRegister", "Register"),
    "vcpuid.terms.dump": ("Cpu", "Dump", "MissingRow"),
    "vcpuid.terms.feature": ("Dialect", "Feature", "Name"),
    "vcpuid.terms.finding": ("Finding", "Severity"),
    "vcpuid.terms.guest": ("Accelerator", "CpuMode", "FeatureRequest", "GuestCpu", "Policy"),
    "vcpuid.terms.place": ("Place",),
    "vcpuid.terms.verdict": ("Chain", "Layer", "Provenance", "State", "Verdict"),
}
# Where each name lives, and how it is called there: some names are clear only beside their linter, or their fleet.
_HOMES = {name: (module, name) for module, names in _NAMES.items() for name in names} | {
    "LintBasis": ("vcpuid.answers.lint", "Basis"),
    "LintText": ("vcpuid.answers.lint", "Text"),
    "FleetBaseline": ("vcpuid.fleet.baseline", "PlaceBaseline"),
    "FleetDrift": ("vcpuid.fleet.drift", "Drift"),
    "FleetMatrix": ("vcpuid.fleet.matrix", "Matrix"),
    "FleetMissing": ("vcpuid.fleet.missing", "Lacking"),
    "FleetPrecheck": ("vcpuid.fleet.precheck", "Precheck"),
    "FleetSummary": ("vcpuid.fleet.summary", "Summary"),
    "fleet_baselines": ("vcpuid.fleet.baseline", "find_baselines"),
    "fleet_drift": ("vcpuid.fleet.drift", "find_drift"),
    "fleet_matrix": ("vcpuid.fleet.matrix", "make_matrix"),
    "fleet_missing": ("vcpuid.fleet.missing", "find_lacking"),
    "fleet_precheck": ("vcpuid.fleet.precheck", "precheck"),
    "fleet_summary": ("vcpuid.fleet.summary", "summarise"),
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that the command line starts fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'vcpuid' has no attribute {name!r}")
    module, own = _HOMES[name]
    return getattr(import_module(module), own)


def __dir__() -> list[str]:
    """Give the public names, imported or not."""
    return __all__
