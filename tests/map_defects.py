"""The defects of `tests/maps/defects.toml`: a tiny sound map with one fault in it; libvirt under such a map."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

MAPS = Path(__file__).parent / "maps"
TINY = MAPS / "tiny"
INSTALLED = Path("/usr/share/libvirt/cpu_map")
ASKED = "<cpu><arch>x86_64</arch><model>Newer</model><vendor>Intel</vendor><feature name='sgx'/></cpu>"


class Defect(NamedTuple):
    """One edit of the tiny map, what libvirt says of it, and the rules that we draw.

    `newer` is what libvirt 11.3 says where that is not what 9.0 says.
    """

    name: str
    file: str
    old: str
    new: str
    rules: tuple[str, ...]
    libvirt: str | None
    lacks: str | None
    newer: str | None = None

    def spoil(self, folder: Path) -> Path:
        """Copy the tiny map into a folder, with the defect."""
        shutil.copytree(TINY, folder)
        text = (folder / self.file).read_text(encoding="utf-8")
        assert text.count(self.old) >= 1, f"{self.name}: the tiny map has no {self.old}"
        # One byte a letter, so that a text can be no UTF-8.
        (folder / self.file).write_bytes(text.replace(self.old, self.new, 1).encode("latin-1"))
        return folder


def load_defects() -> list[Defect]:
    """Give every defect of the table."""
    table = tomllib.loads((MAPS / "defects.toml").read_text(encoding="utf-8"))
    return [
        Defect(
            name=name,
            file=row.get("file", "x86_features.xml"),
            old=row["old"],
            new=row["new"],
            rules=tuple(row["rules"]),
            libvirt=row.get("libvirt"),
            lacks=row.get("lacks"),
            newer=row.get("newer"),
        )
        for name, row in table.items()
    ]


@cache
def with_map(folder: Path, *command: str) -> str:
    """Run a command that sees another map, and give what it prints."""
    script = f'mount --bind "$0" {INSTALLED} && exec "$@"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, str(folder), *command],
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, "LC_ALL": "C"},
    )
    return (done.stdout + done.stderr).decode(errors="replace")


def baseline(folder: Path, tmp_path: Path) -> str:
    request = tmp_path / "asked.xml"
    request.write_text(ASKED, encoding="utf-8")
    return with_map(folder, "virsh", "-c", "test:///default", "cpu-baseline", str(request))
