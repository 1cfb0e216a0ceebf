"""Where a report shows what: places in its own file; what it does not show has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from vcpuid.render.document import Document

_Bit = tuple[object, ...]


class Anchors:
    """The places of one report.

    Args:
        features: The features that the report describes, each with its bits.
    """

    def __init__(self, features: Iterable[Document]) -> None:
        self._by_bit: dict[_Bit, str] = {}
        self._by_name: dict[str, str] = {}
        for feature in features:
            anchor = feature_anchor(feature["name"])
            self._by_name[feature["name"]] = anchor
            for address in feature["bits"]:
                for bit in range(address["low"], address["high"] + 1):
                    self._by_bit.setdefault(_key(address, bit), anchor)

    def links(self) -> dict[str, Callable[..., str]]:
        """Give what stands in for the explorer's links; each gives an empty text for what has no place."""
        return {
            "address_link": lambda address: self._link(_key(address, address["low"])),
            "bit_link": lambda word, bit: self._link(_key(word, bit)),
            "fleet_link": lambda *_, **__: "",
            "leaf_link": lambda *_: "",
            "msr_link": lambda *_: "",
            "place_link": lambda address: self._link(_key(address, address["low"])),
            "register_link": lambda *_: "",
            "search_link": lambda text: f"#{anchor}" if (anchor := self._by_name.get(text)) else "",
            "word_link": lambda *_: "",
        }

    def _link(self, key: _Bit) -> str:
        anchor = self._by_bit.get(key)
        return f"#{anchor}" if anchor else ""


def feature_anchor(name: str) -> str:
    """Give a feature's place."""
    return f"feature-{name}"


def by_word(features: Iterable[Document]) -> Iterator[tuple[str, list[Document]]]:
    """Put features that follow each other and have their first bit in one register together, under its name."""
    groups: dict[str, list[Document]] = {}
    for one in features:
        bits = one["feature"]["bits"]
        groups.setdefault(bits[0]["text"].partition("[")[0] if bits else "", []).append(one)
    yield from groups.items()


def _key(word: Document, bit: int) -> _Bit:
    if "leaf" in word:
        return word["leaf"], word["subleaf"], word["register"], bit
    return word["msr"], bit
