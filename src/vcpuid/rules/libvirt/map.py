"""libvirt's CPU map: features, models, vendors.

Features are masks over CPUID or MSR words, models have an optional ancestor. What a model marks as `removed` or
`added` are not part of its data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vcpuid.terms.address import Bits, Word
from vcpuid.terms.place import Place

_DEPTH_LIMIT = 32  # ancestors of ancestors; libvirt's own maps have one


class Mask(NamedTuple):
    """Bits of one word that a feature needs, all of them."""

    word: Word
    value: int


class Signature(NamedTuple):
    """A family and model, and the steppings that count as a mask; no stepping stands for all."""

    family: int
    model: int
    steppings: int = 0


@dataclass(frozen=True, slots=True)
class MapFeature:
    """One feature of the map: its masks, and whether a CPU with it can migrate.

    Its aliases are other projects' names, each behind the project's: they are for people, libvirt reads none.
    """

    name: str
    masks: tuple[Mask, ...]
    migratable: bool
    place: Place
    aliases: tuple[str, ...] = ()

    @property
    def bits(self) -> tuple[Bits, ...]:
        """The bits of its masks, each by itself, ordered by address."""
        bits = (
            Bits(word, bit, bit) for word, value in self.masks for bit in range(word.width) if value >> bit & 1
        )
        return tuple(sorted(bits, key=lambda bit: bit.order))


@dataclass(frozen=True, slots=True)
class MapModel:
    """One model as it is written.

    Attributes:
        name: Its name.
        ancestor: The model whose contents it inherits, or None.
        vendor: The vendor's name in the map; None for the ancestor's, or any.
        signatures: Families and models of CPUs that are this model; empty for the ancestor's.
        features: The features that it has beside the ancestor's, in the order of the file.
        removed: Features that QEMU's model once had: a guest is given them disabled.
        added: Features that QEMU's model has and libvirt's had not: they are judged neither way.
        on_host: Whether a host's CPU may be called by it.
        on_guest: Whether a guest's CPU may be called by it.
        is_compat: Whether check='partial' compares by the map's contents for it.
        group: The heading under which the index has it, or None.
        place: Where it stands.
    """

    name: str
    ancestor: str | None
    vendor: str | None
    signatures: tuple[Signature, ...]
    features: tuple[str, ...]
    removed: tuple[str, ...]
    added: tuple[str, ...]
    on_host: bool
    on_guest: bool
    is_compat: bool
    group: str | None
    place: Place

    @property
    def canonical_of(self) -> str | None:
        """The model of which this is QEMU's versioned name, with the same contents; None if it is none."""
        is_alias = not (self.features or self.removed or self.added or self.signatures)
        return self.ancestor if is_alias and re.search(r"-v\d+$", self.name) else None


@dataclass(frozen=True, slots=True, eq=False)
class CpuMap:
    """A whole map, by name; equal only to itself, so that what is made of it can be kept.

    Attributes:
        features: The features in the map's order.
        models: The models in the map's order.
        vendors: Each vendor's twelve letters in leaf 0.
        source: The folder that the map was read from, or the table that ships with us.
        version: The libvirt that it belongs to; empty where nobody said.
    """

    features: Mapping[str, MapFeature]
    models: Mapping[str, MapModel]
    vendors: Mapping[str, str]
    source: str
    version: str = ""
    _by_masks: dict[frozenset[tuple[Word, int]], tuple[MapFeature, ...]] = field(
        init=False, repr=False, default_factory=dict
    )

    @property
    def title(self) -> str:
        """What an answer that rests on this map says of it."""
        return f"the map of libvirt {self.version} ({self.source})" if self.version else f"the map {self.source}"

    def named(self, bits: tuple[Bits, ...]) -> tuple[MapFeature, ...]:
        """Give the features that mean exactly these bits."""
        masks: dict[Word, int] = {}
        for bit in bits:
            masks[bit.word] = masks.get(bit.word, 0) | bit.mask
        if not self._by_masks:  # made when it is first asked for, and kept
            for feature in self.features.values():
                meaning = frozenset(feature.masks)
                self._by_masks[meaning] = (*self._by_masks.get(meaning, ()), feature)
        return self._by_masks.get(frozenset(masks.items()), ())

    def model_features(self, name: str) -> frozenset[str] | None:
        """Give the features that a model gives a guest, its ancestors' included; None for an unknown model."""
        lineage = self.lineage(name)
        if not lineage:
            return None
        *ancestors, model = lineage
        return (contents_of(ancestors) | frozenset(model.features)) - frozenset(model.removed)

    def lineage(self, name: str) -> tuple[MapModel, ...]:
        """Give a model behind its ancestors, oldest first; empty where one is missing or they go in a circle."""
        lineage: list[MapModel] = []
        for _ in range(_DEPTH_LIMIT):
            model = self.models.get(name)
            if model is None:
                return ()
            lineage.append(model)
            if model.ancestor is None:
                return tuple(reversed(lineage))
            name = model.ancestor
        return ()


def contents_of(ancestors: Sequence[MapModel]) -> frozenset[str]:
    """Give the features that a model inherits from a line of ancestors, oldest first.

    What an ancestor marks as removed is not inherited. (Seen with libvirt 11.3; 9.0, whose own map has no
    ancestors, hands it down.)
    """
    features: frozenset[str] = frozenset()
    for ancestor in ancestors:
        features = (features | frozenset(ancestor.features)) - frozenset(ancestor.removed)
    return features
