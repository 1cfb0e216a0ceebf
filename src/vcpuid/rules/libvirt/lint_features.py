"""Linting the features of libvirt's CPU map: what is written, and what the atlas knows of the names and bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from vcpuid.atlas import Atlas
from vcpuid.rules.libvirt.entry import mask_element
from vcpuid.rules.libvirt.gathered import ALWAYS_READ_MSR, is_gathered
from vcpuid.rules.libvirt.lint_common import (
    Seen,
    attribute_faults,
    line_of,
    lint_name,
    rule,
)
from vcpuid.rules.libvirt.map_reader import parse_number
from vcpuid.terms.address import LEAVES_WITH_SUBLEAVES, Bits, CpuidRegister, MsrRegister, Register, Word
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.finding import Finding
from vcpuid.terms.place import Place

_REGISTERS = tuple(register.value for register in Register)
_ATTRIBUTES = {
    "cpuid": ("eax_in", "ecx_in", *_REGISTERS),
    "msr": ("index", "eax", "edx"),
    "alias": ("name", "source"),
}
_NEEDED = {"cpuid": ("eax_in",), "msr": ("index", "edx", "eax")}
_WHOLE_REGISTER = 4  # so many bits are no slip of one digit
_HEX_DIGITS = 8


@dataclass(slots=True)
class FeatureLinter:
    """Lints features one after the other, in the order of the map.

    Attributes:
        seen: The features so far, by name.
        bits: The first feature of each set of masks.
        told: The words of which a note has been given.
    """

    seen: Seen = field(default_factory=dict)
    bits: dict[tuple[tuple[Word, int], ...], str] = field(default_factory=dict)
    told: set[Word] = field(default_factory=set)

    def lint(self, element: etree._Element, source: str) -> Iterator[Finding]:
        """Give the findings of one `<feature>`."""
        place = line_of(element, source)
        yield from attribute_faults(element, ("name", "migratable"), source)
        name = element.get("name") or ""
        yield from lint_name(element, place, self.seen, f"CPU feature {name} already defined")
        if element.get("migratable", "no") not in ("yes", "no"):
            yield rule("migratable-value").finding(place, repr(element.get("migratable")), "yes or no", name=name)
        items = list(element.iterchildren("cpuid", "msr"))
        children = list(element.iterchildren(etree.Element))
        for child in children:
            yield from self._lint_child(child, name, source)
        masks, damaged = _masks(items)
        if not children:
            yield rule("no-child").finding(place, "", _bit_of(name), name=name, mend=_mend(name))
        elif not damaged and all(child.tag in _ATTRIBUTES for child in children):
            yield from self._lint_masks(name, masks, len(items), place)
        intended = _intended(name)
        own = intended and next((own for own in intended.names.get(Dialect.LIBVIRT, ()) if own.text == name), None)
        if own and not own.migratable and element.get("migratable") != "no":
            yield rule("not-migratable").finding(place, name=name)

    def _lint_child(self, child: etree._Element, name: str, source: str) -> Iterator[Finding]:
        tag, place = str(child.tag), line_of(child, source)
        if tag not in _ATTRIBUTES:
            yield rule("unknown-child").finding(place, f"<{tag}>", "<cpuid> or <msr>", tag=tag)
            return
        yield from attribute_faults(child, _ATTRIBUTES[tag], source)
        fields = {"name": name, "tag": tag}
        for attribute in _NEEDED.get(tag, ()):
            if attribute not in child.attrib:
                yield rule("missing-attribute").finding(place, attribute=attribute, mend=_mend(name), **fields)
        for attribute in _ATTRIBUTES[tag] if tag != "alias" else ():
            text = child.get(attribute)
            if text is not None:
                yield from _lint_number(text, attribute, place, fields)
        leaf = parse_number(child.get("eax_in", ""))
        if tag == "cpuid" and leaf in LEAVES_WITH_SUBLEAVES and "ecx_in" not in child.attrib:
            intended = _intended(name)
            mend = _mend(name) if intended else "Write ecx_in='0x00', or the subleaf that is meant."
            yield rule("no-subleaf").finding(place, "", "ecx_in='0x..'", leaf=f"{leaf:02X}H", mend=mend, **fields)

    def _lint_masks(self, name: str, masks: dict[Word, int], items: int, place: Place) -> Iterator[Finding]:
        count = sum(mask.bit_count() for mask in masks.values())
        found = _describe(masks)
        intended = _intended(name)
        expected = _bit_of(name)
        if not count:
            yield rule("zero-mask").finding(place, "no bit", expected, name=name, mend=_mend(name))
            return
        key = tuple(sorted(masks.items(), key=lambda item: item[0].order))
        first = self.bits.setdefault(key, name)
        is_right = intended is not None and any(_bits(masks) == bits for bits in _accepted(intended, name))
        if is_right:
            yield from self._lint_address(name, masks, intended, place)
        elif len(masks) > 1 or items > 1:
            yield rule("several-items").finding(
                place, found, expected, name=name, count=max(len(masks), items), mend=_mend(name, masks)
            )
        elif count > 1:
            chosen = "register-value" if count >= _WHOLE_REGISTER else "several-bits"
            yield rule(chosen).finding(place, found, expected, name=name, count=count, mend=_mend(name, masks))
        elif intended is not None:
            yield rule("wrong-bit").finding(place, found, expected, name=name, mend=_mend(name, masks))
        else:
            yield from self._lint_address(name, masks, None, place)
        if first != name and first in self.seen:
            mend = _mend_shared(name, first, masks)
            yield rule("shared-bit").finding(
                place, found, "bits of its own", name=name, other=first, first=self.seen[first], mend=mend
            )

    def _lint_address(
        self, name: str, masks: dict[Word, int], intended: Feature | None, place: Place
    ) -> Iterator[Finding]:
        """Lint bits that are no slip: are they read of hosts, and has QEMU a property for them?"""
        word = next(iter(masks))
        since = _since(intended, name)
        if not is_gathered(word):
            if since and word not in self.told:
                yield rule("newest-only").finding(place, name=name, word=word, since=since)
            elif not since:
                mend = "Remove it: libvirt cannot use it as a host's feature."
                yield rule("not-gathered").finding(place, name=name, word=word, mend=mend)
            self.told.add(word)
        elif isinstance(word, MsrRegister) and word.index != ALWAYS_READ_MSR and not since:
            yield rule("msr-by-version").finding(place, name=name)
        if since and intended is not None:
            if not (intended.name_in(Dialect.QEMU) or _is_qemus(name)):
                yield rule("own-not-in-qemu").finding(place, name=name)
        elif name == name.strip() != "" and not _is_qemus(name):
            theirs = [feature.name_in(Dialect.QEMU) for bit in _bits(masks) for feature in Atlas.load().at(bit)]
            spelling = next(filter(None, theirs), None)
            mend = (
                f"Write name='{spelling}', as QEMU calls this bit."
                if spelling
                else "Remove it, or wait for a QEMU that has it."
            )
            yield rule("not-in-qemu").finding(place, name, spelling or "", name=name, mend=mend)


def _lint_number(text: str, attribute: str, place: Place, fields: dict[str, str]) -> Iterator[Finding]:
    value = parse_number(text)
    mend = _mend(fields["name"])
    if value is None:
        yield rule("bad-number").finding(
            place, repr(text[:40]), "a number as in 0x00000004", attribute=attribute, mend=mend, **fields
        )
    elif value >> 32:
        yield rule("too-wide").finding(
            place, text[:40], "at most 0xffffffff", attribute=attribute, mend=mend, **fields
        )
    elif value and text.lstrip(" \t+").startswith("0") and "x" not in text.lower():
        yield rule("octal").finding(place, text[:40], attribute=attribute, value=value, **fields)


def _masks(items: list[etree._Element]) -> tuple[dict[Word, int], bool]:
    """Give the masks that libvirt makes of a feature's elements, and whether some number is none."""
    masks: dict[Word, int] = {}
    damaged = False
    for item in items:
        tag = str(item.tag)
        numbers = {name: parse_number(item.get(name, "0")) for name in _ATTRIBUTES[tag]}
        if any(name not in item.attrib for name in _NEEDED[tag]) or any(
            number is None or number >> 32 for number in numbers.values()
        ):
            damaged = True
            continue
        known = {name: number or 0 for name, number in numbers.items()}
        for word, mask in _item_masks(tag, known):
            if mask:
                masks[word] = masks.get(word, 0) | mask
    return masks, damaged


def _item_masks(tag: str, numbers: dict[str, int]) -> Iterator[tuple[Word, int]]:
    if tag == "msr":
        yield MsrRegister(numbers["index"]), numbers["edx"] << 32 | numbers["eax"]
        return
    for register in Register:
        yield CpuidRegister(numbers["eax_in"], numbers["ecx_in"], register), numbers[register.value]


def _bits(masks: dict[Word, int]) -> tuple[Bits, ...]:
    bits = (Bits(word, bit, bit) for word, mask in masks.items() for bit in range(word.width) if mask >> bit & 1)
    return tuple(sorted(bits, key=lambda bit: bit.order))


def _describe(masks: dict[Word, int]) -> str:
    return " + ".join(
        f"{word}=0x{mask:0{_HEX_DIGITS}x}" if mask.bit_count() > 1 else str(_bits({word: mask})[0])
        for word, mask in masks.items()
    )


# What the atlas says of a name --------------------------------------------------------------------


def _intended(name: str) -> Feature | None:
    """Give the feature of one bit that a name means: libvirt's own name, else QEMU's, else Linux's."""
    atlas = Atlas.load()
    dialects = (Dialect.LIBVIRT, Dialect.QEMU, Dialect.LINUX)
    name = name.strip()
    found = (atlas.named(dialect, name) for dialect in dialects) if name else ()
    return next((feature for feature in found if feature is not None and len(feature.bits) == 1), None)


def _is_qemus(name: str) -> bool:
    """Tell whether QEMU takes a name; it reads underscores as dashes."""
    atlas = Atlas.load()
    return any(atlas.named(Dialect.QEMU, spelling) for spelling in (name, name.replace("_", "-")))


def _accepted(feature: Feature, name: str) -> Iterator[tuple[Bits, ...]]:
    """Give the bits that a name may have: the feature's, and those that older versions of libvirt gave it."""
    yield feature.bits
    for own in feature.names.get(Dialect.LIBVIRT, ()):
        if own.text == name and own.earlier:
            yield own.earlier


def _since(feature: Feature | None, name: str) -> str:
    """Give the first measured libvirt whose map has a name, or an empty text."""
    names = feature.names.get(Dialect.LIBVIRT, ()) if feature else ()
    return next((own.since.rstrip("-") for own in names if own.text == name), "")


def _bit_of(name: str) -> str:
    intended = _intended(name)
    return str(intended.bits[0]) if intended else ""


def _mend(name: str, masks: dict[Word, int] | None = None) -> str:
    """Say what to write for a feature; of an unknown one, what its likely bits are called."""
    intended = _intended(name)
    if intended:
        bits = intended.bits[0]
        return f"Write {mask_element(bits.word, bits.mask)}."
    if masks:
        names = [f"{bit}{_called(bit)}" for bit in _bits(masks)][:_MOST_NAMED]
        return f"Write the one bit that is meant, of {', '.join(names)}."
    return "Write the one bit that is meant, as in <cpuid eax_in='0x07' ecx_in='0x00' ebx='0x00000004'/>."


_MOST_NAMED = 8


def _called(bit: Bits) -> str:
    features = Atlas.load().at(bit)
    return f" {features[0].name}" if features else ""


def _mend_shared(name: str, other: str, masks: dict[Word, int]) -> str:
    """Say which of two features has the other's bits."""
    for wrong, right in ((name, other), (other, name)):
        intended = _intended(wrong)
        if intended and intended.bits != _bits(masks):
            bits = intended.bits[0]
            return f"Of {wrong} write {mask_element(bits.word, bits.mask)}; the bits are those of {right}."
    return f"Keep one of {other} and {name}."
