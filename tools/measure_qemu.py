"""Measures a QEMU binary and writes the tables of its version, src/vcpuid/rules/qemu/tables/VERSION.

    python -m tools.measure_qemu [--into FOLDER] qemu-system-x86_64
    python -m tools.measure_qemu -- LD.SO --library-path DIR QEMU -L DATADIR

Needs /dev/kvm. QEMU is started without a guest, asked, and ended; no file of it stays.
"""

import argparse
import datetime as dt
import sys
from pathlib import Path

from tools.qemu.binary import Binary, QemuError
from tools.qemu.tables import FOLDER, measure, render_tables


def main() -> None:
    """Writes the tables."""
    parser = argparse.ArgumentParser(description="Measure a QEMU binary and write its tables.")
    parser.add_argument("--into", type=Path, default=FOLDER, help="the folder of all versions")
    parser.add_argument("words", nargs="+", metavar="WORD", help="the binary, or the command that starts it")
    given = parser.parse_args()
    try:
        measured = measure(Binary(tuple(given.words)))
        tables = render_tables(measured, dt.datetime.now(tz=dt.UTC).date().isoformat())
    except (OSError, QemuError, ValueError) as error:
        sys.exit(f"measure_qemu: {error}")
    folder = given.into / measured.version
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    print(f"{folder}: {len(tables)} tables of QEMU {measured.banner}")


if __name__ == "__main__":
    main()
