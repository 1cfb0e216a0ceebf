"""`vcpuid collect`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from vcpuid.cli.files import write_bytes_whole, write_whole
from vcpuid.cli.host import collect_here, gathering_options, options_of
from vcpuid.errors import InputError, UsageError
from vcpuid.gather.access import render_access
from vcpuid.gather.bundle import bundle_collector, make_executable
from vcpuid.gather.collect import SOURCE_NAMES
from vcpuid.gather.options import Options, arguments_of
from vcpuid.gather.remote import Host, collect_from_hosts, parse_host

_SSH_SHARE_S = 20  # what connecting and starting Python may take, beside the sources' own limit
_UNDECIDED = 4


@click.command()
@click.argument("hosts", nargs=-1, metavar="[ssh://[USER@]HOST[:PORT]]...")
@click.option("-o", "--output", metavar="FILE", help="Write there: a file, or a folder for a file HOST.json each.")
@click.option(
    "--nova-conf", metavar="FILE", multiple=True, help="A nova.conf besides those that are found; may be repeated."
)
@click.option("--only", metavar="SOURCE,...", help=f"Only these sources, of: {', '.join(SOURCE_NAMES)}.")
@click.option("--anonymise", is_flag=True, help="Replace names and UUIDs by stable tokens.")
@click.option("--anonymise-key", metavar="KEY", help="Make tokens that only this key can confirm.")
@click.option("--bundle", is_flag=True, help="Print the collector as one Python file, to carry to a host.")
@click.option("--access", is_flag=True, help="Print every file, ioctl and command of such a run; look at nothing.")
@gathering_options
def command(
    hosts: tuple[str, ...],
    output: str | None,
    nova_conf: tuple[str, ...],
    only: str | None,
    anonymise_key: str | None,
    *,
    anonymise: bool,
    access: bool,
    bundle: bool,
    **choices: Any,  # noqa: ANN401 - click's values, typed where they are used
) -> int:
    """Write down the evidence of this host, or of others over ssh, as snapshots (JSON).

    It only reads. It starts no QEMU (--active does) and opens no guest's monitor (--monitor does). Remote hosts
    need python3 (3.6 or newer) and nothing else: the collector is sent through ssh.

    \b
    vcpuid collect -o host.json
    vcpuid collect ssh://root@h07 ssh://root@h08 -o snapshots/
    vcpuid collect --access
    vcpuid collect --bundle -o vcpuid-collect    to carry to a host: python3 -I vcpuid-collect -o host.json

    -o is a folder where it is one already, ends with a slash, or several hosts are given. Of several hosts
    standard output gets one JSON document a line.

    Exit status: 0 all collected, 4 some failed.
    """
    if bundle:
        _write_bundle(hosts, output)
        return 0
    options = options_of(
        **choices,
        nova_files=nova_conf,
        only=_sources(only),
        anonymise=anonymise or anonymise_key is not None,
        anonymise_key=anonymise_key or "",
    )
    if access:
        click.echo(render_access(options), nl=False)
        return 0
    if hosts:
        return _collect_remote(hosts, options, output)
    folder = _folder(output, several=False)
    document = collect_here(options)
    _write(document, output, folder, str(document["host"]["name"]))
    return 0


def _write_bundle(hosts: tuple[str, ...], output: str | None) -> None:
    if hosts:
        raise UsageError(
            "--bundle prints the collector, and asks no host", found=hosts[0], expected="vcpuid collect --bundle"
        )
    if not output or output == "-":
        click.echo(bundle_collector(), nl=False)
        return
    write_bytes_whole(Path(output), bundle_collector().encode("ascii"))
    make_executable(output)


def _sources(text: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    for name in names:
        if name not in SOURCE_NAMES:
            raise UsageError(
                "no source of this name", source="--only", found=name, expected=", ".join(SOURCE_NAMES)
            )
    return names


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


def _collect_remote(texts: tuple[str, ...], options: Options, output: str | None) -> int:
    hosts = tuple(dict.fromkeys(_host(text) for text in texts))
    folder = _folder(output, several=len(hosts) > 1)
    failures = 0
    for outcome in collect_from_hosts(
        hosts,
        arguments_of(options),
        options.timeout_s + _SSH_SHARE_S,
        _tell_progress if sys.stderr.isatty() else None,
    ):
        if outcome.document is None or outcome.failure is not None:
            failures += 1
            why, remedy = outcome.failure or ("no answer", "")
            click.echo(f"vcpuid: {outcome.host}: {why}" + (f"\n  {remedy}" if remedy else ""), err=True)
        else:
            _write(outcome.document, output, folder, str(outcome.host))
    if len(hosts) > 1:
        click.echo(f"vcpuid: {len(hosts) - failures} of {len(hosts)} hosts collected", err=True)
    return _UNDECIDED if failures else 0


def _tell_progress(host: str, state: str) -> None:
    click.echo(f"{host}: {state}", err=True)


def _host(text: str) -> Host:
    try:
        return parse_host(text)
    except ValueError as error:
        raise UsageError(str(error), found=repr(text), expected="ssh://[user@]host[:port]") from None


def _write(document: dict[str, Any], output: str | None, folder: Path | None, host: str) -> None:
    text = _text(document)
    if folder is not None:
        write_whole(folder / f"{_file_name(host)}.json", text)
    elif output and output != "-":
        write_whole(Path(output), text)
    else:
        click.echo(text)


def _file_name(host: str) -> str:
    return host.replace(":", "_").replace("/", "_").replace("[", "").replace("]", "")


def _folder(output: str | None, *, several: bool) -> Path | None:
    """Give the folder that --output means, made if need be; None where it means a file or standard output."""
    if not output or output == "-" or not (several or output.endswith("/") or Path(output).is_dir()):
        return None
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder cannot be made: {error.strerror}",
            source=output,
            next_step="Snapshots of several hosts are written into one folder, a file each.",
        ) from error
    return folder
