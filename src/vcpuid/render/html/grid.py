"""A register as rows of eight bits: the highest byte first, as it is written."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

from vcpuid.render.document import Document

_BITS = 8


class Piece(NamedTuple):
    """A part of a cell within one byte.

    Attributes:
        low: Its lowest bit in the register.
        high: Its highest.
        cell: The cell; None for reserved bits.
        is_first: Whether it is the cell's highest part, which has its name.
    """

    low: int
    high: int
    cell: Document | None
    is_first: bool

    @property
    def width(self) -> int:
        """How many of the row's eight columns it takes."""
        return self.high - self.low + 1


def byte_rows(cells: Iterable[Document], width: int = 32) -> list[list[Piece]]:
    """Cut a grid's cells where bytes end; every reserved bit is a piece of its own.

    Args:
        cells: What is in the register.
        width: The bits of the register.
    """
    owners: list[Document | None] = [None] * width
    for cell in cells:
        owners[cell["low"] : cell["high"] + 1] = [cell] * (cell["high"] - cell["low"] + 1)
    return [_pieces(owners, byte * _BITS) for byte in reversed(range(width // _BITS))]


def are_mixed(cells: Iterable[Document]) -> bool:
    """Tell whether a grid has bits of one vendor beside bits of another, so that each needs its vendor's name."""
    scopes = [set(cell["vendors"]) for cell in cells if cell["vendors"] and "any" not in cell["vendors"]]
    return any(not one & other for one, other in combinations(scopes, 2))


def _pieces(owners: list[Document | None], start: int) -> list[Piece]:
    pieces: list[Piece] = []
    index = start + _BITS - 1
    while index >= start:
        cell = owners[index]
        low = index if cell is None else max(start, cell["low"])
        pieces.append(Piece(low, index, cell, is_first=cell is None or cell["high"] == index))
        index = low - 1
    return pieces
