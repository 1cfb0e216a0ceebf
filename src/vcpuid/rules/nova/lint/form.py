"""How the files are written: lines that Nova refuses, and entries that it never finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from vcpuid.guest.nova import NovaEntry, ValueRefusedError, load_options, nova_version
from vcpuid.guest.nova.settings import Option
from vcpuid.rules.lint import nearest
from vcpuid.rules.nova.lint.subject import Subject, rule
from vcpuid.terms.finding import Finding
from vcpuid.terms.place import Place

_SECTIONS = ("libvirt", "workarounds")
# The options that decide about guests' CPUs, with the names that they had.
_CPU_OPTIONS = (
    ("libvirt", "virt_type"),
    ("libvirt", "cpu_mode"),
    ("libvirt", "cpu_models"),
    ("libvirt", "cpu_model_extra_flags"),
    ("workarounds", "skip_cpu_compare_at_startup"),
    ("workarounds", "skip_cpu_compare_on_dest"),
)
_LIBVIRT_MODES = ("maximum",)
# What Intel's patch of an old Nova read, and no release has.
_OF_A_PATCH = frozenset(("sgx_epc_mb", "sgx_features"))


@cache
def _cpu_options() -> Mapping[str, Option]:
    """Give the CPU options by every name that they have or had."""
    options = [load_options()[key] for key in _CPU_OPTIONS]
    return {name: option for option in options for name in (option.name, *option.formerly)}


def lint(subject: Subject) -> Iterator[Finding]:
    """Give the findings of files, sections and keys."""
    for file in subject.files:
        if file.fault is not None:
            fault = file.fault
            place = Place(file.source, fault.line)
            yield rule("syntax").finding(place, fault.found or "", fault.expected or "", reason=fault.message)
        for section, place in file.sections:
            right = section.strip().lower()
            if section != section.strip() and right in (*_SECTIONS, "default"):
                right = "DEFAULT" if right == "default" else right
                yield rule("section-spelling").finding(place, f"[{section}]", section=section, right=right)
    yield from _lint_values(subject)
    for entry in subject.entries:
        yield from _lint_entry(subject, entry)


def _lint_values(subject: Subject) -> Iterator[Finding]:
    fault = subject.fault
    if fault is None:
        return
    if not isinstance(fault, ValueRefusedError):
        place = Place(fault.source or "", fault.line)
        yield rule("unseen-value").finding(place, fault.found or "", reason=fault.message)
        return
    text = (fault.found or "").strip("'\"")
    if text in _LIBVIRT_MODES:
        yield rule("mode-maximum").finding(fault.place, text, fault.expected or "", words=fault.words)
        return
    near = nearest(text, (fault.expected or "").split(", "))
    mend = f"Did you mean {near}?" if near else f"Write {fault.expected}."
    yield rule("bad-value").finding(
        fault.place, fault.found or "", fault.expected or "", reason=fault.message, words=fault.words, mend=mend
    )


def _lint_entry(subject: Subject, entry: NovaEntry) -> Iterator[Finding]:
    option = _cpu_options().get(entry.key)
    if option is None:
        if entry.group == "libvirt" and (entry.group, entry.key) not in _known():
            yield _unknown(entry)
        return
    if entry.group != option.section:
        # [DEFAULT] had the options once; other sections never had. What stands in neither is another's.
        if entry.group in ("DEFAULT", *_SECTIONS):
            yield rule("key-elsewhere").finding(
                entry.place, key=entry.key, section=entry.section, right=option.section
            )
        return
    if entry.key != option.name:
        yield rule("deprecated-key").finding(entry.place, entry.key, option.name, key=entry.key, right=option.name)
    winner = subject.settings.entry(option.section, option.name)
    if winner is not None and winner is not entry and winner.place != entry.place:
        yield rule("overridden").finding(entry.place, key=entry.key, winner=winner.place)


@cache
def _known() -> frozenset[tuple[str, str]]:
    return frozenset(
        (option.section, name) for option in load_options().values() for name in (option.name, *option.formerly)
    )


def _unknown(entry: NovaEntry) -> Finding:
    names = [name for section, name in _known() if section == "libvirt"]
    near = None if entry.key in _OF_A_PATCH else nearest(entry.key.lower().replace("-", "_"), names)
    mend = f"Did you mean {near}?" if near else "Remove it; or it is of another release, or of a patched Nova."
    return rule("unknown-key").finding(
        entry.place, key=entry.key, version=nova_version(), near=f" ({near}?)" if near else "", mend=mend
    )
