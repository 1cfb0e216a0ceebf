"""The program vcpuid-collect: look at this machine and print one snapshot document."""

import argparse
import json
import os
import shlex
import signal
import sys
from typing import List, Optional

from . import VERSION
from .access import render_access
from .bundle import bundle_collector, make_executable
from .collect import SOURCE_NAMES, collect
from .options import DEFAULT_TIMEOUT_S, DEFAULT_URI, Options

EXIT_USAGE = 2
EXIT_BAD_INPUT = 3
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


def main(arguments: List[str]) -> None:
    """Run the program and end the process, without waiting for sources that hang."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        try:
            status = run(arguments)
        except SystemExit as end:  # argparse's way to say --help or a wrong usage
            status = end.code if isinstance(end.code, int) else EXIT_USAGE
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    except OSError as error:  # sources record their own: this one is of our output
        sys.stderr.write("vcpuid-collect: standard output: %s\n" % error.strerror)
        status = EXIT_BAD_INPUT
    except Exception as error:
        sys.stderr.write("vcpuid-collect: a bug, please report it: %s: %s\n" % (type(error).__name__, error))
        status = EXIT_BUG
    try:
        sys.stderr.flush()
    except OSError:
        status = EXIT_BAD_INPUT
    # A thread may hang in the kernel: end without it, and let go of the pipe that somebody reads.
    for fd in (1, 2):
        try:
            os.close(fd)
        except OSError:
            continue
    os._exit(status)


def run(arguments: List[str]) -> int:
    """Run the program and return its exit status."""
    parsed = build_parser().parse_args(arguments)
    options = parse_options(parsed)
    if parsed.access:
        sys.stdout.write(render_access(options, arguments))
        return 0
    if parsed.bundle:
        text = bundle_collector()
    else:
        text = json.dumps(collect(options), ensure_ascii=True, separators=(",", ":")) + "\n"
    if parsed.output is None or parsed.output == "-":
        sys.stdout.write("%s%s" % (parsed.marker + "\n" if parsed.marker else "", text))
        return 0
    try:
        with open(parsed.output, "w", encoding="ascii") as file:
            file.write(text)
        if parsed.bundle:
            make_executable(parsed.output)
    except OSError as error:
        sys.stderr.write("vcpuid-collect: %s: %s\n" % (parsed.output, error.strerror))
        return EXIT_BAD_INPUT
    return 0


def parse_options(parsed: argparse.Namespace) -> Options:
    """Return the options that the command line asks for."""
    return Options(
        active=parsed.active,
        monitor=parsed.monitor,
        domain_capabilities=not parsed.no_domcapabilities,
        anonymise=parsed.anonymise or parsed.anonymise_key is not None,
        anonymise_key=parsed.anonymise_key or "",
        timeout_s=parsed.timeout,
        virsh=tuple(parsed.virsh or ()),
        uri=parsed.uri,
        map_directory=parsed.map_dir,
        nova_files=tuple(parsed.nova_conf),
        qemu_paths=tuple(parsed.qemu),
        only=tuple(parsed.only or ()),
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        prog="vcpuid-collect",
        description="Look at this machine's CPU features from silicon to guests, and print a snapshot (JSON). "
        "Only reads, starts no QEMU and opens no guest's monitor, unless it is told to.",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of to standard output")
    parser.add_argument(
        "--access", action="store_true", help="print what a run would read and run, and do nothing"
    )
    parser.add_argument("--version", action="version", version="%(prog)s " + VERSION)
    parser.add_argument("--bundle", action="store_true", help="print this program as one Python file")
    parser.add_argument("--active", action="store_true", help="start QEMU without a guest, and ask it")
    parser.add_argument(
        "--monitor", action="store_true", help="ask running guests' monitors (libvirt marks them tainted)"
    )
    parser.add_argument(
        "--no-domcapabilities",
        action="store_true",
        help="ask libvirt for no domain capabilities: it may start QEMU for them",
    )
    parser.add_argument("--anonymise", action="store_true", help="replace names and UUIDs by stable tokens")
    parser.add_argument("--anonymise-key", metavar="KEY", help="make tokens that only this key can confirm")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=DEFAULT_TIMEOUT_S,
        metavar="S",
        help="each source's time limit (%(default)g)",
    )
    parser.add_argument(
        "--virsh", type=_words, metavar="COMMAND", help="virsh, or a command that runs it elsewhere"
    )
    parser.add_argument("--uri", default=DEFAULT_URI, help="libvirt's connection URI (%(default)s)")
    parser.add_argument("--map", dest="map_dir", metavar="DIR", help="libvirt's cpu_map folder")
    parser.add_argument(
        "--nova-conf", action="append", default=[], metavar="FILE", help="a nova.conf (repeat for more)"
    )
    parser.add_argument(
        "--qemu", action="append", default=[], metavar="PATH", help="a QEMU binary (repeat for more)"
    )
    parser.add_argument("--only", type=_sources, metavar="SOURCE,...", help="of: " + ", ".join(SOURCE_NAMES))
    parser.add_argument("--marker", default="", help=argparse.SUPPRESS)
    return parser


def _seconds(text: str) -> float:
    try:
        seconds: Optional[float] = float(text)
    except ValueError:
        seconds = None
    if seconds is None or not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError("%r is no number of seconds from 0 to 3600" % text)
    return seconds


def _words(text: str) -> List[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("%r: %s" % (text, error)) from error
    if not words:
        raise argparse.ArgumentTypeError("an empty command")
    return words


def _sources(text: str) -> List[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in SOURCE_NAMES:
            raise argparse.ArgumentTypeError("no source %r; there are %s" % (name, ", ".join(SOURCE_NAMES)))
    return names
