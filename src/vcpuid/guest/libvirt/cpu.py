"""Reading libvirt's <cpu> element."""

from __future__ import annotations

from lxml import etree

from vcpuid.guest.libvirt.values import parse_choice, parse_member, parse_number, parse_size, place_of
from vcpuid.terms.guest import (
    AddressBits,
    CacheMode,
    Check,
    CpuMode,
    FeatureRequest,
    GuestCpu,
    Match,
    NumaCell,
    Policy,
    Topology,
)

TOPOLOGY_LEVELS = ("sockets", "dies", "clusters", "cores", "threads")


def parse_cpu(element: etree._Element, source: str) -> GuestCpu:
    """Read a <cpu> element, a guest's or a host's, or the <mode name='host-model'> of domain capabilities.

    Raises:
        InputError: It has a mode, policy, match, number or size that libvirt does not know.
    """
    model = element.find("model")
    name = (element.findtext("model") or "").strip() or None
    mode_name = element.get("mode") or element.get("name")
    unnamed_mode = CpuMode.CUSTOM if name else CpuMode.DEFAULT
    requests = tuple(
        FeatureRequest(
            (feature.get("name") or ""),
            parse_member(Policy, feature.get("policy") or "require", feature, source),
            place_of(feature, source),
        )
        for feature in element.iterfind("feature")
    )
    check = element.get("check")
    return GuestCpu(
        mode=parse_member(CpuMode, mode_name, element, source) if mode_name else unnamed_mode,
        model=name,
        requests=requests,
        place=place_of(element, source),
        migratable=parse_choice(element, "migratable", ("on", "off"), source),
        match=parse_member(Match, element.get("match") or "exact", element, source),
        check=None if check is None else parse_member(Check, check, element, source),
        fallback=None if model is None else parse_choice(model, "fallback", ("allow", "forbid"), source),
        vendor=(element.findtext("vendor") or "").strip() or None,
        vendor_id=None if model is None else model.get("vendor_id"),
        arch=(element.findtext("arch") or "").strip() or None,
        topology=_parse_topology(element.find("topology"), source),
        cache=_parse_cache(element.find("cache"), source),
        address_bits=_parse_address_bits(element.find("maxphysaddr"), source),
        cells=tuple(_parse_cell(cell, source) for cell in element.iterfind("numa/cell")),
    )


def _parse_topology(element: etree._Element | None, source: str) -> Topology | None:
    if element is None:
        return None
    return Topology(**{name: parse_number(element, name, source) or 1 for name in TOPOLOGY_LEVELS})


def _parse_cache(element: etree._Element | None, source: str) -> CacheMode | None:
    if element is None:
        return None
    return CacheMode(element.get("mode") or "", parse_number(element, "level", source))


def _parse_address_bits(element: etree._Element | None, source: str) -> AddressBits | None:
    if element is None:
        return None
    bits, limit = (parse_number(element, name, source) for name in ("bits", "limit"))
    return AddressBits(element.get("mode") or "", bits, limit)


def _parse_cell(cell: etree._Element, source: str) -> NumaCell:
    memory_bytes = parse_size(cell, cell.get("memory") or "", source)
    return NumaCell(parse_number(cell, "id", source), cell.get("cpus"), memory_bytes)
