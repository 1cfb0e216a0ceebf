"""What is an MSR made of, bit by bit, and what tells of it?"""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.answers.register import RegisterExplanation, explain_register
from vcpuid.atlas import Atlas, Msr, Tie
from vcpuid.errors import UsageError
from vcpuid.terms.address import Bits, MsrRegister


class MsrSummary(NamedTuple):
    """An MSR in the list of all, and how many fields the atlas has there."""

    msr: Msr
    fields: int


class MsrExplanation(NamedTuple):
    """An MSR.

    Attributes:
        msr: What the tables say of it.
        register: Its bits.
        ties: The bits that tell of it.
    """

    msr: Msr
    register: RegisterExplanation
    ties: tuple[Tie, ...]


def list_msrs(atlas: Atlas | None = None) -> tuple[MsrSummary, ...]:
    """Give every MSR, ascending."""
    table = (atlas or Atlas.load()).msr_table
    return tuple(MsrSummary(msr, len(table.of_msr(index))) for index, msr in table.msrs.items())


def explain_msr(index: int, atlas: Atlas | None = None) -> MsrExplanation:
    """Explain an MSR.

    Raises:
        UsageError: The atlas has no such MSR.
    """
    atlas = atlas or Atlas.load()
    msr = atlas.msr(index)
    if msr is None:
        raise UsageError("the atlas has no such MSR", found=f"{index:X}H")
    ties = atlas.ties(Bits(msr.word, 0, MsrRegister.width - 1))
    return MsrExplanation(msr, explain_register(msr.word, atlas), ties)
