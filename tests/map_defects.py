"""The defects of `tests/maps/defects.toml`: a tiny sound map with one fault in it."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import NamedTuple

MAPS = Path(__file__).parent / "maps"
TINY = MAPS / "tiny"


class Defect(NamedTuple):
    """One edit of the tiny map, what libvirt says of it, and the rules that we draw."""

    name: str
    file: str
    old: str
    new: str
    rules: tuple[str, ...]
    libvirt: str | None
    lacks: str | None

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
        )
        for name, row in table.items()
    ]
