"""Where a host stands and what else people call it by: from a CSV file, or from the folders above its file."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vcpuid.errors import InputError, UsageError
from vcpuid.fleet.record import HostRow

_HOST = "host"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Labels:
    """What labels hosts get.

    Attributes:
        by_host: Host to its labels.
        folders: What the innermost folders above a file say, outermost first.
    """

    by_host: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    folders: Sequence[str] = ()

    def put_on(self, host: HostRow, folders: Sequence[str]) -> HostRow:
        """Give a host with its labels; the file that names hosts outranks folders."""
        if not self.folders and host.host not in self.by_host:
            return host
        count = len(self.folders)
        of_path = dict(zip(self.folders, folders[-count:], strict=True)) if 0 < count <= len(folders) else {}
        return host.labelled({**of_path, **self.by_host.get(host.host, {})})


def parse_folders(text: str) -> tuple[str, ...]:
    """Read what folders say, as in `zone/cluster`.

    Raises:
        UsageError: A part is no name.
    """
    names = tuple(text.strip("/").split("/"))
    for name in names:
        if not _NAME.fullmatch(name) or names.count(name) > 1:
            raise UsageError(
                "not the names of folders",
                found=repr(text),
                expected="names with / between them, as in zone/cluster",
            )
    return names


def read_labels(path: str) -> dict[str, dict[str, str]]:
    """Read a CSV file with a column `host`.

    Raises:
        InputError: It cannot be read, has no such column, a row of another length, or a host twice.
    """
    labels: dict[str, dict[str, str]] = {}
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            names = rows.fieldnames or ()
            if _HOST not in names or not all(_NAME.fullmatch(name) for name in names):
                found = ", ".join(map(str, names)) or "nothing"
                raise InputError("no labels", source=path, line=1, found=found, expected="columns host, zone, ...")
            for row in rows:
                if None in row or None in row.values():
                    raise InputError(
                        "a row of another length than the head",
                        source=path,
                        line=rows.line_num,
                        expected=f"{len(names)} columns",
                    )
                host = row.pop(_HOST)
                if host in labels:
                    raise InputError("a host twice", source=path, line=rows.line_num, found=repr(host))
                labels[host] = {name: value for name, value in row.items() if value}
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=path) from error
    except UnicodeDecodeError:
        raise InputError("not UTF-8", source=path, expected="a CSV file") from None
    except csv.Error as error:
        raise InputError(f"no CSV file: {error}", source=path) from None
    return labels
