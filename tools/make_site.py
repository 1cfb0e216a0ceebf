"""Builds the documentation as a site: HTML that opens from disk and asks no other server for anything.

python -m tools.make_site [FOLDER]    into FOLDER, else into site/; status 1 after any warning
"""

import argparse
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

ROOT = Path(__file__).resolve().parent.parent


def build(folder: Path) -> int:
    """Builds all pages anew; every warning is an error, and all of them are told."""
    with tempfile.TemporaryDirectory() as doctrees:
        options = ["--quiet", "--fresh-env", "--fail-on-warning", "--keep-going", "--nitpicky"]
        return build_main([*options, "-c", str(ROOT / "docs"), "-d", doctrees, str(ROOT), str(folder)])


def main() -> int:
    """Builds the site."""
    parser = argparse.ArgumentParser(description="Build the documentation as a site.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "site", help="where (default: site/)")
    return build(parser.parse_args().folder)


if __name__ == "__main__":
    sys.exit(main())
