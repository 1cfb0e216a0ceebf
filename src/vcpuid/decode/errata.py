"""What CPUs say wrongly, and what they should say: rows of `tables/errata.csv`, applied before decoding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from vcpuid.decode.identity import signature_of, vendor_of
from vcpuid.decode.rows import REGISTERS, load_decode_table, parse_span
from vcpuid.terms.dump import Cpu


class Erratum(NamedTuple):
    """Bits that do not mean what they say.

    Attributes:
        leaf: The leaf, of which subleaf 0 is meant.
        register: The register.
        mask: The bits.
        says: What stands in them where the erratum holds; None for anything.
        means: What they should say.
        why: What is so, in a line.
        source: Where the fact comes from.
    """

    leaf: int
    register: str
    mask: int
    says: int | None
    means: int
    why: str
    source: str


class _Models(NamedTuple):
    """The models of a family that an erratum is about."""

    models: tuple[int, int]
    steppings: tuple[int, int]
    erratum: Erratum


@cache
def _errata() -> dict[tuple[str | None, int], list[_Models]]:
    index: dict[tuple[str | None, int], list[_Models]] = {}
    for row in load_decode_table("errata"):
        erratum = Erratum(
            leaf=int(row["leaf"], 16),
            register=row["register"],
            mask=int(row["mask"], 16),
            says=int(row["says"], 16) if row["says"] else None,
            means=int(row["means"], 16),
            why=row["why"],
            source=row["source"],
        )
        models = _Models(parse_span(row["models"], 16), parse_span(row["steppings"] or "0-15"), erratum)
        index.setdefault((row["vendor"], int(row["family"], 16)), []).append(models)
    return index


def decode_errata(cpu: Cpu) -> tuple[Erratum, ...]:
    """Give the errata that change what the CPU says; mostly none."""
    signature = signature_of(cpu)
    entries = () if signature is None else _errata().get((vendor_of(cpu), signature.family), ())
    return tuple(
        entry.erratum
        for entry in entries
        if signature is not None
        and entry.models[0] <= signature.model <= entry.models[1]
        and entry.steppings[0] <= signature.stepping <= entry.steppings[1]
        and _holds(cpu, entry.erratum)
    )


def _holds(cpu: Cpu, erratum: Erratum) -> bool:
    row = cpu.rows.get((erratum.leaf, 0))
    if row is None:
        return False
    said = row[REGISTERS.index(erratum.register)] & erratum.mask
    return said != erratum.means and erratum.says in (None, said)


def mend(cpu: Cpu, errata: Iterable[Erratum] | None = None) -> Cpu:
    """Give a CPU as it should have answered: with what `errata`, by default all that it has, correct."""
    rows = dict(cpu.rows) if (found := tuple(decode_errata(cpu) if errata is None else errata)) else {}
    for erratum in found:
        row = list(rows[erratum.leaf, 0])
        position = REGISTERS.index(erratum.register)
        row[position] = row[position] & ~erratum.mask | erratum.means
        rows[erratum.leaf, 0] = (row[0], row[1], row[2], row[3])
    return replace(cpu, rows=rows) if found else cpu
