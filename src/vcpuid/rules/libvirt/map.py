"""libvirt's CPU map: the features and models that a libvirt knows.

The format was learnt from the maps of libvirt 9.0 and 11.3: an index with ordered includes (11.x wraps them in
groups), features as masks over CPUID or MSR words, models with an optional ancestor. Features that a model marks
`removed` or `added` are not part of its data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from vcpuid.errors import InputError
from vcpuid.guest.libvirt import parse_xml
from vcpuid.terms.address import Bits, CpuidRegister, MsrRegister, Register, Word
from vcpuid.terms.place import Place

_DEPTH_LIMIT = 32  # ancestors of ancestors; libvirt's own maps have three


@dataclass(frozen=True, slots=True)
class MapFeature:
    """One feature of the map: the bits of its masks, each by itself, ordered by address."""

    name: str
    bits: tuple[Bits, ...]
    migratable: bool
    place: Place


@dataclass(frozen=True, slots=True)
class MapModel:
    """One model: its ancestor's name and its own features, without those marked removed or added."""

    name: str
    ancestor: str | None
    features: frozenset[str]
    left_out: frozenset[str]
    place: Place


@dataclass(frozen=True, slots=True)
class CpuMap:
    """A whole map, by name.

    Attributes:
        features: The features in the map's order.
        models: The models in the map's order.
        source: The folder that the map was read from.
    """

    features: Mapping[str, MapFeature]
    models: Mapping[str, MapModel]
    source: str

    def named(self, bits: tuple[Bits, ...]) -> tuple[MapFeature, ...]:
        """Give the features that mean exactly these bits."""
        return tuple(feature for feature in self.features.values() if feature.bits == bits)

    def model_features(self, name: str) -> frozenset[str] | None:
        """Give the names of all features in a model, its ancestors' included; None for an unknown model."""
        features: frozenset[str] = frozenset()
        left_out: frozenset[str] = frozenset()
        for _ in range(_DEPTH_LIMIT):
            model = self.models.get(name)
            if model is None:
                return None
            features |= model.features - left_out
            left_out |= model.left_out
            if model.ancestor is None:
                return features
            name = model.ancestor
        return None


def load_map(files: Mapping[str, str], source: str) -> CpuMap:
    """Load a map from the texts of its files; `index.xml` names the others and their order.

    Raises:
        InputError: A file is missing, not well-formed, or has a number that is none.
    """
    features: dict[str, MapFeature] = {}
    models: dict[str, MapModel] = {}
    for element, place_source in _elements(files, source):
        place = Place(place_source, element.sourceline)
        name = element.get("name") or ""
        if element.tag == "feature":
            features.setdefault(name, MapFeature(name, _bits_of(element, place), _migratable(element), place))
        elif element.tag == "model":
            models.setdefault(name, _parse_model(element, name, place))
    return CpuMap(features, models, source)


def _elements(files: Mapping[str, str], source: str) -> Iterator[tuple[etree._Element, str]]:
    if "index.xml" not in files:
        raise InputError(
            "not a CPU map of libvirt",
            source=source,
            expected="an index.xml",
            found=", ".join(files) or "nothing",
        )
    index = parse_xml(files["index.xml"], f"{source}/index.xml")
    arch = index.find("arch[@name='x86']")
    for include in () if arch is None else arch.iter("include"):
        name = include.get("filename") or ""
        if name not in files:
            raise InputError(
                f"the map's index includes {name!r}, which is not there",
                source=f"{source}/index.xml",
                line=include.sourceline,
                next_step="Is the libvirt package damaged? Install it again.",
            )
        path = f"{source}/{name}"
        for element in parse_xml(files[name], path).iterchildren(etree.Element):
            yield element, path


def _parse_model(element: etree._Element, name: str, place: Place) -> MapModel:
    ancestor = element.find("model")
    own: set[str] = set()
    left_out: set[str] = set()
    for feature in element.iterfind("feature"):
        outside = feature.get("removed") == "yes" or feature.get("added") == "yes"
        (left_out if outside else own).add(feature.get("name") or "")
    return MapModel(
        name, None if ancestor is None else ancestor.get("name"), frozenset(own), frozenset(left_out), place
    )


def _migratable(element: etree._Element) -> bool:
    return element.get("migratable") != "no"


def _bits_of(element: etree._Element, place: Place) -> tuple[Bits, ...]:
    bits: list[Bits] = []
    for item in element.iterchildren("cpuid", "msr"):
        if item.tag == "cpuid":
            leaf, subleaf = _number(item, "eax_in", place), _number(item, "ecx_in", place)
            words: list[tuple[Word, int]] = [
                (CpuidRegister(leaf, subleaf, register), _number(item, register.value, place))
                for register in Register
            ]
        else:
            value = _number(item, "edx", place) << 32 | _number(item, "eax", place)
            words = [(MsrRegister(_number(item, "index", place)), value)]
        bits += (Bits(word, bit, bit) for word, value in words for bit in range(word.width) if value >> bit & 1)
    return tuple(sorted(bits, key=lambda bit: bit.order))


def _number(item: etree._Element, attribute: str, place: Place) -> int:
    text = item.get(attribute) or "0"
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if number < 0 or number >> 32:
        raise InputError(
            f"{attribute} is no number of 32 bits",
            source=place.source,
            line=item.sourceline,
            found=repr(text[:40]),
        )
    return number
