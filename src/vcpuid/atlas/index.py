"""Look-up over the atlas's tables: by name in any dialect, by bit, by word."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property
from typing import NamedTuple

from vcpuid.atlas.fields import ANY_VENDOR, FieldTable, first_interface, is_hypervisor_leaf
from vcpuid.atlas.msrs import AnyField, Msr, MsrField, MsrTable
from vcpuid.atlas.relations import Tie, Ties
from vcpuid.atlas.tables import TABLES, load_table
from vcpuid.errors import AmbiguousNameError, UnknownNameError, UsageError
from vcpuid.terms.address import (
    Bits,
    CpuidRegister,
    NamedBit,
    Word,
    looks_like_address,
    parse_address,
    parse_bit,
    parse_named_bit,
)
from vcpuid.terms.feature import Dialect, Feature, Name

# The tables of names, in the order in which a feature's own name is chosen. Each has `name` and `bits`.
_NAME_TABLES = (
    (Dialect.QEMU, "qemu"),
    (Dialect.LIBVIRT, "libvirt"),
    (Dialect.LINUX, "linux"),
    (Dialect.TRAIT, "traits"),
)

# The leaves that hypervisors make, as the tables write their addresses.
_HYPERVISOR_PREFIX = "400000"

# The vendors whose bits differ in meaning, in the words of the tables.
VENDORS = ("intel", "amd", "hygon", "centaur", "zhaoxin")


class Match(NamedTuple):
    """A feature, and how the text that was looked up led to it.

    Attributes:
        feature: What was found.
        dialects: The dialects that have this name, exactly unless it was folded; empty for an address.
        folded: Whether only a spelling with other upper and lower case was found.
    """

    feature: Feature
    dialects: tuple[Dialect, ...]
    folded: bool = False


class _Entry:
    """A set of bits with the rows that name or describe it, before it becomes a Feature."""

    __slots__ = ("names", "row")

    def __init__(self) -> None:
        # By dialect, each name's row, so that a name becomes a Name only when it is asked for.
        self.names: dict[Dialect, dict[str, dict[str, str]]] = {}
        self.row: dict[str, str] = {}


class Atlas:
    """The tables of one folder, indexed by name and by bit."""

    def __init__(self, folder: str = TABLES) -> None:
        self._folder = folder
        self._features: dict[str, Feature] = {}

    @staticmethod
    @cache
    def load() -> Atlas:
        """Give the atlas that is shipped with vcpuid."""
        return Atlas()

    # What the tables say -------------------------------------------------------------------------

    @cached_property
    def _entries(self) -> dict[str, _Entry]:
        """Every set of bits by its table form, and every bitless name by `:name`."""
        entries: dict[str, _Entry] = {}
        for row in load_table("features", self._folder):
            described = entries[row["bits"] or f":{row['name']}"] = _Entry()
            described.row = row
            if row["manual"]:
                described.names[Dialect.MANUAL] = {name.strip(): {} for name in row["manual"].split(";")}
        for dialect, table in _NAME_TABLES:
            name_column = "trait" if dialect is Dialect.TRAIT else "name"
            for row in load_table(table, self._folder):
                name = row[name_column]
                # A name that stands for one of several bits by vendor is a name of each of them.
                alternatives = row.get("any_of")
                for key in alternatives.split("|") if alternatives else (row["bits"] or f":{name}",):
                    entry = entries.get(key)
                    if entry is None:
                        entry = entries[key] = _Entry()
                    names = entry.names.get(dialect)
                    if names is None:
                        names = entry.names[dialect] = {}
                    names[name] = row
        return entries

    @cached_property
    def _keys_by_name(self) -> dict[str, dict[str, list[Dialect]]]:
        """Name to the keys that it means, each with the dialects that mean it so."""
        index: dict[str, dict[str, list[Dialect]]] = {}
        for key, entry in self._entries.items():
            for dialect, names in entry.names.items():
                for name in names:
                    index.setdefault(name, {}).setdefault(key, []).append(dialect)
            own_name = entry.row.get("name")
            if own_name and key not in index.get(own_name, {}):
                index.setdefault(own_name, {}).setdefault(key, [])
        return index

    @cached_property
    def _keys_by_folded_name(self) -> dict[str, set[str]]:
        index: dict[str, set[str]] = {}
        for name in self._keys_by_name:
            index.setdefault(name.lower(), set()).add(name)
        return index

    @cached_property
    def _keys_by_bit(self) -> dict[str, list[str]]:
        index: dict[str, list[str]] = {}
        for key in self._entries:
            for bit in () if key.startswith(":") else key.split("+"):
                index.setdefault(bit, []).append(key)
        return index

    @cached_property
    def field_table(self) -> FieldTable:
        """The field table; it is read when this is first asked."""
        return FieldTable(self._folder)

    @cached_property
    def msr_table(self) -> MsrTable:
        """The tables of MSRs; each is read when it is first asked."""
        return MsrTable(self._folder)

    @cached_property
    def _ties(self) -> Ties:
        return Ties(self.msr_table)

    @cached_property
    def _hypervisor_titles(self) -> dict[str, str]:
        rows = sorted(load_table("hypervisors", self._folder), key=lambda row: -len(row["title"]))
        # Of several signatures that of the shortest title stays: the others say what is odd about them.
        return {row["name"]: row["title"] for row in rows}

    @cached_property
    def _titles(self) -> dict[int, str]:
        return {int(row["leaf"], 16): row["title"] for row in load_table("leaves", self._folder)}

    def _feature(self, key: str) -> Feature:
        feature = self._features.get(key)
        if feature is None:
            feature = self._features[key] = self._make_feature(key)
        return feature

    def _make_feature(self, key: str) -> Feature:
        entry = self._entries[key]
        bits = () if key.startswith(":") else _parse_bits(key)
        row = entry.row
        scopes = frozenset(row.get("vendors", "").split()) - {ANY_VENDOR}
        is_hypervisors = key.startswith(_HYPERVISOR_PREFIX)
        own_name = row.get("name") or next(next(iter(names)) for names in entry.names.values())
        return Feature(
            name=own_name,
            bits=bits,
            names={dialect: _make_names(names, own_name) for dialect, names in entry.names.items()},
            vendors=frozenset() if is_hypervisors else scopes,
            hypervisors=scopes if is_hypervisors else frozenset(),
            title=row.get("title", ""),
            description=row.get("description", ""),
            mirror=parse_bit(row["mirror"]) if row.get("mirror") else None,
            source=row.get("source", ""),
        )

    # Questions -----------------------------------------------------------------------------------

    def features(self) -> Iterator[Feature]:
        """Walk every feature that any table names."""
        return (self._feature(key) for key in self._entries)

    def names(self) -> Iterator[str]:
        """Walk every name that a feature has in any dialect."""
        return iter(self._keys_by_name)

    def has_name(self, text: str) -> bool:
        """Tell whether some dialect has exactly this name."""
        return text in self._keys_by_name

    def find(self, text: str, vendor: str | None = None) -> Match:
        """Look a feature up by its name in any dialect, or by its address.

        Args:
            text: A name, or an address of one bit.
            vendor: Take only meanings for CPUs of this vendor (`intel`, `amd`, ...).

        Raises:
            UnknownNameError: No table has the name; near names are given.
            AmbiguousNameError: The name means different bits by vendor or dialect.
            UsageError: The address is malformed, or nobody knows the vendor.
        """
        if vendor is not None and vendor not in VENDORS:
            raise UsageError("no vendor of this name", found=repr(vendor), expected=", ".join(VENDORS))
        if not self.has_name(text) and looks_like_address(text):
            return self._find_address(text)
        spellings, folded = [text], False
        if text not in self._keys_by_name:
            spellings, folded = sorted(self._keys_by_folded_name.get(text.lower(), ())), True
        if not spellings:
            raise UnknownNameError(text, self.suggest(text))
        meanings: dict[str, list[Dialect]] = {}
        for spelling in spellings:
            for key, dialects in self._keys_by_name[spelling].items():
                meanings.setdefault(key, []).extend(dialects)
        keys = list(meanings)
        if vendor is not None:
            keys = [key for key in keys if vendor in (self._feature(key).vendors or (vendor,))] or keys
        # A name of a bit and of its mirror means the bit.
        mirrors = {key for key in keys if self._entries[key].row.get("mirror") in keys}
        keys = [key for key in keys if key not in mirrors]
        if len(keys) > 1:
            raise AmbiguousNameError(text, tuple(self._meaning(key, meanings[key]) for key in keys))
        return Match(self._feature(keys[0]), tuple(dict.fromkeys(meanings[keys[0]])), folded)

    def _find_address(self, text: str) -> Match:
        if named := parse_named_bit(text):
            return self._find_named_bit(named, text)
        address = parse_address(text)
        if not isinstance(address, Bits) or address.low != address.high:
            raise UnknownNameError(text, ())
        return self._match_at(address)

    def _match_at(self, bits: Bits) -> Match:
        features = self.at(bits)
        return Match(features[0] if features else Feature(str(bits), (bits,)), ())

    def _field_bit(self, named: NamedBit) -> Bits | None:
        """Find a bit that no project names by its field's name."""
        letters = _letters(named.name)
        fields = (field for field in self.fields(named.word) if _letters(field.name) == letters)
        bits = next((Bits(named.word, field.low, field.high) for field in fields if field.low == field.high), None)
        return bits if bits and named.bit in (None, bits.low) else None

    def _find_named_bit(self, named: NamedBit, text: str) -> Match:
        """Find what a name means at a place: the name decides, of QEMU's names first, and the place must fit."""
        meanings: dict[str, list[Dialect]] = {}
        for spelling in self._keys_by_folded_name.get(named.name, ()):
            for key, dialects in self._keys_by_name[spelling].items():
                meanings.setdefault(key, []).extend(dialects)
        if not meanings and (bits := self._field_bit(named)):
            return self._match_at(bits)
        if not meanings:
            raise UnknownNameError(named.name, self.suggest(named.name))
        for key in sorted(meanings, key=lambda key: Dialect.QEMU not in meanings[key]):
            feature = self._feature(key)
            if not feature.bits or any(named.fits(bits) for bits in feature.bits):
                return Match(feature, tuple(dict.fromkeys(meanings[key])))
        places = [self._feature(key).address for key in meanings]
        raise UsageError(
            "the name is not that of a bit at this place",
            found=repr(text),
            expected=f"{' or '.join(places)} for {named.name}",
            next_step="Look up the name alone, or the place alone.",
        )

    def _meaning(self, key: str, so_called_by: list[Dialect]) -> tuple[str, str]:
        feature = self._feature(key)
        dialects = ", ".join(dialect.label for dialect in dict.fromkeys(so_called_by))
        scopes = feature.vendors or feature.hypervisors
        vendors = f"on {'/'.join(sorted(scopes))}" if scopes else ""
        parts = (feature.title or feature.name, vendors, f"so called by {dialects}" if dialects else "")
        return "+".join(bits.plain for bits in feature.bits) or feature.name, ", ".join(filter(None, parts))

    def at(self, bits: Bits) -> tuple[Feature, ...]:
        """Give the features that contain this bit: those of this bit alone first."""
        keys = self._keys_by_bit.get(bits.plain, [])
        return tuple(self._feature(key) for key in sorted(keys, key=lambda key: key.count("+")))

    def named(self, dialect: Dialect, name: str) -> Feature | None:
        """Give the feature that a dialect calls exactly so, or None; where there are several, the first."""
        meanings = self._keys_by_name.get(name, {})
        return next((self._feature(key) for key, dialects in meanings.items() if dialect in dialects), None)

    def fields(self, word: Word) -> Iterator[AnyField]:
        """Walk the named fields of a CPUID register or an MSR, of all vendors, lowest bit first.

        A register of a hypervisor's second interface has those of the first.
        """
        if isinstance(word, CpuidRegister):
            leaf = first_interface(word.leaf) if is_hypervisor_leaf(word.leaf) else word.leaf
            found: list[AnyField] = [
                field
                for field in self.field_table.of_leaf(leaf)
                if field.register is word.register and field.subleaves[0] <= word.subleaf <= field.subleaves[1]
            ]
        else:
            found = [*self.msr_table.of_msr(word.index)]
        return iter(sorted(found, key=lambda field: field.low))

    def msr(self, index: int) -> Msr | None:
        """Give what the tables say of an MSR; None where they have it not."""
        return self.msr_table.msrs.get(index)

    def ties(self, bits: Bits) -> tuple[Tie, ...]:
        """Give the bits of CPUID and of MSRs with which bits have to do."""
        return self._ties.of(bits)

    def called(self, bits: Bits) -> tuple[str, str]:
        """Give name and title of bits: of a feature, a field or a whole MSR; empty where nobody named them."""
        if not isinstance(bits.word, CpuidRegister) and bits.high - bits.low + 1 == bits.word.width:
            msr = self.msr(bits.word.index)
            return (msr.name, msr.title) if msr else ("", "")
        for feature in self.at(bits) if bits.low == bits.high else ():
            return feature.name, feature.title
        for field in self.fields(bits.word):
            if (field.low, field.high) == (bits.low, bits.high):
                return field.name, self.describe_field(field)
        return "", ""

    def field_feature(self, field: AnyField) -> Feature | None:
        """Give the feature that a field is: that of the same bit, in the same vendors' CPUs."""
        return self._feature_at(field.bits(), field)

    def _feature_at(self, bits: Bits, field: AnyField) -> Feature | None:
        features = self.at(bits) if bits.low == bits.high else ()
        return next(
            (
                feature
                for feature in features
                if len(feature.bits) == 1 and feature.title and _share_scope(feature, field)
            ),
            None,
        )

    def describe_field(self, field: AnyField) -> str:
        """Say in a line what a field is: its own description, or the title of the feature that it is."""
        if field.description:
            return field.description
        bits = field.layout_bits() if isinstance(field, MsrField) else field.bits()
        feature = self._feature_at(bits, field)
        return feature.title if feature else ""

    def hypervisor_title(self, scope: str) -> str:
        """Give a hypervisor's name for people by its word in the tables; the word itself where there is none."""
        return self._hypervisor_titles.get(scope, scope)

    def leaf_title(self, leaf: int) -> str:
        """Give a leaf's title; empty where the atlas has none."""
        return self._titles.get(first_interface(leaf) if is_hypervisor_leaf(leaf) else leaf, "")

    def word_title(self, word: Word) -> str:
        """Say what a word is about: its leaf's title, or the MSR's name and title; may be empty."""
        if isinstance(word, CpuidRegister):
            return self.leaf_title(word.leaf)
        msr = self.msr(word.index)
        return f"{msr.name}: {msr.title}" if msr else ""

    def suggest(self, text: str, most: int = 3) -> tuple[str, ...]:
        """Give names near to a text, nearest first: `most` names, each in every dialect's spelling."""
        from difflib import get_close_matches  # noqa: PLC0415 - only a miss pays for it

        plain_names: dict[str, list[str]] = {}
        for name in self._keys_by_name:
            plain_names.setdefault(_letters(name), []).append(name)
        near = get_close_matches(_letters(text), plain_names, n=most, cutoff=0.6)
        return tuple(name for plain in near for name in sorted(plain_names[plain]))


def _share_scope(feature: Feature, field: AnyField) -> bool:
    scopes = feature.vendors | feature.hypervisors
    return not scopes or ANY_VENDOR in field.vendors or bool(scopes & field.vendors)


def _make_names(rows: dict[str, dict[str, str]], preferred: str) -> tuple[Name, ...]:
    """Make a dialect's names; of several spellings (QEMU's aliases) the feature's own name stands first."""
    return tuple(_make_name(text, rows[text]) for text in sorted(rows, key=lambda text: text != preferred))


def _make_name(text: str, row: dict[str, str]) -> Name:
    earlier = row.get("earlier", "").partition(":")[2]
    migratable = row.get("migratable") != "no"
    return Name(text, row.get("since", ""), _parse_bits(row.get("also", "")), _parse_bits(earlier), migratable)


def _parse_bits(text: str) -> tuple[Bits, ...]:
    return tuple(parse_bit(bit) for bit in text.split("+")) if text else ()


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower())).removeprefix("hwcpux86")
