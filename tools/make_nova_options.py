"""Writes guest/nova/tables/options.csv: the options of the sections that decide about guests' CPUs.

    PYTHON -m tools.make_nova_options

PYTHON is that of an environment with Nova's newest release in it. Names, kinds and defaults are taken, as facts;
the text of Nova's help is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nova.conf import CONF
from tools.table_file import render_table

TABLE = Path(__file__).resolve().parent.parent / "src/vcpuid/guest/nova/tables/options.csv"
SECTIONS = ("DEFAULT", "libvirt", "workarounds")
KINDS = {"String": "text", "List": "list", "Boolean": "flag"}
COLUMNS = ("section", "name", "kind", "default", "choices", "formerly")


def options_of(section: str) -> dict[str, Any]:
    """The options of a section, by name."""
    found: dict[str, Any] = CONF._opts if section == "DEFAULT" else CONF._groups[section]._opts  # noqa: SLF001
    return {name: info["opt"] for name, info in sorted(found.items())}


def rows() -> Iterator[tuple[str, ...]]:
    """The rows of the table."""
    for section in SECTIONS:
        for name, option in options_of(section).items():
            kind = KINDS.get(type(option.type).__name__, "other")
            # Those of [DEFAULT] are of the machine that asks: its name, its folders.
            default = None if kind == "other" or section == "DEFAULT" else option.default
            text = ",".join(default) if isinstance(default, list) else "" if default is None else str(default)
            choices = getattr(option.type, "choices", None) if section == "libvirt" else None
            formerly = (old.name for old in option.deprecated_opts if old.group in (None, section))
            yield (
                section,
                name,
                kind,
                text,
                " ".join(map(str, choices or ())),
                " ".join(old for old in formerly if old),
            )


def main() -> None:
    """Writes the table."""
    notes = (
        f"The options of Nova {version('nova')} in the sections {', '.join(SECTIONS)}.",
        "",
        "Origin: nova.conf of that release (Apache-2.0), with what the libraries that it imports register.",
        "Made by: python -m tools.make_nova_options; do not edit by hand.",
        f"version: {version('nova')}",
        "",
        "kind: text, list (of texts), flag (true or false), other (a number, an address).",
        "default: of a text, list or flag outside [DEFAULT]; empty for none.",
        "choices: the only values, where there are such. formerly: old names that still work.",
    )
    TABLE.write_text(render_table(notes, COLUMNS, rows()), encoding="utf-8")


if __name__ == "__main__":
    main()
