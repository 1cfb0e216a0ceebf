"""What a command needs beyond the core, and what to install where that is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from vcpuid.errors import UndecidedError, how_to_install


@contextmanager
def extra(name: str, packages: Collection[str], what: str) -> Iterator[None]:
    """Import what an extra brings; it is imported late, so that --help does without.

    Args:
        name: The extra.
        packages: What it installs.
        what: What needs it, as in `the explorer`.

    Raises:
        UndecidedError: A package of it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in packages:
            raise
        raise UndecidedError(
            f"{what} needs {package}, which is not installed",
            next_step=how_to_install(name),
        ) from None
