"""Standard input, as a test gives it."""

from __future__ import annotations

import io
import sys

import pytest


def feed(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    """Have bytes come from standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
