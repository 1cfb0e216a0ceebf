"""Where a command's evidence comes from: a snapshot file, or this machine, looked at now."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from vcpuid.cli.dump import HERE
from vcpuid.errors import UsageError
from vcpuid.gather.options import DEFAULT_TIMEOUT_S, DEFAULT_URI, Options
from vcpuid.snapshot import Snapshot

_Command = TypeVar("_Command", bound=Callable[..., Any])
Progress = Callable[[str, str], None]


def gathering_options(command: _Command) -> _Command:
    """Give a command the options that say how this machine (or a remote one) is looked at."""
    options = (
        click.option("--active", is_flag=True, help="Also start QEMU without a guest, and ask it."),
        click.option(
            "--monitor", is_flag=True, help="Also ask running guests' QEMU. libvirt marks these guests as tainted."
        ),
        click.option("--no-domcapabilities", is_flag=True, help="Ask libvirt for no domain capabilities."),
        click.option("--uri", metavar="URI", default=DEFAULT_URI, show_default=True, help="libvirt's connection."),
        click.option("--virsh", metavar="COMMAND", help="virsh, or a command that runs it (in a container)."),
        click.option(
            "--qemu",
            metavar="PATH",
            multiple=True,
            help="A QEMU binary besides those that are found; may be repeated.",
        ),
        click.option(
            "--map", "map_dir", metavar="DIR", help="libvirt's cpu_map folder; else those that are found."
        ),
        click.option(
            "--timeout",
            metavar="S",
            type=click.FloatRange(0, 3600, min_open=True),
            default=DEFAULT_TIMEOUT_S,
            show_default=True,
            help="Seconds that each source may take.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def options_of(
    *,
    active: bool,
    monitor: bool,
    no_domcapabilities: bool,
    uri: str,
    virsh: str | None,
    qemu: tuple[str, ...],
    map_dir: str | None,
    timeout: float,
    **others: Any,  # noqa: ANN401 - passed on as they are
) -> Options:
    """Give the collector's options for the values of `gathering_options`.

    Raises:
        UsageError: --virsh has an open quote.
    """
    try:
        words = tuple(shlex.split(virsh)) if virsh else ()
    except ValueError as error:
        raise UsageError(f"--virsh: {error}", found=repr(virsh)) from None
    return Options(
        active=active,
        monitor=monitor,
        domain_capabilities=not no_domcapabilities,
        uri=uri,
        virsh=words,
        qemu_paths=qemu,
        map_directory=map_dir,
        timeout_s=timeout,
        **others,
    )


host_option = click.option(
    "--host", metavar="FILE", help="A snapshot of the host; - for standard input. Else this machine is looked at."
)


def snapshot_of(host: str | None, choices: Mapping[str, Any]) -> Snapshot:
    """Give what --host names, or this machine, looked at as `gathering_options` say.

    Raises:
        InputError: The file cannot be read, or is no snapshot.
        UsageError: --virsh has an open quote.
    """
    return snapshot_here(options_of(**choices)) if host is None or host == HERE else Snapshot.read(host)


def snapshot_here(options: Options) -> Snapshot:
    """Look at this machine, with a line of progress where standard error is a terminal.

    Raises:
        InputError: The folder that --map names has no map.
    """
    return Snapshot.of(collect_here(options))


def collect_here(options: Options) -> dict[str, Any]:
    """Give what `snapshot_here` sees as the document that a snapshot is.

    Raises:
        InputError: The folder that --map names has no map.
    """
    if options.map_directory is not None:
        from vcpuid.rules.libvirt.map_reader import check_index, list_files  # noqa: PLC0415 - only a folder that is named

        check_index([path.name for path in list_files(options.map_directory)], options.map_directory)
    from vcpuid.gather.collect import collect  # noqa: PLC0415 - a snapshot from a file does not pay for it

    with progress_line() as progress:
        return collect(options, progress)


def read_snapshot(path: str) -> Snapshot:
    """Read a snapshot: a file, standard input (`-`), or this machine as it is now (`here`).

    Raises:
        InputError: The file cannot be read, or is no snapshot.
    """
    return snapshot_here(Options()) if path == HERE else Snapshot.read(path)


@contextmanager
def progress_line() -> Iterator[Progress | None]:
    """Show which sources are still being read, on a terminal; give None off it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it

    pending: dict[str, None] = {}
    with Console(stderr=True).status("looking at this machine") as status:

        def progress(source: str, state: str) -> None:
            if state == "started":
                pending[source] = None
            else:
                pending.pop(source, None)
            status.update(f"looking at this machine: {' '.join(pending)}")

        yield progress
