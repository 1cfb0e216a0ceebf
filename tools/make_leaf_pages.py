"""Writes docs/reference/leaves/: a page for every CPUID leaf that has fields in the atlas, their index, the MSRs.

python -m tools.make_leaf_pages          write them, and remove pages of leaves that are gone
python -m tools.make_leaf_pages --check  write nothing; name the pages that are stale, status 1 if there are any
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from vcpuid.atlas import AnyField, Atlas, Field, Msr
from vcpuid.atlas.fields import ANY_VENDOR
from vcpuid.atlas.msrs import MsrField
from vcpuid.atlas.tables import load_table
from vcpuid.terms.address import Bits
from vcpuid.terms.feature import Dialect, Feature

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs/reference/leaves"
INDEX = "README.md"
MSRS = "msrs.md"
_MADE_BY = (
    "<!-- Made by: python -m tools.make_leaf_pages, from the atlas's tables. Do not edit this page by hand. -->"
)
_INDEX_HEAD = """\
# CPUID leaf by leaf

Every leaf that vcpuid knows, with each of its fields: where it lies, in whose CPUs, how its number is read, what
it means and where that is written. On the command line, `vcpuid explain 7.0.ebx` tells the same of one register,
and `vcpuid explain 7.0.ebx=0x29c6fbf` of a value in it. The model-specific registers have
[a page of their own](msrs.md).
"""
_MSRS_HEAD = """\
# MSR by MSR

The model-specific registers that tell or decide what a CPU can do, with each of their fields. Reading one needs
root (`rdmsr 0x3a`, of msr-tools); `vcpuid explain 'MSR 0x3a=0x60005'` tells what a value means.
[All leaves](README.md)
"""
_FIELDS_HEAD = "| bits | name | vendors | read as | meaning |\n|---|---|---|---|---|"
_MSR_FIELDS_HEAD = "| bits | name | vendors | read as | meaning | other registers |\n|---|---|---|---|---|---|"
_DIALECTS = (Dialect.MANUAL, Dialect.LINUX, Dialect.QEMU, Dialect.LIBVIRT, Dialect.TRAIT)
_ENCODINGS = {
    "flag": "",
    "values": "",
    "hex": "hexadecimal",
    "text": "letters",
    "set": "a bit a member",
    "log2": "2^n",
}


def render_pages(atlas: Atlas) -> dict[str, str]:
    """Gives every page's text by its file name."""
    leaves = atlas.field_table.leaves
    vendors = {int(row["leaf"], 16): row["vendors"] for row in load_table("leaves")}
    pages = {page_name(leaf): render_leaf(atlas, leaf, vendors[leaf]) for leaf in leaves}
    return pages | {INDEX: render_index(atlas, vendors), MSRS: render_msrs(atlas)}


def page_name(leaf: int) -> str:
    """The file name of a leaf's page."""
    return f"{leaf:x}.md"


def render_index(atlas: Atlas, vendors: dict[int, str]) -> str:
    """Gives the index: a row for each leaf."""
    lines = [_MADE_BY, "", _INDEX_HEAD, "| leaf | subject | vendors | fields |", "|---|---|---|---|"]
    for leaf in atlas.field_table.leaves:
        link = f"[{leaf:02X}H]({page_name(leaf)})"
        count = len(atlas.field_table.of_leaf(leaf))
        lines.append(_line(link, atlas.leaf_title(leaf), vendors[leaf], str(count)))
    return "\n".join(lines) + "\n"


def render_leaf(atlas: Atlas, leaf: int, vendors: str) -> str:
    """Gives a leaf's page: its registers with their fields, what projects call its features, its sources."""
    fields = atlas.field_table.of_leaf(leaf)
    whose = "all vendors" if vendors == ANY_VENDOR else vendors.replace(" ", ", ")
    parts = [
        f"{_MADE_BY}\n",
        f"# CPUID leaf {leaf:02X}H\n",
        f"{atlas.leaf_title(leaf)}. Given by: {whose}. [All leaves]({INDEX})\n",
    ]
    level = "###" if has_subleaves(fields) else "##"
    for subleaves, of_subleaves in groupby(fields, lambda field: field.subleaves):
        if has_subleaves(fields):
            parts.append(f"## {_subleaves_title(subleaves)}\n")
        for register, of_register in groupby(of_subleaves, lambda field: field.register):
            parts.append(f"{level} {register.name}\n")
            parts.append("\n".join([_FIELDS_HEAD, *(_field_line(atlas, field) for field in of_register)]) + "\n")
    if names := "\n".join(_name_lines(atlas, fields)):
        parts.append(f"## Names of its features\n\n{names}\n")
    sources = dict.fromkeys(source for field in fields for source in field.source.split("; "))
    parts.append("## Sources\n\n" + "\n".join(f"- {_cell(source)}" for source in sources) + "\n")
    return "\n".join(parts)


def render_msrs(atlas: Atlas) -> str:
    """Gives the page of the MSRs."""
    parts = [f"{_MADE_BY}\n", _MSRS_HEAD]
    for msr in atlas.msr_table.msrs.values():
        parts.append(f"## {msr.word}: {msr.name}\n")
        parts.append(" ".join(_msr_facts(atlas, msr)) + "\n")
        if msr.layout == msr.word:
            fields = atlas.msr_table.of_msr(msr.word.index)
            lines = (_line(*_field_cells(atlas, field), _ties(field)) for field in fields)
            parts.append("\n".join([_MSR_FIELDS_HEAD, *lines]) + "\n")
    return "\n".join(parts)


def _msr_facts(atlas: Atlas, msr: Msr) -> Iterator[str]:
    yield f"{msr.title}."
    if msr.aliases:
        yield f"Also called {', '.join(f'`{name}`' for name in msr.aliases)}."
    if ANY_VENDOR not in msr.vendors:
        yield f"On {', '.join(sorted(msr.vendors))}."
    if msr.enumerated_by:
        yield f"Enumerated by {' or '.join(_called(atlas, bits) for bits in msr.enumerated_by)}."
    if msr.layout != msr.word:
        yield f"Its fields are those of {msr.layout}."
    yield f"Source: {msr.source}."


def _ties(field: MsrField) -> str:
    kinds = (
        ("enumerated by", field.enumerated_by, " or "),
        ("controls", field.controls, ", "),
        ("related", field.related, ", "),
    )
    return "; ".join(f"{kind} {between.join(map(str, bits))}" for kind, bits, between in kinds if bits)


def _called(atlas: Atlas, bits: Bits) -> str:
    return f"{bits} `{atlas.called(bits)[0]}`"


def has_subleaves(fields: Iterable[Field]) -> bool:
    """Tells whether a leaf's fields lie in more than subleaf 0."""
    return any(field.subleaves != (0, 0) for field in fields)


def _subleaves_title(subleaves: tuple[int, int]) -> str:
    first, last = subleaves
    return f"Subleaf {first}" if first == last else f"Subleaves {first} to {last}"


def _field_line(atlas: Atlas, field: Field) -> str:
    return _line(*_field_cells(atlas, field))


def _field_cells(atlas: Atlas, field: AnyField) -> tuple[str, ...]:
    bits = str(field.low) if field.low == field.high else f"{field.high}:{field.low}"
    vendors = "" if ANY_VENDOR in field.vendors else ", ".join(sorted(field.vendors))
    return bits, f"`{field.name}`", vendors, _encoding(field), atlas.describe_field(field)


def _encoding(field: AnyField) -> str:
    kind, _, amount = field.encoding.partition("-")
    how = {"times": f"times {amount}", "minus": f"plus {amount}"}.get(kind, _ENCODINGS.get(kind, ""))
    values = "; ".join(f"{number} {name}" for number, name in field.values.items())
    return ", ".join(filter(None, (how, field.unit, values)))


def _name_lines(atlas: Atlas, fields: Iterable[Field]) -> Iterator[str]:
    """Gives the table of names, for the features that have one outside of the manuals."""
    lines = []
    for field in fields:
        feature = atlas.field_feature(field)
        if feature is not None and any(feature.name_in(dialect) for dialect in _DIALECTS[1:]):
            address = feature.bits[0].plain
            lines.append(_line(f"`{address}`", *(_names(feature, dialect) for dialect in _DIALECTS)))
    if lines:
        yield _line("bit", *(dialect.label for dialect in _DIALECTS))
        yield "|" + "---|" * (len(_DIALECTS) + 1)
        yield from lines


def _names(feature: Feature, dialect: Dialect) -> str:
    return ", ".join(f"`{name.text}`" for name in feature.names.get(dialect, ()))


def _line(*cells: str) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def find_stale(pages: dict[str, str]) -> list[Path]:
    """The pages whose file differs, is missing, or is of a leaf that is gone."""
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    return [FOLDER / name for name in sorted({*pages, *found}) if found.get(name) != pages.get(name)]


def main() -> None:
    """Writes the pages, or checks them."""
    parser = argparse.ArgumentParser(description="Write docs/reference/leaves/.")
    parser.add_argument("--check", action="store_true", help="only name stale pages")
    arguments = parser.parse_args()
    pages = render_pages(Atlas.load())
    stale = find_stale(pages)
    if arguments.check:
        for path in stale:
            print(f"{path.relative_to(ROOT)}: stale: run `python -m tools.make_leaf_pages`", file=sys.stderr)
        sys.exit(bool(stale))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in stale:
        if path.name in pages:
            path.write_text(pages[path.name], encoding="utf-8")
        else:
            path.unlink()


if __name__ == "__main__":
    main()
