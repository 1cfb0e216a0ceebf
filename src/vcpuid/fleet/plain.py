"""Plain dumps, many at once: the text of `cpuid -1 -r`, in which every row is as long as every other.

Nothing is read here that the ordinary reader does not read. This tells which dumps say the same but for the fields
in which equal CPUs differ, by a key that only such dumps share: the ordinary reader reads one for all.
Whatever is not plain to the letter has no key, and is left to the ordinary reader.
"""

from __future__ import annotations

import re
from binascii import Error as BadDigit
from binascii import unhexlify
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import compress
from typing import TypeAlias

from vcpuid.decode.dynamic import Cause, dynamic_fields, scopes_of
from vcpuid.dumps.assembly import ROW_LIMIT
from vcpuid.fleet.arrays import NDArray, np
from vcpuid.terms.dump import Cpu, Registers

Octets: TypeAlias = "NDArray[np.uint8]"

_HEADS = (b"CPU:\n", b"CPU 0:\n")
_LINE = b"   0x######## 0x##: eax=0x######## ebx=0x######## ecx=0x######## edx=0x########\n"
"""A row; # stands for a hexadecimal digit. It is ten numbers of 64 bits long, and compared as such."""

_LENGTH = len(_LINE)
_DIGITS = tuple(place for place, sign in enumerate(_LINE) if sign == ord("#"))
_RUNS = tuple((match.start(), f"u{len(match[0])}") for match in re.finditer(rb"#+", _LINE))
_NAMES = [f"n{place}" for place, _ in _RUNS]
_SPREAD = np.dtype(
    {
        "names": _NAMES,
        "formats": [kind for _, kind in _RUNS],
        "offsets": [start for start, _ in _RUNS],
        "itemsize": _LENGTH,
    }
)
_PACKED = np.dtype([(name, kind) for name, (_, kind) in zip(_NAMES, _RUNS, strict=True)])
"""The digits of a line where they stand, and one after the other: runs of them are copied as numbers."""

_WANTED = np.frombuffer(_LINE, np.uint64)
_LITERAL = np.frombuffer(bytes(0 if sign == ord("#") else 0xFF for sign in _LINE), np.uint64)
_IS_DIGIT = np.isin(np.arange(256), np.frombuffer(b"0123456789abcdefABCDEF", np.uint8))

_ROW_BYTES, _KEY_BYTES = len(_DIGITS) // 2, 5  # leaf and subleaf, then four registers
_REGISTERS_BYTES = _ROW_BYTES - _KEY_BYTES
_DIGEST_BYTES = 16
_SCOPE_KEYS = ((0, 0), (0x40000000, 0))
_REMEMBERED = 4096


def parse_rows(text: bytes) -> tuple[NDArray[np.bool_], Octets]:
    """Read lines of a row's length, one after the other.

    Returns:
        Which of them are rows to the letter, and the 21 octets of each: leaf, subleaf, EAX, EBX, ECX, EDX, the
        highest first. Those of a line that is no row mean nothing.
    """
    words = np.frombuffer(text, np.uint64).reshape(-1, len(_WANTED))
    differing = (words[:, 0] ^ _WANTED[0]) & _LITERAL[0]
    for place in range(1, len(_WANTED)):
        differing |= (words[:, place] ^ _WANTED[place]) & _LITERAL[place]
    are_rows = differing == 0
    lines = np.frombuffer(text, _SPREAD)
    packed = np.empty(len(lines), _PACKED)
    for name in _NAMES:
        packed[name] = lines[name]
    digits = packed.view(np.uint8).reshape(-1, len(_DIGITS))
    try:
        octets = unhexlify(digits.data)
    except BadDigit:
        are_rows &= _IS_DIGIT[digits].all(axis=1)
        digits[~are_rows] = ord("0")
        octets = unhexlify(digits.data)
    return are_rows, np.frombuffer(octets, np.uint8).reshape(-1, _ROW_BYTES)


def kinds_of(texts: Sequence[bytes]) -> list[bytes | None]:
    """Give the key of each dump that is plain; None for every other document.

    Two dumps with the same key are read by the ordinary reader without a fault, and give a fleet the same answers.
    """
    places, firsts, lengths, parts, rows = [], [], [], [], 0
    for place, text in enumerate(texts):
        if not text.startswith(_HEADS):
            continue
        head = text.index(b"\n") + 1
        count, rest = divmod(len(text) - head, _LENGTH)
        if not rest and 0 < count <= ROW_LIMIT:
            places.append(place)
            firsts.append(rows)
            lengths.append(count)
            parts.append(memoryview(text)[head:])
            rows += count
    kinds: list[bytes | None] = [None] * len(texts)
    if places:
        are_rows, octets = parse_rows(b"".join(parts))
        are_whole = np.logical_and.reduceat(are_rows, np.array(firsts)).tolist()
        bodies = zip(places, firsts, lengths, strict=True)
        for place, kind in _keys(compress(bodies, are_whole), octets):
            kinds[place] = kind
    return kinds


def _keys(bodies: Iterable[tuple[int, int, int]], octets: Octets) -> Iterable[tuple[int, bytes]]:
    """Give the keys of documents by their places in the batch.

    Args:
        bodies: Each one's place, its first row among those of all, and how many it has.
        octets: The rows of all.
    """
    keys = octets[:, :_KEY_BYTES].tobytes()
    registers = np.ascontiguousarray(octets[:, _KEY_BYTES:])
    told = registers.tobytes()
    alike: dict[tuple[bytes, bytes], list[tuple[int, int]]] = {}
    for place, first, length in bodies:
        layout = keys[first * _KEY_BYTES : (first + length) * _KEY_BYTES]
        telling = _scope_rows(layout)
        if telling is not None:
            rows = [(first + row) * _REGISTERS_BYTES for row in telling]
            scope = b"".join([told[start : start + _REGISTERS_BYTES] for start in rows])
            alike.setdefault((layout, scope), []).append((place, first))
    for (layout, scope), group in alike.items():
        kept = _kept(layout, scope)
        name = blake2b(layout, digest_size=_DIGEST_BYTES).digest()
        told_rows = np.array([first for _, first in group])[:, None] + np.arange(len(kept))
        masked = (registers[told_rows] & kept).tobytes()
        for number, (place, _) in enumerate(group):
            own = masked[number * kept.size : (number + 1) * kept.size]
            yield place, blake2b(own, digest_size=_DIGEST_BYTES, key=name).digest()


@lru_cache(_REMEMBERED)
def _scope_rows(layout: bytes) -> tuple[int, ...] | None:
    """Give the places of the rows that tell whose CPU it is; None where a row stands twice."""
    keys = _keys_of(layout)
    if len(set(keys)) < len(keys):
        return None
    return tuple(keys.index(key) for key in _SCOPE_KEYS if key in keys)


@lru_cache(_REMEMBERED)
def _kept(layout: bytes, scope: bytes) -> Octets:
    """Give the bits by which CPUs of one kind of rows are told apart: all but the dynamic ones.

    Those that firmware switches are told, as `words_of` does.
    """
    keys = _keys_of(layout)
    rows = [key for key in _SCOPE_KEYS if key in keys]
    told = np.frombuffer(scope, ">u4").reshape(-1, 4).tolist()
    scopes = scopes_of(Cpu(0, {key: _registers(row) for key, row in zip(rows, told, strict=True)}))
    kept = np.full((len(keys), 4), 0xFFFFFFFF, np.uint32)
    told_bits = np.zeros_like(kept)
    for field in dynamic_fields():
        for number, (leaf, subleaf) in enumerate(keys):
            if leaf != field.leaf or not field.subleaves[0] <= subleaf <= field.subleaves[1]:
                continue
            if field.cause is Cause.FIRMWARE:
                told_bits[number, field.position] |= field.mask
            if field.scope == "any" or field.scope in scopes:
                kept[number, field.position] &= ~np.uint32(field.mask)
    return (kept | told_bits).astype(">u4").view(np.uint8).reshape(len(keys), _REGISTERS_BYTES)


def _keys_of(layout: bytes) -> list[tuple[int, int]]:
    return [
        (int.from_bytes(layout[place : place + 4], "big"), layout[place + 4])
        for place in range(0, len(layout), _KEY_BYTES)
    ]


def _registers(row: Sequence[int]) -> Registers:
    return row[0], row[1], row[2], row[3]
