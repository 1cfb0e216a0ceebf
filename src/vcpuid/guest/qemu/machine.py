"""What stands around the CPU on QEMU's command line: -smp, -numa, and EPC memory of -object and -machine.

The rules for what is left out of -smp were measured on QEMU 7.2, with machine types before and after 6.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from vcpuid.guest.qemu.options import parse_number, parse_pairs, parse_size
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.guest import NumaCell, Topology
from vcpuid.terms.place import Place

_LEVELS = ("sockets", "dies", "clusters", "modules", "cores", "threads")
_MOST_CPUS = 1 << 16
_VERSION = re.compile(r"-([0-9]{1,3})\.([0-9]{1,3})(?:\.|$)")
_FIRST_WITH_CORES = (6, 2)  # the machine types from which a bare -smp makes cores, no sockets
_NUMBERED = re.compile(r"sgx-epc\.([0-9]{1,4})\.(memdev|node)")


def parse_smp(values: Sequence[str], machine: str | None) -> Topology | None:
    """Read how CPUs are arranged by every -smp of a command line, which QEMU puts together.

    None where there is none, or QEMU refuses what is asked for.
    """
    if not values:
        return None
    given: dict[str, int] = {}
    for value in values:
        for name, text in parse_pairs(value, first="cpus"):
            number = parse_number(text) if text else 0
            if number is None or number > _MOST_CPUS:
                return None
            given[name] = number
    cpus, max_cpus = given.get("cpus", 0), given.get("maxcpus", 0)
    counts = {level: given.get(level, 0) for level in _LEVELS}
    _complete(counts, max_cpus or cpus, prefers_sockets=_prefers_sockets(machine))
    product = 1
    for count in counts.values():
        product *= count
    max_cpus = max_cpus or cpus or product
    cpus = cpus or max_cpus
    if product != max_cpus or cpus > max_cpus:
        return None
    # A module is to a guest's CPU what a cluster is to others; no machine has both.
    clusters = counts["clusters"] * counts["modules"]
    return Topology(counts["sockets"], counts["cores"], counts["threads"], counts["dies"], clusters)


def _complete(counts: dict[str, int], cpus: int, *, prefers_sockets: bool) -> None:
    """Fill in the levels that were left out, from the number of CPUs where that is known."""
    for level in ("dies", "clusters", "modules"):
        counts[level] = counts[level] or 1
    order = ("sockets", "cores", "threads") if prefers_sockets else ("cores", "sockets", "threads")
    missing = [level for level in order if not counts[level]]
    first = missing[0] if missing else None
    for level in missing:
        counts[level] = 1
    if cpus and first is not None:
        product = 1
        for count in counts.values():
            product *= count
        counts[first] = cpus // product


def _prefers_sockets(machine: str | None) -> bool:
    version = _VERSION.search(machine or "")
    return version is not None and (int(version[1]), int(version[2])) < _FIRST_WITH_CORES


def parse_cells(values: Iterable[str], objects: Iterable[dict[str, str]]) -> tuple[NumaCell, ...]:
    """Read the nodes of -numa; their memory is their own or a memory backend's."""
    sizes = {item.get("id", ""): item.get("size", "") for item in objects}
    cells: list[NumaCell] = []
    for value in values:
        pairs = parse_pairs(value, first="type")
        single = dict(pairs)
        if single.get("type") != "node":
            continue
        cpus = ",".join(text for name, text in pairs if name == "cpus" or name.startswith("cpus."))
        own, backend = single.get("mem"), single.get("memdev", "")
        size = parse_size(own, unit="m") if own is not None else parse_size(sizes.get(backend, ""))
        number = parse_number(single.get("nodeid", ""))
        cells.append(NumaCell(len(cells) if number is None else number, cpus or None, size or 0))
    return tuple(cells)


def parse_epc(
    machine: dict[str, str], objects: Iterable[dict[str, str]], place: Place
) -> tuple[tuple[EpcSection, ...], tuple[str, ...]]:
    """Read the EPC sections of -machine, with their backends; and the backends that -machine names in vain."""
    backends = {item.get("id", ""): item for item in objects if item.get("qom-type") == "memory-backend-epc"}
    sections: dict[int, dict[str, str]] = {}
    for name, text in machine.items():
        if found := _NUMBERED.fullmatch(name):
            sections.setdefault(int(found[1]), {})[found[2]] = text
    epc, missing = [], []
    for _, section in sorted(sections.items()):
        name = section.get("memdev", "")
        backend = backends.get(name)
        size = parse_size(backend.get("size", "")) if backend else None
        if backend is None or size is None:
            missing.append(name)
            continue
        nodes = [text for key, text in backend.items() if key == "host-nodes" or key.startswith("host-nodes.")]
        epc.append(EpcSection(size, ",".join(nodes) or None, parse_number(section.get("node", "")), place))
    return tuple(epc), tuple(missing)
