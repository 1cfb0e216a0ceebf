"""A request that is not answered, and why."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException

from vcpuid.errors import UsageError, VcpuidError


class Refusal(HTTPException):
    """A request that is not answered.

    Args:
        status: HTTP's status.
        error: What is wrong with it, and what to do.
        headers: What its response says besides.
    """

    def __init__(self, status: int, error: VcpuidError, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, headers=headers)
        self.error = error


def busy(message: str, expected: str) -> Refusal:
    """Give the refusal of what may be asked again a little later."""
    error = UsageError(message, expected=expected, next_step="Ask again in a few seconds.")
    return Refusal(503, error, {"retry-after": "5"})
