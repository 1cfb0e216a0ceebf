"""The record of one source: what it found, what it could not, and why."""

from typing import Any, Dict, List, NamedTuple, Optional

Json = Any  # what json.loads returns: the edge of what is typed
Data = Dict[str, Json]

Problem = NamedTuple("Problem", [("what", str), ("why", str), ("remedy", str)])


class NotApplicableError(Exception):
    """The source was not asked for, or does not apply to this machine."""


class NothingFoundError(Exception):
    """The source gave nothing at all; the reason is in its problems."""


class Problems:
    """What one source could not do, in the order in which it was met."""

    def __init__(self) -> None:
        self._problems: List[Problem] = []

    def __len__(self) -> int:
        return len(self._problems)

    def add(self, what: str, why: str, remedy: str = "") -> None:
        """Note that `what` was not had, why, and the command or permission that would give it."""
        problem = Problem(what, why, remedy)
        if problem not in self._problems:
            self._problems.append(problem)

    def add_os_error(self, what: str, error: OSError, remedy: str = "") -> None:
        """Note a system call's refusal in the system's own words."""
        self.add(what, describe_os_error(error), remedy)

    def as_json(self) -> List[Dict[str, str]]:
        """Return the problems as the snapshot holds them."""
        return [{"what": p.what, "why": p.why, "remedy": p.remedy} for p in self._problems]


def describe_os_error(error: OSError) -> str:
    """Return the reason of a failed system call in lower case, without number and path."""
    if error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return str(error) or type(error).__name__


def record(state: str, took_ms: int, problems: Problems, data: Optional[Data]) -> Data:
    """Return one source's record as the snapshot holds it."""
    return {"state": state, "took_ms": took_ms, "problems": problems.as_json(), "data": data}


def record_of_data(took_ms: int, problems: Problems, data: Data) -> Data:
    """Return the record of a source that gave data: whole if it met no problem, else partial."""
    return record("partial" if len(problems) else "ok", took_ms, problems, data)
