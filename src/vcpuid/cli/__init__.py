"""The command line: a thin client of answers and renderers. Each command is imported when it is called."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from contextlib import suppress
from io import TextIOWrapper
from itertools import pairwise
from typing import NoReturn

import click

from vcpuid import __version__
from vcpuid.cli.lazy import LazyGroup
from vcpuid.errors import InputError, VcpuidError

_BUG, _INTERRUPTED = 70, 130

# Command to the module that has it, and its line in the overview.
COMMANDS = {
    "explain": ("explain", "A feature, bit or value: what it is and what each project calls it."),
    "why": ("why", "Follow a feature from silicon to a guest: asked, available, got."),
    "probe": ("probe", "Boot a guest of ours and show the CPU that it sees."),
    "decode": ("decode", "CPUID of this machine or of dumps, in words."),
    "diff": ("diff", "What differs between two dumps, snapshots or machines."),
    "collect": ("collect", "Write down the evidence of this host, or of others over ssh."),
    "convert": ("convert", "A CPUID dump in another format."),
    "compare": ("compare", "Can guests run on another host, by their CPU? There and back."),
    "baseline": ("baseline", "The CPU that all of several hosts can give."),
    "audit": ("audit", "Every guest of a host: asked, given, got, and what bites later."),
    "diagnose": ("diagnose", "An error message: what it means, what it comes from, what to do."),
    "lint": ("lint", "Faults in domain XML, nova.conf and libvirt's CPU map: what will happen, and what to do."),
    "guest": ("guest", "A guest CPU definition in another project's dialect."),
    "map": ("map", "libvirt's feature map."),
    "sgx": ("sgx", "SGX for guests: a host's readiness, and plans for its enclave memory."),
    "fleet": ("fleet", "Many hosts at once: a store of their CPUs, and its questions."),
    "report": ("report", "A host or a fleet in one HTML file, to keep or to send."),
    "serve": ("serve", "The explorer: the atlas in a browser."),
    "completion": ("completion", "What bash, zsh or fish needs to complete vcpuid's commands."),
}


@click.group(cls=LazyGroup, modules=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="vcpuid %(version)s")
def vcpuid() -> None:
    """Which CPU does my guest really get, and why?

    \b
    vcpuid why sgx                    can this host give SGX to a guest?
    vcpuid why sgx avx2 --domain web  asked for, available, got: where is it lost?
    vcpuid explain sgx 0x12.1.eax=0x36
    vcpuid collect -o host.json       then: vcpuid why sgx --host host.json

    Exit status: 0 yes or fine, 1 the answer is no, 2 usage, 3 bad input, 4 undecided, 70 a bug, 130 interrupted.
    """


def main() -> NoReturn:
    """Run the command line and end the process.

    It ends without tearing the interpreter down: that costs a short command a tenth of its time, and a source that
    hangs in the kernel must not hold up an answer.
    """
    gc.disable()  # a command is over before its garbage matters
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal's encoding lacks is no bug
    status = run(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # who presses Ctrl-C again ends us at once, without a traceback
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            # The reader (head, less) has gone: what it wanted, it has.
            continue
    os._exit(status)


def _open_closed_streams() -> None:
    """Give the standard streams that the caller closed (`>&-`) a file, so that no file of ours takes their place.

    Standard output gets one that cannot be written, so that a command that has something to say fails; what would
    go to standard error is lost, and its exit status is all that tells.
    """
    streams = (("stdin", "r", os.O_RDONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))
    for descriptor, (name, mode, access) in enumerate(streams):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, access)  # the lowest free number, which is this one
        if getattr(sys, name) is None:
            stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - no path; never closed
            setattr(sys, name, stream)


def run(arguments: list[str]) -> int:
    """Run one command and give its exit status; errors are told on standard error, never as a traceback."""
    try:
        result = vcpuid.main(args=arguments, prog_name="vcpuid", standalone_mode=False)
    except VcpuidError as error:
        return _tell(error, as_json=_wants_json(arguments))
    except click.ClickException as error:
        with suppress(OSError):  # where nobody hears, the exit status still tells
            error.show()
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("vcpuid: interrupted", err=True)
        return _INTERRUPTED
    except (BrokenPipeError, SystemExit):  # click ends so where the reader (head, less) has gone
        return 0
    except OSError as error:
        is_closed = error.errno == errno.EBADF and error.filename is None
        message = "it is closed" if is_closed else f"{error.strerror}"
        return _tell(InputError(message, source=error.filename or "standard output"), as_json=False)
    except Exception as error:
        if os.environ.get("VCPUID_DEBUG"):
            raise
        click.echo(
            f"vcpuid: this is a bug of vcpuid: {type(error).__name__}: {error}\n"
            "  Please report it with the command and its input; VCPUID_DEBUG=1 shows where it happened.",
            err=True,
        )
        return _BUG
    return result if isinstance(result, int) else 0


def _wants_json(arguments: list[str]) -> bool:
    return "--format=json" in arguments or ("--format", "json") in pairwise(arguments)


def _tell(error: VcpuidError, *, as_json: bool) -> int:
    from vcpuid.render.page import printable  # noqa: PLC0415 - only an error needs it

    with suppress(OSError):  # where nobody hears, the exit status still tells
        click.echo("\n".join(printable(line) for line in f"vcpuid: {error}".split("\n")), err=True)
        if as_json:
            import json  # noqa: PLC0415 - only this path needs it

            from vcpuid.render.document import error_document  # noqa: PLC0415

            click.echo(json.dumps(error_document(error), indent=2))
    return error.exit_status
