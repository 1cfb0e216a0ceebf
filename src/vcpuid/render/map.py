"""The answers of `map show`, `map add` and `map sync`."""

from __future__ import annotations

from collections.abc import Sequence

from vcpuid.answers.map_edit import MapEdit, Written
from vcpuid.answers.map_show import NamedSignature, Shown, ShownFeature, ShownModel
from vcpuid.answers.map_sync import Comparison, Missing
from vcpuid.atlas import describe_since
from vcpuid.render.cpus import plural
from vcpuid.render.document import Document, address_document, feature_document
from vcpuid.render.findings import add_finding, count_findings, finding_document
from vcpuid.render.page import Page, Role, Span
from vcpuid.rules.libvirt.entry import Entry, write_entry
from vcpuid.rules.libvirt.map import CpuMap, Signature
from vcpuid.terms.feature import Dialect

_LABEL_WIDTH = 16
_STEPPINGS = 16
_ADVICE = (
    "An installed map is not meant to be edited: upgrades overwrite it, and hosts drift apart. The mend for a "
    "feature that yours does not know is a newer libvirt. A map of your own is for development, and a last resort."
)


# map show -----------------------------------------------------------------------------------------


def render_shown(answers: Sequence[Shown], cpu_map: CpuMap) -> Page:
    """Write each feature and model, and the map that they are of."""
    page = Page()
    for answer in answers:
        if isinstance(answer, ShownFeature):
            _render_feature(page, answer)
        else:
            _render_model(page, answer)
        page.add()
    page.add(Span(f"by {cpu_map.title}", Role.DIM))
    return page


def _row(page: Page, label: str, text: str) -> None:
    if text:
        page.add(Span(f"  {label:<{_LABEL_WIDTH}}", Role.DIM), text, hang=_LABEL_WIDTH + 2)


def _render_feature(page: Page, answer: ShownFeature) -> None:
    own, feature = answer.own, answer.feature
    title = f"  {feature.title}" if feature and feature.title else ""
    page.add(Span(own.name, Role.STRONG), title)
    _row(page, "bits", " + ".join(map(str, own.bits)) or "none")
    _row(page, "stands", str(own.place))
    _row(page, "migratable", "yes" if own.migratable else "no: libvirt leaves it out of a CPU that is to migrate")
    _row(page, "aliases", ", ".join(own.aliases))
    _row(page, "libvirt", f"since {answer.since}" if answer.since else "not in a map that was looked at")
    for dialect in Dialect:
        names = feature.names.get(dialect, ()) if feature and dialect is not Dialect.LIBVIRT else ()
        _row(page, dialect.label, ", ".join(name.text for name in names))
    _row(page, "in models", ", ".join(answer.models) or "none")
    _row(page, "removed in", ", ".join(answer.removed_in))
    _row(page, "added in", ", ".join(answer.added_in))


def _render_model(page: Page, answer: ShownModel) -> None:
    own, model = answer.own, answer.model
    page.add(Span(own.name, Role.STRONG), f"  a CPU model{f' for {model.vendor} CPUs' if model.vendor else ''}")
    _row(page, "stands", str(own.place))
    _row(page, "group", own.group or "")
    _row(page, "ancestor", own.ancestor or "")
    _row(page, "same as", f"{own.canonical_of}: this is QEMU's versioned name" if own.canonical_of else "")
    _row(page, "versions", ", ".join(answer.versions))
    uses = [who for who, is_used in (("hosts", own.on_host), ("guests", own.on_guest)) if is_used]
    _row(page, "describes", " and ".join(uses) or "nothing: neither hosts nor guests")
    _row(page, "check", "partial compares by these contents" if own.is_compat else "")
    for signature in answer.signatures:
        _row(page, "CPUs", _signature_text(signature))
    _row(page, "features", f"{len(answer.features)}: {' '.join(answer.features)}")
    _row(page, "removed", _counted(own.removed))
    _row(page, "added", _counted(own.added))
    if answer.nearest:
        _row(page, "nearest", answer.nearest.other)
        _row(page, "  has more", " ".join(answer.nearest.more))
        _row(page, "  lacks", " ".join(answer.nearest.lacks))
    for contents in answer.qemu:
        is_same = not (contents.more or contents.lacks)
        of = f"{', '.join(contents.versions)}: its model of this name"
        _row(page, "QEMU", f"{of} {'has the same' if is_same else 'differs'}")
        _row(page, "  has more", " ".join(contents.more))
        _row(page, "  lacks", " ".join(contents.lacks))
        _row(page, "  unnamed", f"{len(contents.unnamed)} more: the map has no name" if contents.unnamed else "")


def _counted(names: tuple[str, ...]) -> str:
    return f"{len(names)}: {' '.join(names)}" if names else ""


def _signature_text(named: NamedSignature) -> str:
    signature = named.signature
    steppings = _steppings(signature)
    which = f", stepping {', '.join(map(str, steppings))}" if steppings else ""
    designs = f"   {', '.join(named.designs)}" if named.designs else ""
    return f"family {signature.family}, model {signature.model}{which}{designs}"


def _steppings(signature: Signature) -> list[int] | None:
    steppings = [step for step in range(_STEPPINGS) if signature.steppings >> step & 1]
    return steppings or None


def shown_document(answers: Sequence[Shown], cpu_map: CpuMap) -> Document:
    """Give the answer of `map show`."""
    return {
        "schema": "vcpuid-map-show/1",
        "map": _map_document(cpu_map),
        "answers": [
            _feature_document(answer) if isinstance(answer, ShownFeature) else _model_document(answer)
            for answer in answers
        ],
    }


def _map_document(cpu_map: CpuMap) -> Document:
    return {"source": cpu_map.source, "version": cpu_map.version or None}


def _feature_document(answer: ShownFeature) -> Document:
    own = answer.own
    return {
        "kind": "feature",
        "name": own.name,
        "bits": [address_document(bit) for bit in own.bits],
        "source": own.place.source,
        "line": own.place.line,
        "migratable": own.migratable,
        "aliases": list(own.aliases),
        "since": answer.since,
        "feature": feature_document(answer.feature) if answer.feature else None,
        "models": list(answer.models),
        "removed_in": list(answer.removed_in),
        "added_in": list(answer.added_in),
    }


def _model_document(answer: ShownModel) -> Document:
    own, near = answer.own, answer.nearest
    return {
        "kind": "model",
        "name": own.name,
        "source": own.place.source,
        "line": own.place.line,
        "group": own.group,
        "ancestor": own.ancestor,
        "canonical_of": own.canonical_of,
        "versions": list(answer.versions),
        "vendor": answer.model.vendor,
        "on_host": own.on_host,
        "on_guest": own.on_guest,
        "is_compat": own.is_compat,
        "signatures": [
            {
                "family": named.signature.family,
                "model": named.signature.model,
                "steppings": _steppings(named.signature),
                "designs": list(named.designs),
            }
            for named in answer.signatures
        ],
        "features": list(answer.features),
        "own": list(own.features),
        "removed": list(own.removed),
        "added": list(own.added),
        "nearest": {"model": near.other, "more": list(near.more), "lacks": list(near.lacks)} if near else None,
        "qemu": [
            {
                "versions": list(contents.versions),
                "more": list(contents.more),
                "lacks": list(contents.lacks),
                "unnamed": list(contents.unnamed),
            }
            for contents in answer.qemu
        ],
    }


# map add ------------------------------------------------------------------------------------------


def render_edit(edit: MapEdit, written: Written) -> Page:
    """Tell what was put where, and what the linter says of the new map."""
    page = Page()
    for finding in edit.findings:
        add_finding(page, finding)
    if not written.is_written:
        page.add(f"nothing written: the new map would have {count_findings(edit.findings)}", hang=2)
        return page
    names = ", ".join(entry.name for entry in edit.entries)
    page.add(f"added to {written.file}: {names}", hang=2)
    if written.backup:
        page.add(f"  the file as it was: {written.backup}")
    page.add(f"  the new map: {count_findings(edit.findings)}")
    page.add(_ADVICE, hang=0)
    return page


def edit_document(edit: MapEdit, written: Written) -> Document:
    """Give the answer of `map add`."""
    return {
        "schema": "vcpuid-map-add/1",
        "entries": [_entry_document(entry) for entry in edit.entries],
        "edit": _written_document(edit, written),
    }


def _entry_document(entry: Entry) -> Document:
    return {
        "name": entry.name,
        "bit": address_document(entry.bit),
        "migratable": entry.migratable,
        "xml": write_entry(entry),
    }


def _written_document(edit: MapEdit, written: Written) -> Document:
    return {
        "file": written.file,
        "backup": written.backup,
        "is_written": written.is_written,
        "findings": [finding_document(finding) for finding in edit.findings],
    }


# map sync -----------------------------------------------------------------------------------------


def render_sync(answer: Comparison) -> Page:
    """List what QEMU knows and the map does not, with who has it."""
    page = Page()
    page.add(
        f"{answer.qemu} beside {answer.cpu_map.title}: {plural(len(answer.missing), 'feature')} missing", hang=2
    )
    names = max((len(found.entry.name) for found in answer.missing), default=0)
    bits = max((len(str(found.entry.bit)) for found in answer.missing), default=0)
    for found in answer.missing:
        page.add(f"  {found.entry.name:<{names}}  {found.entry.bit!s:<{bits}}  {_whose(found)}")
    if answer.left_out:
        left_out = " ".join(name for name, _ in answer.left_out)
        page.add(Span(f"  no entry in any map (`vcpuid map entry NAME` says why): {left_out}", Role.DIM), hang=4)
    if answer.undecided:
        page.add(
            f"  perhaps also, between two releases that were looked at: {', '.join(answer.undecided)}", hang=4
        )
    if answer.missing:
        page.add(_ADVICE, hang=0)
    return page


def _whose(found: Missing) -> str:
    qemu = describe_since(Dialect.QEMU, found.qemu_since)
    if found.libvirt_since is None:
        return f"QEMU {qemu}; no libvirt that was looked at"
    return f"QEMU {qemu}; libvirt {describe_since(Dialect.LIBVIRT, found.libvirt_since)}"


def render_entries(answer: Comparison) -> str:
    """Write the entries that are missing, as a fragment of a map."""
    return "".join(write_entry(found.entry) for found in answer.missing)


def sync_document(answer: Comparison, edit: MapEdit | None, written: Written | None) -> Document:
    """Give the answer of `map sync`."""
    return {
        "schema": "vcpuid-map-sync/1",
        "qemu": answer.qemu,
        "map": _map_document(answer.cpu_map),
        "missing": [
            {
                **_entry_document(found.entry),
                "qemu_since": found.qemu_since or None,
                "libvirt_since": found.libvirt_since,
            }
            for found in answer.missing
        ],
        "left_out": [{"name": name, "reason": reason} for name, reason in answer.left_out],
        "undecided": list(answer.undecided),
        "edit": _written_document(edit, written) if edit and written else None,
    }
