"""Writes rules/libvirt/tables/models.csv and vendors.csv from the x86 map of a libvirt release.

    python -m tools.make_libvirt_models 12.8=DIRECTORY

Names, contents, signatures and marks are taken, as facts; the map's comments and text are not. Its features are in
atlas/tables/libvirt.csv, whose newest map has to be the same.
"""

import argparse
import sys
from pathlib import Path

from tools.table_file import render_table

from vcpuid.errors import InputError
from vcpuid.rules.libvirt.map import CpuMap, MapModel, Signature
from vcpuid.rules.libvirt.map_reader import read_map
from vcpuid.rules.libvirt.shipped import COLUMNS, TABLES


def render_signature(signature: Signature) -> str:
    """A signature as `family/model`, or `family/model/steppings` with a hexadecimal mask."""
    numbers = f"{signature.family}/{signature.model}"
    return f"{numbers}/{signature.steppings:#x}" if signature.steppings else numbers


def render_model(model: MapModel) -> tuple[str, ...]:
    """The cells of one model."""
    marks = (("host", model.on_host), ("guest", model.on_guest), ("compat", model.is_compat))
    return (
        model.name,
        model.ancestor or "",
        model.group or "",
        " ".join(name for name, is_set in marks if is_set),
        model.vendor or "",
        " ".join(render_signature(signature) for signature in model.signatures),
        " ".join(model.features),
        " ".join(model.removed),
        " ".join(model.added),
    )


def render_vendors(cpu_map: CpuMap) -> str:
    """The table of vendors."""
    notes = (
        f"The CPU vendors of libvirt {cpu_map.version} and their twelve letters in CPUID leaf 0.",
        "",
        f"Origin: the CPU map of libvirt {cpu_map.version}. Terms: Apache-2.0, as this project; facts.",
        "Made by: python -m tools.make_libvirt_models; do not edit by hand.",
    )
    return render_table(notes, ("name", "letters"), cpu_map.vendors.items())


def render_models(cpu_map: CpuMap) -> str:
    """The table of models."""
    notes = (
        f"The x86 CPU models of libvirt {cpu_map.version}, in the map's order: {len(cpu_map.models)} models.",
        "",
        f"Origin: the CPU map of libvirt {cpu_map.version}.",
        "Terms: Apache-2.0, as this project; names and contents are facts, no text of the map is here.",
        "Made by: python -m tools.make_libvirt_models; do not edit by hand, name a newer map instead.",
        f"version: {cpu_map.version}",
        "",
        "ancestor: the model whose contents it inherits. marks: host, guest: whose CPUs may be described by it;",
        "  compat: check='partial' compares by the map's contents.",
        "signatures: family/model, or family/model/steppings with the steppings that count as a mask.",
        "features, removed, added: names joined by blanks; what is removed or added is not part of the contents.",
    )
    return render_table(notes, COLUMNS, map(render_model, cpu_map.models.values()))


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description="Write rules/libvirt/tables/models.csv.")
    parser.add_argument("map", metavar="VERSION=DIRECTORY", help="a cpu_map directory")
    version, _, directory = parser.parse_args().map.partition("=")
    try:
        cpu_map = read_map(directory, version)
    except InputError as error:
        sys.exit(f"make_libvirt_models: {error}")
    Path(TABLES, "models.csv").write_text(render_models(cpu_map), encoding="utf-8")
    Path(TABLES, "vendors.csv").write_text(render_vendors(cpu_map), encoding="utf-8")


if __name__ == "__main__":
    main()
