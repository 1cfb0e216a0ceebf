"""The formats by name: which there are, which one an input has, reading and writing.

A format's module is imported when it is needed: a dump in a usual form costs no more than its own reader.
"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from vcpuid.dumps.encoding import SIZE_LIMIT_BYTES, decode_text, too_large
from vcpuid.dumps.remarks import Remarks
from vcpuid.errors import InputError, UsageError
from vcpuid.terms.dump import Dump, MissingRow

if TYPE_CHECKING:
    from pathlib import Path

    from vcpuid.dumps.losses import Loss

_LINE_LIMIT = 2_000_000
_HEAD_CHARACTERS = 1024 * 1024


class Reader(Protocol):
    """What the module of every format has."""

    EXAMPLE: str

    def why_not(self, head: str) -> str | None:
        """Tell why a text that begins like this is not of this format, or None where it looks like it."""

    def parse(self, text: str, remarks: Remarks) -> Dump:
        """Read a dump."""


class Writer(Reader, Protocol):
    """What the module of a format has that can be written."""

    def keep(self, dump: Dump) -> Dump:
        """Give the part of a dump that this format can hold: just what reading the written text gives."""

    def write(self, dump: Dump) -> str:
        """Write a dump."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format's name and what it is.

    Attributes:
        name: The name on the command line.
        title: What writes such dumps.
        module: The module that has it.
        is_written: Whether we write it too.
        of_one_cpu: Whether it holds a single CPU, without a number.
        mark: What every text of it has, in lower case: other texts need not import its reader to be told apart.
    """

    name: str
    title: str
    module: str
    is_written: bool = False
    of_one_cpu: bool = False
    mark: str = ""

    def reader(self) -> Reader:
        """Import the format's reader."""
        return cast("Reader", import_module(f"vcpuid.dumps.{self.module}"))

    def writer(self) -> Writer:
        """Import the format's writer.

        Raises:
            UsageError: This format is only read.
        """
        if not self.is_written:
            names = ", ".join(entry.name for entry in FORMATS.values() if entry.is_written)
            raise UsageError("a format that is only read", found=self.name, expected=f"one of {names}")
        return cast("Writer", import_module(f"vcpuid.dumps.{self.module}"))


# In the order in which they are tried.
FORMATS = {
    entry.name: entry
    for entry in (
        Format("aida64", "AIDA64, EVEREST, InstLatx64 text", "aida64", is_written=True, mark="cpuid"),
        Format("cpuid", "cpuid -r", "cpuid", is_written=True),
        Format("snapshot", "vcpuid collect", "snapshot"),
        Format("json", "vcpuid's own JSON, vcpuid-dump/1", "own", is_written=True),
        Format("kcpuid", "kcpuid -r", "kcpuid"),
        Format("libvirt", "libvirt <cpudata> XML", "libvirt", is_written=True, of_one_cpu=True),
        Format("libcpuid", "libcpuid raw data, cpuid_tool --save", "libcpuid", is_written=True),
        Format(
            "firecracker",
            "Firecracker CPU template or fingerprint",
            "firecracker",
            is_written=True,
            of_one_cpu=True,
        ),
        Format("xen", "xen-cpuid -p", "xen"),
        Format("xl", "CPUID strings of xl.cfg", "xl"),
        Format("openhardwaremonitor", "Open or Libre Hardware Monitor report", "openhardwaremonitor"),
        Format("cpuz", "CPU-Z report, tables with tabs", "cpuz"),
        Format("x86info", "x86info -r", "x86info"),
        Format("corefreq", "corefreq-cli -u", "corefreq"),
        Format("ddcpuid", "ddcpuid --table", "ddcpuid"),
        Format("device", "bytes of /dev/cpu/N/cpuid", "device"),
    )
}


@dataclass(frozen=True, slots=True)
class ParsedDump:
    """A dump with what its reading has shown.

    Attributes:
        dump: The dump.
        format: The format that it had.
        faults: What was damaged and left out; empty after a strict reading, at most a hundred.
        fault_count: How many faults there were.
        notes: What one should know of this dump, a sentence each.
    """

    dump: Dump
    format: Format
    faults: tuple[InputError, ...]
    fault_count: int
    notes: tuple[str, ...]


def read_dump(path: str | Path, *, format_name: str | None = None, lenient: bool = False) -> Dump:
    """Read a dump from a file, or from standard input where the path is `-`.

    Raises:
        InputError: It cannot be read, has no known format, or is damaged.

    Examples:
        >>> from vcpuid import read_dump
        >>> len(read_dump("h07.json").cpus)
        2
    """
    raw, source = read_bytes(path)
    return parse_dump(raw, source, format_name=format_name, lenient=lenient).dump


def read_bytes(path: str | Path) -> tuple[bytes, str]:
    """Read a file or standard input (`-`) up to the size limit; gives the bytes and what to call their source.

    Raises:
        InputError: It cannot be read, or is too large.
    """
    source = "standard input" if str(path) == "-" else str(path)
    try:
        if str(path) == "-":
            raw = sys.stdin.buffer.read(SIZE_LIMIT_BYTES + 1)
        else:
            with open(path, "rb") as file:  # noqa: PTH123 - importing pathlib costs more than to read a dump
                if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):
                    raise InputError(
                        "a device, not a dump",
                        source=source,
                        next_step="`here` instead of a file reads this machine.",
                    )
                raw = file.read(SIZE_LIMIT_BYTES + 1)
    except IsADirectoryError:
        raise InputError("a folder, not a dump", source=source, next_step="Name the files in it.") from None
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", source=source, next_step="Check the path and its permissions."
        ) from error
    except ValueError:  # a path with a NUL
        raise InputError("no path", source=repr(source)) from None
    if len(raw) > SIZE_LIMIT_BYTES:
        raise too_large(source)
    return raw, source


def parse_dump(raw: bytes, source: str, *, format_name: str | None = None, lenient: bool = False) -> ParsedDump:
    """Read a dump of a known format, or of the first one that it looks like.

    Raises:
        InputError: It has no known format, or is damaged; a lenient reading leaves out damaged lines.
        UsageError: There is no format of this name.

    Examples:
        >>> from pathlib import Path
        >>> from vcpuid import parse_dump
        >>> parse_dump(Path("h07.json").read_bytes(), "h07.json").format.name
        'snapshot'
    """
    text = decode_text(raw, source)
    if not text.strip():
        raise InputError("empty", source=source, expected="a CPUID dump")
    if text.count("\n") > _LINE_LIMIT:
        raise InputError("too many lines for a dump", source=source, expected=f"at most {_LINE_LIMIT}")
    chosen = _detect(text, source) if format_name is None else find_format(format_name)
    remarks = Remarks(source)
    try:
        dump = chosen.reader().parse(text, remarks)
    except InputError as error:
        if format_name is None:
            raise
        advice = f"It was read as {chosen.name}; without --from its format is recognised."
        steps = f"{error.next_step}\n  {advice}" if error.next_step else advice
        raise error.advising(steps, expected=chosen.reader().EXAMPLE) from None
    if not lenient:
        remarks.raise_faults()
    if remarks.fault_count:  # what is left out was told: it is not zero, whatever the format says of other rows
        dump = replace(dump, cpus=tuple(replace(cpu, missing=MissingRow.UNKNOWN) for cpu in dump.cpus))
    return ParsedDump(dump, chosen, tuple(remarks.faults), remarks.fault_count, tuple(remarks.notes))


def find_format(name: str) -> Format:
    """Give the format of a name.

    Raises:
        UsageError: There is none.
    """
    if name not in FORMATS:
        raise UsageError("no format of this name", found=repr(name), expected=f"one of {', '.join(FORMATS)}")
    return FORMATS[name]


def find_losses(dump: Dump, format_name: str) -> tuple[Loss, ...]:
    """Tell what a format cannot hold of a dump.

    Raises:
        UsageError: There is no such format, or it is only read.
    """
    from vcpuid.dumps.losses import compare_kept  # noqa: PLC0415 - only who writes a dump needs it

    chosen = find_format(format_name)
    return compare_kept(dump, chosen.writer().keep(dump), of_one_cpu=chosen.of_one_cpu)


def write_dump(dump: Dump, format_name: str) -> str:
    """Write a dump in a format; `find_losses` tells what that leaves out.

    Raises:
        UsageError: There is no such format, or it is only read.
        InputError: The format can hold nothing of this dump.

    Examples:
        >>> from vcpuid import read_dump, write_dump
        >>> print(write_dump(read_dump("h07.json"), "cpuid").splitlines()[0])
        CPU 0:
    """
    writer = find_format(format_name).writer()
    if not any(cpu.rows for cpu in writer.keep(dump).cpus):
        raise InputError(f"nothing that the format {format_name} can hold", source=dump.origin)
    return writer.write(dump)


def _detect(text: str, source: str) -> Format:
    head = text[:_HEAD_CHARACTERS]
    lowered = head.lower()
    for entry in FORMATS.values():
        if entry.mark in lowered and entry.reader().why_not(head) is None:
            return entry
    from vcpuid.dumps.strangers import recognise  # noqa: PLC0415 - a dump needs it not

    stranger = recognise(text)
    tried = "\n  ".join(f"{entry.name}: {entry.reader().why_not(head)}" for entry in FORMATS.values())
    advice = f"{stranger.advice}\n  " if stranger.advice else ""
    raise InputError(
        "no known form of a CPUID dump",
        source=source,
        found=stranger.what,
        next_step=f"{advice}These were tried, each with why it is not that:\n  {tried}",
    )
