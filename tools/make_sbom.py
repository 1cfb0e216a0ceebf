"""Writes the software bills of materials of a release: CycloneDX, as JSON.

    python -m tools.make_sbom [FOLDER]    into FOLDER, else into dist/

One is of what vcpuid needs by itself, one of each extra with that. They are made of the pins in requirements/, so
the same commit makes the same bytes; SOURCE_DATE_EPOCH is the time in them, and without it they have none.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
CORE = "core"
_SPEC = SchemaVersion.V1_6
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

Document = dict[str, Any]


def names() -> tuple[str, ...]:
    """Gives what there is a bill of: the core, then every extra."""
    return (CORE, *_PROJECT["optional-dependencies"])


def file_name(name: str) -> str:
    """Gives the name of a bill's file."""
    part = "" if name == CORE else f"-{name}"
    return f"{_PROJECT['name']}-{_PROJECT['version']}{part}.cdx.json"


def render_bill(name: str) -> str:
    """Gives the bill of the core or of an extra.

    Raises:
        ValueError: what was made breaks the schema of CycloneDX.
    """
    document = _generated(name)
    _shorten(document)
    _name_what_is_needed_directly(document, name)
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    fault = JsonStrictValidator(_SPEC).validate_str(text)
    if fault is not None:
        raise ValueError(f"{file_name(name)}: {fault}")
    return text


def _generated(name: str) -> Document:
    options = ["--pyproject", "pyproject.toml", "--output-reproducible", "--spec-version", _SPEC.to_version()]
    generator = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", f"requirements/{name}.txt"]
    done = subprocess.run([*generator, *options], cwd=ROOT, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own
    document: Document = json.loads(done.stdout)
    return document


def _shorten(document: Document) -> None:
    """Leaves of the descriptions, which repeat the pins with all their hashes, the pin's condition."""
    for component in document["components"]:
        requirement = component.pop("description").partition(": ")[2].partition(" --hash=")[0]
        marker = Requirement(requirement.strip()).marker
        if marker is not None:
            component["description"] = f"where {marker}"


def _name_what_is_needed_directly(document: Document, name: str) -> None:
    """Makes the graph of dependencies begin: the generator does not tell direct ones from others."""
    extra = [] if name == CORE else _PROJECT["optional-dependencies"][name]
    direct = {canonicalize_name(Requirement(line).name) for line in [*_PROJECT["dependencies"], *extra]}
    root = document["metadata"]["component"]["bom-ref"]
    (entry,) = (one for one in document["dependencies"] if one["ref"] == root)
    entry["dependsOn"] = sorted(
        one["bom-ref"] for one in document["components"] if canonicalize_name(one["name"]) in direct
    )


def main() -> int:
    """Writes the bills and names their files."""
    parser = argparse.ArgumentParser(description="Write the software bills of materials of a release.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist", help="where (default: dist/)")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in names():
        path = folder / file_name(name)
        path.write_text(render_bill(name), encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
