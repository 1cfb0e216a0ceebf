"""What the answers of `fleet` have in common as text."""

from __future__ import annotations

from typing import Final

from vcpuid.render.cpus import plural
from vcpuid.render.page import Page, Role, Span

MOST_ROWS: Final = 12
"""Rows that a person is shown of a long list; JSON has all."""

NOT_TOLD: Final = "(not told)"


def hosts_like(count: int, host: str) -> str:
    """Name a host, or count those that are like it."""
    return host if count == 1 else f"{plural(count, 'host')} like {host}"


def warn_of_scatter(page: Page) -> None:
    """Say that masking has failed, or that the fleet is odd."""
    text = "hosts are seldom equal: something in their dumps differs from host to host that is no feature"
    page.add(Span(f"warning: {text}", Role.UNSURE), hang=4)
