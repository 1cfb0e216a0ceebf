"""The glossary: each word once, and the enumerations of the code in its words."""

from __future__ import annotations

import re
from pathlib import Path

from vcpuid.terms.feature import Dialect
from vcpuid.terms.verdict import Basis, Chain, Layer, State

PAGE = Path(__file__).parents[2] / "docs/reference/words.md"
_ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def meanings() -> dict[str, str]:
    rows = [(word.strip(), text.strip()) for word, text in _ROW.findall(PAGE.read_text(encoding="utf-8"))]
    rows = [(word, text) for word, text in rows if word not in ("word", "---")]
    words = [word for words, _ in rows for word in words.split(", ")]
    assert len(words) == len(set(words)), "a word is explained twice"
    return {word: text for words, text in rows for word in words.split(", ")}


def test_the_states_are_the_codes() -> None:
    told = meanings()["state"]
    assert all(state.value.replace("-", " ") in told for state in State)


def test_the_hops_of_each_chain_are_the_codes() -> None:
    told = meanings()
    for chain, word in ((Chain.SUPPLY, "supply"), (Chain.DEMAND, "demand")):
        hops = [layer.value for layer in Layer if layer.chain is chain]
        assert re.findall("|".join(hops), told[word].lower()) == hops


def test_the_dialects_and_the_basis_are_the_codes() -> None:
    told = meanings()
    assert all(dialect.value.lower() in told["dialect"].lower() for dialect in Dialect)
    assert all(basis.value in told["basis"] for basis in Basis)
