"""Maps that commands read and write: whose it is, and how a copy is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from vcpuid.answers.map_edit import MapEdit, Written
from vcpuid.cli.files import back_up, write_bytes_whole
from vcpuid.errors import InputError, UndecidedError, UsageError
from vcpuid.rules.libvirt.choice import choose_map
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.map_reader import INSTALLED
from vcpuid.rules.libvirt.shipped import shipped_map

_Command = TypeVar("_Command", bound=Callable[..., Any])
_SYSTEM = Path("/usr")


def one_of(options: Mapping[str, object]) -> None:
    """Refuse two options that each name a map.

    Raises:
        UsageError: Both are given.
    """
    given = [name for name, value in options.items() if value]
    if len(given) > 1:
        raise UsageError("more than one map", found=" and ".join(given), expected="one of them")


def map_of_options(folder: str | None, host: str | None, *, shipped: bool = False) -> CpuMap:
    """Give the map that a command's options name: the shipped one, a folder's, a snapshot's, or what there is.

    Raises:
        InputError: It cannot be read, or is none.
        UndecidedError: The snapshot has no map.
    """
    if shipped:
        return shipped_map()
    return choose_map(folder, None if folder is not None or host is None else map_of_snapshot(host))


def map_of_snapshot(path: str) -> CpuMap:
    """Give the map that a snapshot has.

    Raises:
        InputError: The snapshot, or the map in it, is damaged.
        UndecidedError: It has no map.
    """
    from vcpuid.cli.host import read_snapshot  # noqa: PLC0415 - only a snapshot needs it
    from vcpuid.evidence import Evidence, Gap  # noqa: PLC0415

    libvirt = Evidence(read_snapshot(path)).libvirt
    if isinstance(libvirt, Gap):
        raise UndecidedError(
            f"no CPU map in the snapshot: {libvirt.why}", source=path, next_step=libvirt.remedy or None
        )
    cpu_map = libvirt.checked_map()
    if cpu_map is None:
        raise UndecidedError(
            "no CPU map in the snapshot",
            source=path,
            next_step="Collect it where libvirt is installed, or name a map with --map.",
        )
    return cpu_map


def writing_options(command: _Command) -> _Command:
    """Give a command the options that say which copy of a map is changed, and where to."""
    options = (
        click.option("--to", "target", metavar="DIR", help="A copy of a map, which gets the entries."),
        click.option("-o", "--output", metavar="DIR", help="Write the changed map there, not over the first."),
        click.option("--edit-system", is_flag=True, help="Allow to write below /usr: a last resort."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def check_target(folder: str, output: str | None, *, edit_system: bool) -> None:
    """Refuse to write where a map must not be written.

    Raises:
        UsageError: It lies below /usr and nobody allowed it, or the new folder has files.
    """
    path = Path(output if output is not None else folder).resolve()
    if path.is_relative_to(_SYSTEM) and not edit_system:
        raise UsageError(
            "an installed map is not meant to be edited: upgrades overwrite it, and hosts drift apart",
            found=str(path),
            next_step=f"Copy it (cp -r {INSTALLED} map) and name the copy; the mend is a newer libvirt. "
            "As a last resort --edit-system allows it.",
        )
    if output is not None and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError("--output must be a new or empty folder", found=output)


def write_edit(edit: MapEdit, files: Mapping[str, bytes], folder: str, output: str | None) -> Written:
    """Write an edited map: its file, with a backup, or all of it into a new folder.

    Raises:
        InputError: It cannot be written.
    """
    path = Path(folder if output is None else output, edit.file)
    if not edit.is_sound:
        return Written(str(path), None, is_written=False)
    if output is not None:
        return _write_copy(edit, files, path)
    # A link is followed: what it leads to is replaced, not the link.
    backup = back_up(path.resolve())
    write_bytes_whole(path.resolve(), edit.raw)
    return Written(str(path), str(backup), is_written=True)


def _write_copy(edit: MapEdit, files: Mapping[str, bytes], path: Path) -> Written:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder cannot be made: {error.strerror}", source=str(path.parent)) from None
    # The edited file comes last: a folder that has it is whole.
    for name in files.keys() - {edit.file}:
        write_bytes_whole(path.with_name(name), files[name])
    write_bytes_whole(path, edit.raw)
    return Written(str(path), None, is_written=True)
