"""The NUMA nodes of a section of EPC memory."""

from __future__ import annotations

import pytest

from vcpuid.terms.epc import EpcSection
from vcpuid.terms.place import Place


def nodes_of(text: str | None) -> frozenset[int]:
    return EpcSection(4096, text, None, Place("here")).nodes


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("0", {0}),
        ("0-2,5", {0, 1, 2, 5}),
        ("0-3,^2", {0, 1, 3}),
        (None, set()),
        ("", set()),
        ("a-b", set()),
        ("3-1", set()),
    ],
)
def test_nodes(text: str | None, nodes: set[int]) -> None:
    assert nodes_of(text) == nodes


def test_a_huge_span_ends() -> None:
    assert len(nodes_of("0-999999999999")) == 1025
