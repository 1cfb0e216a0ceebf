"""What a reader has to say about its input besides the dump: damaged lines, and what one should know."""

from __future__ import annotations

from typing import Final

from vcpuid.errors import InputError

_KEPT = 100
_FAULT_LIMIT = 100_000
_LISTED = 5
_SHOWN_CHARACTERS = 80
ADVICE: Final = "Mend it, or leave out what is damaged: `vcpuid convert FILE --to json --lenient`."
"""What to do about a damaged dump; the end of its error's next step."""
_NO_DUMP = "Is this really a dump? Without --from its format is recognised."


class Remarks:
    """The faults and notes that gather while one input is read.

    Faults are collected, so that one run tells all of them; a strict reading fails at its end.

    Attributes:
        source: The file or stream that is read.
        faults: The first of the faults, at most a hundred.
        fault_count: How many there were.
        notes: What a person should know of this dump, a sentence each.
    """

    def __init__(self, source: str) -> None:
        self.source: Final = source
        self.faults: Final[list[InputError]] = []
        self.fault_count = 0
        self.notes: Final[list[str]] = []

    def fault(
        self, message: str, *, line: int | None = None, found: str | None = None, expected: str | None = None
    ) -> None:
        """Add one fault; what was found is cut to a readable length.

        Raises:
            InputError: There are so many that this is no such dump.
        """
        shown = None if found is None else repr(found.strip()[:_SHOWN_CHARACTERS])
        self._add(InputError(message, source=self.source, line=line, found=shown, expected=expected))

    def adopt(self, error: InputError) -> None:
        """Add the fault that a reader of JSON has told by an exception, without that reader's advice.

        Raises:
            InputError: There are so many that this is no such dump.
        """
        self._add(
            InputError(
                error.message, source=self.source, line=error.line, found=error.found, expected=error.expected
            )
        )

    def _add(self, fault: InputError) -> None:
        self.fault_count += 1
        if len(self.faults) < _KEPT:
            self.faults.append(fault)
        elif self.fault_count > _FAULT_LIMIT:
            raise InputError(
                f"more than {_FAULT_LIMIT} faults", source=self.source, expected="a CPUID dump", next_step=_NO_DUMP
            )

    def note(self, sentence: str) -> None:
        """Add a note."""
        self.notes.append(sentence)

    def raise_faults(self) -> None:
        """Fail if there was any fault.

        Raises:
            InputError: The first fault; its next step tells how many more there are, and of --lenient.
        """
        if not self.faults:
            return
        first, *others = self.faults
        more = self.fault_count - 1
        lines = [str(fault.line) for fault in others if fault.line is not None][:_LISTED]
        where = f", first on line{'s' if len(lines) > 1 else ''} {', '.join(lines)}" if lines else ""
        raise first.advising(f"{more} more fault{'s' if more > 1 else ''}{where}. {ADVICE}" if more else ADVICE)
