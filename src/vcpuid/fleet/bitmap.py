"""A bitmap index: for each of many sets of bits, which of many others share no bit with it.

Of each byte that matters, each distinct value has a bitmap of the columns that it does not touch. A row is the
intersection of the bitmaps of its bytes' values, so that no pair of rows and columns is ever looked at by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from vcpuid.fleet.arrays import NDArray, np

Packed: TypeAlias = "NDArray[np.uint64]"
"""Bitmaps, one a row: bit i of a row's bytes, lowest first, is column i; what is beyond the last column is 0."""

_WORD_BITS, _BYTE_BITS = 64, 8
_MOST_VALUES = 512  # of a piece: more of them would cost more memory than the pieces that they save
_BLOCK_BYTES = 1 << 20  # rows of which are made at once: they stay in a core's cache


class _Piece(NamedTuple):
    """Some bytes of the sets: for each row the number of its value, for each value the columns that it allows."""

    codes: NDArray[np.intp]
    bitmaps: Packed


class DisjointIndex:
    """Tells for each row which columns are of its kind and share no bit with it.

    Args:
        rows: The rows' sets of bits.
        columns: The columns' sets of bits.
        row_kinds: A number for each row: only columns of the same can be its.
        column_kinds: The same for each column.
    """

    def __init__(
        self,
        rows: Sequence[int],
        columns: Sequence[int],
        row_kinds: Sequence[int],
        column_kinds: Sequence[int],
    ) -> None:
        self.shape = len(rows), len(columns)
        size = max((bits.bit_length() for bits in (*rows, *columns)), default=0) // _BYTE_BITS + 1
        asked, barred = _as_bytes(rows, size), _as_bytes(columns, size)
        matter = np.bitwise_or.reduce(asked, axis=0) & np.bitwise_or.reduce(barred, axis=0)
        piece = _piece_of_kinds(np.array(row_kinds, np.int64), np.array(column_kinds, np.int64))
        self._pieces = []
        for place in np.flatnonzero(matter):
            other = _piece_of_byte(asked[:, place] & matter[place], barred[:, place])
            joined = _joined(piece, other)
            if joined is None:
                self._pieces.append(piece)
            piece = joined or other
        self._pieces.append(piece)

    @property
    def pieces(self) -> int:
        """How many bitmaps meet in a row."""
        return len(self._pieces)

    @property
    def width(self) -> int:
        """The words of a row."""
        return _width(self.shape[1])

    @property
    def block(self) -> int:
        """How many rows are best made at once."""
        return max(_BLOCK_BYTES // max(self.width * _BYTE_BITS, 1), 1)

    def rows(self, start: int, stop: int) -> Packed:
        """Give some rows."""
        first, *others = self._pieces
        found: Packed = first.bitmaps.take(first.codes[start:stop], axis=0)
        for codes, bitmaps in others:
            found &= bitmaps.take(codes[start:stop], axis=0)
        return found

    def blocks(self) -> Iterator[tuple[int, Packed]]:
        """Walk all rows, many at once: the number of the first of them, and they."""
        for start in range(0, self.shape[0], self.block):
            yield start, self.rows(start, min(start + self.block, self.shape[0]))

    def whole(self) -> Packed:
        """Give all rows at once."""
        every = np.empty((self.shape[0], self.width), np.uint64)
        for start, rows in self.blocks():
            every[start : start + len(rows)] = rows
        return every


def pack(flags: NDArray[np.bool_]) -> Packed:
    """Give the bitmap of one row of truth values, or of many."""
    count = flags.shape[-1]
    padded = np.zeros((*flags.shape[:-1], _width(count) * _WORD_BITS // _BYTE_BITS), np.uint8)
    packed = np.packbits(flags, axis=-1, bitorder="little")
    padded[..., : packed.shape[-1]] = packed
    return padded.view("<u8")


def unpack(bitmaps: Packed, count: int) -> NDArray[np.bool_]:
    """Give the truth values of bitmaps with so many columns."""
    return np.unpackbits(bitmaps.view(np.uint8), axis=-1, count=count, bitorder="little").view(np.bool_)


def count_bits(bitmaps: Packed) -> NDArray[np.int64]:
    """Count the bits of each row."""
    counts: NDArray[np.int64] = np.bitwise_count(bitmaps).sum(axis=-1, dtype=np.int64)
    return counts


def _width(columns: int) -> int:
    return -(-columns // _WORD_BITS)


def _as_bytes(sets: Sequence[int], size: int) -> NDArray[np.uint8]:
    raw = b"".join(bits.to_bytes(size, "little") for bits in sets)
    return np.frombuffer(raw, np.uint8).reshape(len(sets), size)


def _piece_of_kinds(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> _Piece:
    kinds, codes = np.unique(rows, return_inverse=True)
    return _Piece(codes, pack(columns == kinds[:, None]))


def _piece_of_byte(rows: NDArray[np.uint8], columns: NDArray[np.uint8]) -> _Piece:
    values, codes = np.unique(rows, return_inverse=True)
    has_bit = [pack((columns >> bit & 1).astype(np.bool_)) for bit in range(_BYTE_BITS)]
    bitmaps = np.zeros((len(values), _width(len(columns))), np.uint64)
    for number, value in enumerate(values.tolist()):
        for bit in range(_BYTE_BITS):
            if value >> bit & 1:
                bitmaps[number] |= has_bit[bit]
    return _Piece(codes, ~bitmaps)  # the kinds' piece clears what is beyond the last column


def _joined(one: _Piece, other: _Piece) -> _Piece | None:
    """Make one piece of two; None where it would have too many values."""
    pairs = one.codes * len(other.bitmaps) + other.codes
    values, codes = np.unique(pairs, return_inverse=True)
    if len(values) > _MOST_VALUES:
        return None
    left, right = np.divmod(values, len(other.bitmaps))
    return _Piece(codes, one.bitmaps[left] & other.bitmaps[right])
