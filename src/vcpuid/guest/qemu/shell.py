"""QEMU's command line as people paste it: from a shell, a script, ps, libvirt's log, or /proc/PID/cmdline."""

from __future__ import annotations

import re
import shlex

from vcpuid.errors import InputError

SIZE_LIMIT = 1 << 20
_PROGRAM = re.compile(r"(?:.*/)?(?:qemu-system-(?:x86_64|i386)(?:-[\w.-]+)?|qemu-kvm|kvm)(?: \(deleted\))?")
# What ps prints has lost its quotes: JSON stands there bare.
_BARE_JSON = re.compile(r"(?<=\s)\{\"")
_QUOTED_JSON = re.compile(r"""['"]\s*\{""")
_START = re.compile(rf"(?:^|[\s'\"])(?={_PROGRAM.pattern}['\"]?(?:\s|$))")
_LOG = ": starting up libvirt version:"
_CONTINUED = re.compile(r"\\\r?\n[ \t]*")


def is_command_line(text: str) -> bool:
    """Tell whether a text has QEMU's program or one of its options with a dash in it."""
    words = re.split(r"[\s\0]+", text.strip())
    return any(word == "-cpu" for word in words) or any(_PROGRAM.fullmatch(word.strip("'\"")) for word in words)


def split_command_line(text: str, source: str) -> list[str]:
    """Give QEMU's arguments, without the program and whatever stands before it (variables, a log's words, ps's).

    Where no program is to be seen, the first word with a dash begins the arguments.

    Raises:
        InputError: The text is too long, a quote in it is not closed, or no QEMU is in it.
    """
    if len(text) > SIZE_LIMIT:
        raise InputError(
            "too long for a command line",
            source=source,
            found=f"{len(text)} characters",
            expected=f"at most {SIZE_LIMIT}",
        )
    words = _split(text, source)
    programs = (number + 1 for number, word in enumerate(words) if _PROGRAM.fullmatch(word))
    options = [number for number, word in enumerate(words) if word.startswith("-") and len(word) > 1]
    start = 0 if options[:1] == [0] else next(programs, next(iter(options), None))
    if start is not None:
        return words[start:]
    raise InputError(
        "no QEMU command line",
        source=source,
        found=repr(text[:60]),
        expected="qemu-system-x86_64 and its options, or a part of them that begins with a dash",
        next_step="`tr '\\0' ' ' < /proc/PID/cmdline` or `ps -ww -o args -p PID` prints that of a running guest.",
    )


def _split(text: str, source: str) -> list[str]:
    if "\0" in text:
        return text.rstrip("\0\n").split("\0")
    joined = _CONTINUED.sub(" ", text)
    if _BARE_JSON.search(joined) and not _QUOTED_JSON.search(joined):
        return joined.split()
    line_number, body = _command_in(joined, source)
    try:
        return shlex.split(body, comments=False, posix=True)
    except ValueError:
        raise InputError(
            "a quote that is not closed",
            source=source,
            line=line_number if "\n" in text.strip() else None,
            expected="the whole command line, as a shell takes it",
        ) from None


def _command_in(text: str, source: str) -> tuple[int, str]:
    """Give the number and text of the line that is a shell's: what a log or ps says beside it may be anything.

    Of the starts in a log of libvirt's the last is taken; options alone may stand on several lines.

    Raises:
        InputError: There are several command lines.
    """
    found: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("-"):
            found = found or [(number, "\n".join(text.split("\n")[number - 1 :]))]
            break
        if start := _START.search(line):
            found.append((number, line[start.end() - 1 if start[0] in ("'", '"') else start.end() :]))
    if len(found) > 1 and _LOG not in text:
        raise InputError(
            "several command lines",
            source=source,
            line=found[1][0],
            expected="that of one guest",
            next_step="`ps -ww -o args -p PID` prints one.",
        )
    return found[-1] if found else (1, text)
