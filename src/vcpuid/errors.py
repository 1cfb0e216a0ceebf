"""The errors that people read: one base class, each with its evidence and the next step."""

from __future__ import annotations

import sys
from typing import Final

_CHECKOUT: Final = __file__.rsplit("/", 3)[0]


class VcpuidError(Exception):
    """A fault in what we were given, told so that its reader can mend it.

    Args:
        message: What is wrong, in one clause.
        source: The file, command or argument in which it stands.
        line: The line in that source, counted from 1.
        found: What stands there.
        expected: What should stand there.
        next_step: What to do about it, as a sentence or a command.
    """

    exit_status: int = 3

    def __init__(
        self,
        message: str,
        *,
        source: str | None = None,
        line: int | None = None,
        found: str | None = None,
        expected: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message: Final = message
        self.source: Final = source
        self.line: Final = line
        self.found: Final = found
        self.expected: Final = expected
        self.next_step: Final = next_step

    def __str__(self) -> str:
        """Give `source:line: message: found ..., expected ...` and the next step on a line of its own."""
        place = ":".join(str(part) or "''" for part in (self.source, self.line) if part is not None)
        details = [
            f"{label} {text}"
            for label, text in (("found", self.found), ("expected", self.expected))
            if text is not None
        ]
        sentence = ": ".join(part for part in (place, self.message, ", ".join(details)) if part)
        return sentence if self.next_step is None else f"{sentence}\n  {self.next_step}"


class UsageError(VcpuidError):
    """The question itself is wrong: an unknown name, options that exclude each other."""

    exit_status = 2


class InputError(VcpuidError):
    """A file, stream or document that we were given cannot be used."""

    exit_status = 3

    def advising(self, next_step: str | None, *, expected: str | None = None) -> InputError:
        """Give the same fault with another next step, and what is expected where it does not say so itself."""
        return InputError(
            self.message,
            source=self.source,
            line=self.line,
            found=self.found,
            expected=self.expected or expected,
            next_step=next_step,
        )


def not_json(
    error: ValueError | RecursionError,
    source: str,
    *,
    expected: str | None = None,
    next_step: str | None = None,
) -> InputError:
    """Tell in our own words why a text is no JSON, of what Python's parser said."""
    from json import JSONDecodeError  # noqa: PLC0415 - whoever met one has imported it; most errors are others

    line = None
    if isinstance(error, RecursionError):
        message = "JSON that is nested too deeply"
    elif isinstance(error, UnicodeDecodeError):
        message = "not JSON (not UTF-8)"
    elif isinstance(error, JSONDecodeError):
        line = error.lineno
        why = f"{error.msg[:1].lower()}{error.msg[1:].removesuffix(' at')}"
        message = f"not JSON ({why} at column {error.colno})"
    else:  # the only other thing that it refuses
        message = "not JSON (a number of thousands of digits)"
    return InputError(message, source=source, line=line, expected=expected, next_step=next_step)


class UndecidedError(VcpuidError):
    """Something that the answer needs is unavailable on this machine."""

    exit_status = 4


class UnknownNameError(UsageError):
    """No table has this feature name; `suggestions` has near names, nearest first; `model` is a CPU model."""

    def __init__(self, name: str, suggestions: tuple[str, ...], model: str = "") -> None:
        near = f"Near names: {', '.join(suggestions)}. " if suggestions else ""
        step = f"{near}An address serves too, as in 7.0.ebx.2 or 'MSR 0x10a[0]'."
        if model:
            step = (
                f"`vcpuid map show {model}` has libvirt's contents, `vcpuid probe {model}` what a guest sees, "
                f"`vcpuid why FEATURE --cpu {model}` why a guest gets a feature."
            )
        super().__init__(
            "a CPU model, and no feature" if model else "no feature of this name in any dialect",
            found=repr(name),
            next_step=step,
        )
        self.model: Final = model
        self.name: Final = name
        self.suggestions: Final = suggestions


class AmbiguousNameError(UsageError):
    """A name that means different bits; `meanings` has `(address, explanation)` of each."""

    def __init__(self, name: str, meanings: tuple[tuple[str, str], ...]) -> None:
        listed = "\n  ".join(f"{address}  {explanation}" for address, explanation in meanings)
        super().__init__(
            "this name means different bits",
            found=repr(name),
            next_step=f"Say which one by its address, or choose with --vendor:\n  {listed}",
        )
        self.name: Final = name
        self.meanings: Final = meanings


def install_command(*extras: str) -> str:
    """Give the command that installs extras of vcpuid: into the environment of this checkout, or else by pip."""
    from pathlib import Path  # noqa: PLC0415 - every start imports this module, few need a path

    prepare = Path(_CHECKOUT, "tools", "prepare_venv.py")
    if not prepare.exists():
        return f"pip install 'vcpuid[{','.join(extras)}]'"
    where = "" if Path(sys.prefix) == Path(_CHECKOUT, ".venv") else f" --venv {sys.prefix}"
    return f"python3 {prepare} {' '.join(extras)}{where}"


def how_to_install(*extras: str) -> str:
    """Say how extras of vcpuid are installed."""
    command = install_command(*extras)
    return f"Install {'vcpuid with ' if command.startswith('pip') else ''}what is missing: {command}"
