"""libvirt's CPU map read from its files.

The format was learnt from the maps of libvirt 9.0, 11.3 and 12.8: an index with ordered includes, which 11.x wraps
in groups, and files of features, models and vendors.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from lxml import etree

from vcpuid.errors import InputError
from vcpuid.guest.libvirt import parse_xml
from vcpuid.rules.libvirt.map import CpuMap, MapFeature, MapModel, Mask, Signature
from vcpuid.terms.address import CpuidRegister, MsrRegister, Register, Word
from vcpuid.terms.place import Place

INSTALLED = "/usr/share/libvirt/cpu_map"
INDEX = "index.xml"
_DAMAGED = "`vcpuid map lint {source}` names every fault. Is the libvirt package damaged? Install it again."
_NO_MAP = f"Name the folder that has libvirt's {INDEX}, as {INSTALLED}."
_LAST_STEPPING = 0xF
_NUMBER = re.compile(r"[ \t]*\+?(?:0x([0-9a-f]{1,32})|(0[0-7]{0,40})|([1-9][0-9]{0,40}))", re.IGNORECASE)
_STEPPINGS = re.compile(r"(?:(\^)(?=\d+$))?(\d{1,4})(?:-(\d{1,4}))?", re.ASCII)


def read_map(folder: str | Path, version: str = "") -> CpuMap:
    """Read a map's folder, as libvirt installs it.

    Raises:
        InputError: The folder or a file in it cannot be read, or `load_map` refuses it.
    """
    files = {name: raw.decode("utf-8", "surrogateescape") for name, raw in read_files(folder).items()}
    return load_map(files, str(folder), version)


def list_files(folder: str | Path) -> list[Path]:
    """List the files of a map's folder, in the order of their names.

    Raises:
        InputError: The folder cannot be read.
    """
    try:
        return sorted(path for path in Path(folder).iterdir() if path.suffix == ".xml")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=str(folder), next_step=_NO_MAP) from None


def read_files(folder: str | Path) -> dict[str, bytes]:
    """Read the files of a map's folder.

    Raises:
        InputError: The folder or a file in it cannot be read.
    """
    files = {}
    for path in list_files(folder):
        try:
            files[path.name] = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"cannot be read: {error.strerror}",
                source=str(path),
                next_step="Every file of a CPU map must be there and readable, or libvirt reads none.",
            ) from None
    return files


def load_map(files: Mapping[str, str], source: str, version: str = "") -> CpuMap:
    """Load a map from the texts of its files; `index.xml` names the others and their order.

    Of two features or models of one name the first counts here; libvirt refuses the map.

    Raises:
        InputError: A file is missing, not well-formed, or has a number that is none.
    """
    try:
        return _load_map(files, source, version)
    except InputError as error:
        raise error.advising(error.next_step or _DAMAGED.format(source=source)) from None


def _load_map(files: Mapping[str, str], source: str, version: str) -> CpuMap:
    features: dict[str, MapFeature] = {}
    models: dict[str, MapModel] = {}
    vendors: dict[str, str] = {}
    for item in walk_map(files, source):
        element, place = item.element, item.place
        name = element.get("name") or ""
        if element.tag == "feature":
            features.setdefault(name, parse_feature(element, place))
        elif element.tag == "model":
            models.setdefault(name, parse_model(element, place, item.group))
        elif element.tag == "vendor":
            vendors.setdefault(name, element.get("string") or "")
    return CpuMap(features, models, vendors, source, version)


def check_index(names: Collection[str], source: str) -> None:
    """Refuse a folder that is no map.

    Raises:
        InputError: None of its files is the index.
    """
    if INDEX not in names:
        raise InputError(
            "not a CPU map of libvirt",
            source=source,
            expected=f"an {INDEX}",
            found=", ".join(sorted(names)[:8]) or "nothing",
            next_step=_NO_MAP,
        )


class MapItem(NamedTuple):
    """A feature, model or vendor of the map as an element."""

    element: etree._Element
    place: Place
    group: str | None


def walk_map(files: Mapping[str, str], source: str) -> Iterator[MapItem]:
    """Give the elements of a map in its order.

    Raises:
        InputError: There is no index, a file that it names is missing, or one is not well-formed.
    """
    check_index(files, source)
    index = parse_xml(files[INDEX], f"{source}/{INDEX}")
    arch = index.find("arch[@name='x86']")
    for include in () if arch is None else arch.iter("include"):
        name = include.get("filename") or ""
        if name not in files:
            raise InputError(
                f"the map's index includes {name!r}, which is not there",
                source=f"{source}/{INDEX}",
                line=include.sourceline,
            )
        parent = include.getparent()
        group = parent.get("name") if parent is not None and parent.tag == "group" else None
        path = f"{source}/{name}"
        for element in parse_xml(files[name], path).iterchildren(etree.Element):
            yield MapItem(element, Place(path, element.sourceline), group)


def parse_model(element: etree._Element, place: Place, group: str | None = None) -> MapModel:
    """Read a <model>.

    Raises:
        InputError: A number in it is none.
    """
    own: list[str] = []
    removed: list[str] = []
    added: list[str] = []
    for feature in element.iterfind("feature"):
        is_removed, is_added = feature.get("removed") == "yes", feature.get("added") == "yes"
        (removed if is_removed else added if is_added else own).append(feature.get("name") or "")
    ancestor, vendor = element.find("model"), element.find("vendor")
    decode, check = element.find("decode"), element.find("check")
    return MapModel(
        name=element.get("name") or "",
        ancestor=None if ancestor is None else ancestor.get("name"),
        vendor=None if vendor is None else vendor.get("name"),
        signatures=tuple(_parse_signature(signature, place) for signature in element.iterfind("signature")),
        features=tuple(own),
        removed=tuple(removed),
        added=tuple(added),
        on_host=decode is None or decode.get("host") != "off",
        on_guest=decode is None or decode.get("guest") != "off",
        is_compat=check is not None and check.get("partial") == "compat",
        group=group,
        place=place,
    )


def _parse_signature(element: etree._Element, place: Place) -> Signature:
    text = element.get("stepping") or ""
    steppings = parse_steppings(text)
    if steppings is None:
        raise InputError(
            "stepping is none",
            source=place.source,
            line=element.sourceline,
            found=repr(text[:40]),
            expected="numbers of 0 to 15, or ranges like 0-7",
        )
    return Signature(_number(element, "family", place), _number(element, "model", place), steppings)


def parse_steppings(text: str) -> int | None:
    """Read a list of steppings, as in 0-3,5, as a mask; ^ takes one out again; None if it is none.

    Blanks may stand around numbers and ranges, and a comma behind the last (measured with libvirt 9.0).
    """
    steppings = 0
    for part in text.removesuffix(",").split(",") if text else ():
        match = _STEPPINGS.fullmatch(part.strip())
        if match is None:
            return None
        without, first, last = match[1], int(match[2]), int(match[3] or match[2])
        if not first <= last <= _LAST_STEPPING:
            return None
        mask = (2 << last) - (1 << first)
        steppings = steppings & ~mask if without else steppings | mask
    return steppings


def parse_feature(element: etree._Element, place: Place) -> MapFeature:
    """Read a <feature>.

    Raises:
        InputError: A number in it is none, or has more than 32 bits.
    """
    masks: dict[Word, int] = {}
    for item in element.iterchildren("cpuid", "msr"):
        for word, value in _parse_masks(item, place):
            if value:
                masks[word] = masks.get(word, 0) | value
    return MapFeature(
        name=element.get("name") or "",
        masks=tuple(Mask(*mask) for mask in masks.items()),
        migratable=element.get("migratable") != "no",
        place=place,
        aliases=tuple(f"{alias.get('source')}:{alias.get('name')}" for alias in element.iterfind("alias")),
    )


def _parse_masks(item: etree._Element, place: Place) -> Iterator[tuple[Word, int]]:
    if item.tag == "msr":
        value = _number(item, "edx", place) << 32 | _number(item, "eax", place)
        yield MsrRegister(_number(item, "index", place)), value
        return
    leaf, subleaf = _number(item, "eax_in", place), _number(item, "ecx_in", place)
    for register in Register:
        if value := _number(item, register.value, place):
            yield CpuidRegister(leaf, subleaf, register), value


def _number(item: etree._Element, attribute: str, place: Place) -> int:
    text = item.get(attribute)
    number = 0 if text is None else parse_number(text)
    if number is None or number >> 32:
        raise InputError(
            f"{attribute} is no number of 32 bits",
            source=place.source,
            line=item.sourceline,
            found=repr((text or "")[:40]),
        )
    return number


def parse_number(text: str) -> int | None:
    """Read a number as libvirt does: hexadecimal after 0x, octal after 0, else decimal; None if it is none.

    Blanks and a plus may stand before it, nothing behind it (measured with libvirt 9.0).
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    hexadecimal, octal, decimal = match.groups()
    return int(hexadecimal, 16) if hexadecimal else int(octal, 8) if octal else int(decimal)
