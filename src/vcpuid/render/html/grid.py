"""A register as rows of eight bits: the highest byte first, as it is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vcpuid.render.document import Document

_BYTES, _BITS = 4, 8


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


def byte_rows(cells: Iterable[Document]) -> list[list[Piece]]:
    """Cut a grid's cells where bytes end; every reserved bit is a piece of its own."""
    owners: list[Document | None] = [None] * (_BYTES * _BITS)
    for cell in cells:
        owners[cell["low"] : cell["high"] + 1] = [cell] * (cell["high"] - cell["low"] + 1)
    return [_pieces(owners, byte * _BITS) for byte in reversed(range(_BYTES))]


def _pieces(owners: list[Document | None], start: int) -> list[Piece]:
    pieces: list[Piece] = []
    index = start + _BITS - 1
    while index >= start:
        cell = owners[index]
        low = index if cell is None else max(start, cell["low"])
        pieces.append(Piece(low, index, cell, is_first=cell is None or cell["high"] == index))
        index = low - 1
    return pieces
