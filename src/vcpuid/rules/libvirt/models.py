"""A map made ready for reasoning: each set of features as one long integer.

Every (leaf, subleaf) that a mask of the map names has 128 bits in it, EAX lowest, and every MSR 64. So "has the
feature", "lacks these" and "what two hosts share" are one operation each, whatever the map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from typing import NamedTuple

from vcpuid.errors import InputError
from vcpuid.rules.libvirt.map import CpuMap, MapFeature, Signature
from vcpuid.rules.lint import nearest
from vcpuid.terms.address import MsrRegister, Word
from vcpuid.terms.dump import Cpu
from vcpuid.terms.place import Place

_ROW_BITS, _REGISTER_BITS, _MSR_BITS = 128, 32, 64
_REMEMBERED = 4096
_SIGNATURE_MASK = 0x0FFF3FFF  # leaf 1 EAX without the processor's type and what is reserved
_VENDOR_REGISTERS = (1, 3, 2)  # EBX, EDX, ECX of leaf 0


class Feature(NamedTuple):
    """A feature of the map and its bits."""

    name: str
    bits: int
    migratable: bool


class Model(NamedTuple):
    """A model with what it inherits.

    Attributes:
        name: Its name.
        bits: Its contents.
        vendor: The name of the only vendor whose CPUs it fits, or None.
        signatures: The families and models of CPUs that it is meant for.
        removed: The features that it disables in a guest, since QEMU's model once had them.
        added: The features that are judged neither way while nobody names them.
        on_host: Whether a host's CPU may be called by it.
        on_guest: Whether a guest's CPU may be called by it.
        is_compat: Whether check='partial' compares by the map's contents for it.
    """

    name: str
    bits: int
    vendor: str | None
    signatures: tuple[Signature, ...]
    removed: tuple[str, ...]
    added: tuple[str, ...]
    on_host: bool
    on_guest: bool
    is_compat: bool

    def matches(self, signature: int) -> bool:
        """Tell whether it is meant for a CPU of this signature."""
        family, model, stepping = split_signature(signature)
        return any(
            (own.family, own.model) == (family, model) and (not own.steppings or own.steppings >> stepping & 1)
            for own in self.signatures
        )


class CpuData(NamedTuple):
    """What libvirt's reasoning sees of a CPU.

    Attributes:
        bits: The features' bits, laid out by the map that read them.
        vendor: The vendor by the map's name for it; None for one that the map does not know, or none.
        signature: Leaf 1 EAX without type and reserved bits; 0 where it is not told.
    """

    bits: int
    vendor: str | None = None
    signature: int = 0


def split_signature(signature: int) -> tuple[int, int, int]:
    """Give family, model and stepping as libvirt does: it always adds the extended family."""
    family = (signature >> 20 & 0xFF) + (signature >> 8 & 0xF)
    return family, (signature >> 12 & 0xF0) | (signature >> 4 & 0xF), signature & 0xF


class Models:
    """A map's features and models, in its order, with their bits.

    Raises:
        InputError: libvirt would refuse the map: a model has a feature, vendor or ancestor that is not in it, or
            stands before its ancestor.
    """

    def __init__(self, cpu_map: CpuMap) -> None:
        self.cpu_map = cpu_map
        self._offsets = _lay_out(cpu_map.features.values())
        self.features: dict[str, Feature] = {
            feature.name: Feature(feature.name, self._pack(feature), feature.migratable)
            for feature in cpu_map.features.values()
        }
        self.models: dict[str, Model] = self._resolve()

    @property
    def title(self) -> str:
        """The map that answers rest on."""
        return self.cpu_map.title

    @cached_property
    def known(self) -> int:
        """The bits of all features."""
        bits = 0
        for feature in self.features.values():
            bits |= feature.bits
        return bits

    @cached_property
    def is_regular(self) -> bool:
        """Whether every feature is one bit and no two share one, as in every map that libvirt ships."""
        return len(self.features) == self.known.bit_count() and all(
            feature.bits.bit_count() == 1 for feature in self.features.values()
        )

    @cached_property
    def marks_compat(self) -> bool:
        """Whether it says which models check='partial' compares by it: libvirt 11.3's does, and 9.0's does not."""
        return any(model.is_compat for model in self.models.values())

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(self.features)

    @cached_property
    def _positions(self) -> dict[int, int]:
        """Give each feature's place in the map by its bit, where the map is regular."""
        return {feature.bits: position for position, feature in enumerate(self.features.values())}

    def bits_of(self, names: Iterable[str], place: Place | None = None) -> int:
        """Give the bits of features.

        Raises:
            InputError: The map has no feature of a name.
        """
        bits = 0
        for name in names:
            bits |= self.feature(name, place).bits
        return bits

    def feature(self, name: str, place: Place | None = None) -> Feature:
        """Give a feature.

        Raises:
            InputError: The map has none of this name.
        """
        feature = self.features.get(name)
        if feature is None:
            raise self._unknown("feature", name, place)
        return feature

    def model(self, name: str, place: Place | None = None) -> Model:
        """Give a model.

        Raises:
            InputError: The map has none of this name.
        """
        model = self.models.get(name)
        if model is None:
            raise self._unknown("model", name, place)
        return model

    def check_vendor(self, name: str, place: Place | None = None) -> None:
        """See that a vendor is in the map.

        Raises:
            InputError: The map has none of this name.
        """
        if name not in self.cpu_map.vendors:
            raise self._unknown("vendor", name, place)

    def names(self, bits: int) -> tuple[str, ...]:
        """Give the features that are in `bits`, in the map's order; each takes its bits out, as in libvirt."""
        return self._named(bits & self.known)

    @cached_property
    def _named(self) -> Callable[[int], tuple[str, ...]]:
        """Give what names bits, and remembers: what a fleet is asked names the same ones over and over."""
        return lru_cache(_REMEMBERED)(self._name)

    def _name(self, bits: int) -> tuple[str, ...]:
        if self.is_regular:  # the same by far fewer steps
            positions = []
            while bits:
                positions.append(self._positions[bits & -bits])
                bits &= bits - 1
            return tuple([self._names[position] for position in sorted(positions)])
        found = []
        for feature in self.features.values():
            if bits & feature.bits == feature.bits:
                found.append(feature.name)
                bits &= ~feature.bits
        return tuple(found)

    def count(self, bits: int) -> int:
        """Give how many features `names` would give."""
        return (bits & self.known).bit_count() if self.is_regular else len(self.names(bits))

    def read(self, cpu: Cpu) -> CpuData:
        """Give what a CPU's registers hold of the map's words, with its vendor and signature."""
        bits = 0
        for leaf, subleaf, offset in self._rows:
            maximum = cpu.maximum(leaf)
            row = cpu.rows.get((leaf, subleaf)) if maximum is None or leaf <= maximum else None
            if row is not None:
                eax, ebx, ecx, edx = row
                bits |= (eax | ebx << 32 | ecx << 64 | edx << 96) << offset
        for index, offset in self._msrs:
            bits |= cpu.msrs.get(index, 0) << offset
        return CpuData(bits & self.known, self._vendor_of(cpu), _signature_of(cpu))

    def untold(self, cpu: Cpu) -> int:
        """Give the features of which nothing is known: MSRs that nobody read, rows that may have been left out."""
        bits = 0
        for name, written in self.cpu_map.features.items():
            if any(cpu.read(word) is None for word, _ in written.masks):
                bits |= self.features[name].bits
        return bits

    def _vendor_of(self, cpu: Cpu) -> str | None:
        row = cpu.rows.get((0, 0))
        if row is None:
            return None
        letters = b"".join(row[position].to_bytes(4, "little") for position in _VENDOR_REGISTERS)
        text = letters.decode("latin-1")
        return next((name for name, string in self.cpu_map.vendors.items() if string == text), None)

    @cached_property
    def _rows(self) -> tuple[tuple[int, int, int], ...]:
        return tuple((*key, offset) for key, offset in self._offsets.items() if isinstance(key, tuple))

    @cached_property
    def _msrs(self) -> tuple[tuple[int, int], ...]:
        return tuple((key, offset) for key, offset in self._offsets.items() if isinstance(key, int))

    def _pack(self, feature: MapFeature) -> int:
        bits = 0
        for word, value in feature.masks:
            if isinstance(word, MsrRegister):
                bits |= value << self._offsets[word.index]
            else:
                bits |= value << self._offsets[_key_of(word)] + _REGISTER_BITS * word.register.position
        return bits

    def _resolve(self) -> dict[str, Model]:
        models: dict[str, Model] = {}
        for written in self.cpu_map.models.values():
            whose = f" of model {written.name}"
            ancestor = None if written.ancestor is None else models.get(written.ancestor)
            if ancestor is None and written.ancestor is not None:
                raise self._unknown(
                    "ancestor", written.ancestor, written.place, f"{whose}, or it stands behind it"
                )
            if written.vendor is not None and written.vendor not in self.cpu_map.vendors:
                raise self._unknown("vendor", written.vendor, written.place, whose)
            for name in (*written.features, *written.removed, *written.added):
                if name not in self.features:
                    raise self._unknown("feature", name, written.place, whose)
            bits = self.bits_of(written.features)
            if ancestor is not None:
                # Bits are taken away, not names: it matters where features share a bit. Seen with libvirt 11.3;
                # 9.0, whose own map has no ancestors, hands down what they have removed.
                bits |= ancestor.bits & ~self.bits_of(ancestor.removed)
            models[written.name] = Model(
                name=written.name,
                bits=bits,
                vendor=written.vendor or (ancestor.vendor if ancestor else None),
                signatures=written.signatures or (ancestor.signatures if ancestor else ()),
                removed=written.removed,
                added=written.added,
                on_host=written.on_host,
                on_guest=written.on_guest,
                is_compat=written.is_compat,
            )
        return models

    def _unknown(self, kind: str, name: str, place: Place | None, whose: str = "") -> InputError:
        known = {"feature": self.cpu_map.features, "vendor": self.cpu_map.vendors}
        meant = nearest(name, known.get(kind, self.cpu_map.models))
        return InputError(
            f"unknown CPU {kind}{whose}",
            source=place.source if place else None,
            line=place.line if place else None,
            found=repr(name),
            expected=f"a name in {self.title}",
            next_step=f"Did you mean {meant}?" if meant else None,
        )


_Key = tuple[int, int] | int


def _key_of(word: Word) -> _Key:
    return word.index if isinstance(word, MsrRegister) else (word.leaf, word.subleaf)


def _lay_out(features: Iterable[MapFeature]) -> dict[_Key, int]:
    """Give the place of each row and each MSR of the map in the long integer."""
    keys = dict.fromkeys(_key_of(word) for feature in features for word, _ in feature.masks)
    offsets: dict[_Key, int] = {}
    offset = 0
    for key in keys:
        offsets[key] = offset
        offset += _MSR_BITS if isinstance(key, int) else _ROW_BITS
    return offsets


def _signature_of(cpu: Cpu) -> int:
    row = cpu.rows.get((1, 0))
    return 0 if row is None else row[0] & _SIGNATURE_MASK
