"""The glossary: each word once, and the enumerations of the code in its words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tools.commands import walk_commands

from vcpuid.terms.feature import Dialect
from vcpuid.terms.verdict import Basis, Chain, Layer, State

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/words.md"
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


NOT_OURS = {
    r"remed(?:y|ies)": "mend",
    r"fore(?:tell|told|see|seen|casts?)": "predict",
    r"director(?:y|ies)": "folder",
}
"""Words that mean what another word of the page means, and that word."""

QUOTES = ("leaves", "messages.md", "agreement.md", "architecture.md", "words.md")
"""Pages that quote other programs, name our modules, or tell of the words themselves."""

HELPS = [(found.path, found.command.get_help(found.context)) for found in walk_commands()]
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
PAGES = [
    (str(path.relative_to(ROOT)), _CODE.sub("", path.read_text(encoding="utf-8")))
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if not {path.name, path.parent.name} & set(QUOTES)
]


@pytest.mark.parametrize("word", NOT_OURS)
def test_helps_and_pages_have_one_word_for_it(word: str) -> None:
    found = {place for place, text in (*HELPS, *PAGES) if re.search(rf"\b{word}\b", text, re.IGNORECASE)}
    assert not sorted(found), f"the word is `{NOT_OURS[word]}`"
