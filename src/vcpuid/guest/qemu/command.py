"""QEMU's whole command line: its -cpu options and what stands around them.

Measured on QEMU 7.2: of several -cpu options the last replaces the others whole; of several -accel options, and in
accel=kvm:tcg, the first that works wins; several -machine, -smp and -m options are put together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vcpuid.guest.qemu.cpu import CpuArgument, parse_cpu
from vcpuid.guest.qemu.machine import parse_cells, parse_epc, parse_smp
from vcpuid.guest.qemu.options import parse_pairs, parse_properties
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.guest import Accelerator, NumaCell, Topology
from vcpuid.terms.place import Place

_ACCELERATORS = {accelerator.value: accelerator for accelerator in Accelerator}
_CONFIDENTIAL = ("sev-guest", "sev-snp-guest", "tdx-guest")
_COLLECTED = ("smp", "numa", "object", "global")
# Options whose files may say anything of the CPU too, and that we do not open.
_FILES = ("readconfig",)
_HOST_NODES = "host-nodes"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What a QEMU command line says of the guest's CPU.

    Attributes:
        cpus: Every -cpu option, in order; QEMU uses the last and forgets the others.
        accelerator: Who runs the guest; None for one that we do not know (hvf, xen).
        machine: The machine type, or None for QEMU's default.
        confidential: The type of a launch security object (`sev-snp-guest`, `tdx-guest`), or None.
        place: Where the command line stands.
        topology: How -smp arranges the CPUs; None where there is none, or QEMU refuses it.
        cells: The NUMA nodes.
        epc: The sections of EPC memory.
        epc_missing: The memory backends that -machine names for EPC and that no -object makes.
        globals: What -global sets on CPUs, as it was written.
        unread: Options that name a file in which more may stand.
    """

    cpus: tuple[CpuArgument, ...]
    accelerator: Accelerator | None
    machine: str | None
    confidential: str | None
    place: Place
    topology: Topology | None = None
    cells: tuple[NumaCell, ...] = ()
    epc: tuple[EpcSection, ...] = ()
    epc_missing: tuple[str, ...] = ()
    globals: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def effective(self) -> CpuArgument | None:
        """The -cpu option that counts; None where QEMU takes its default model."""
        return self.cpus[-1] if self.cpus else None

    @property
    def replaced(self) -> tuple[CpuArgument, ...]:
        """The -cpu options without any effect."""
        return self.cpus[:-1]


def parse_arguments(arguments: Sequence[str], place: Place) -> CommandLine:
    """Read a QEMU command line, given as its separate arguments without the program."""
    cpus: list[CpuArgument] = []
    accelerators: list[str] = []
    settings: dict[str, str] = {}
    values: dict[str, list[str]] = {option: [] for option in _COLLECTED}
    unread: list[str] = []
    for option, value in _pairs(arguments):
        if option == "cpu":
            cpus.append(parse_cpu(value, place))
        elif option in ("machine", "M"):
            settings |= parse_properties(value, first="type")
        elif option == "accel":
            accelerators.append(parse_properties(value, first="accel").get("accel", ""))
        elif option == "enable-kvm":
            settings["accel"] = Accelerator.KVM.value
        elif option in values:
            values[option].append(value)
        elif option in _FILES:
            unread.append(f"-{option} {value}")
    machine = settings.pop("type", None)
    accelerator = [*accelerators, settings.pop("accel", Accelerator.TCG.value)][0]
    objects = [_parse_object(value) for value in values["object"]]
    kinds = [item.get("qom-type", "") for item in objects]
    epc, epc_missing = parse_epc(settings, objects, place)
    return CommandLine(
        cpus=tuple(cpus),
        accelerator=_ACCELERATORS.get(accelerator.split(":", maxsplit=1)[0]),
        machine=machine,
        confidential=next((kind for kind in reversed(kinds) if kind in _CONFIDENTIAL), None),
        place=place,
        topology=parse_smp(values["smp"], machine),
        cells=parse_cells(values["numa"], objects),
        epc=epc,
        epc_missing=epc_missing,
        globals=tuple(text for text in values["global"] if _is_of_cpu(text)),
        unread=tuple(unread),
    )


def _parse_object(text: str) -> dict[str, str]:
    """Read an -object; of properties that are lists, QEMU's short form gives each member by itself."""
    pairs = parse_pairs(text, first="qom-type")
    nodes = [value for name, value in pairs if name == _HOST_NODES]
    return dict(pairs) | ({_HOST_NODES: ",".join(nodes)} if nodes else {})


def _is_of_cpu(text: str) -> bool:
    driver = parse_properties(text, first="driver").get("driver") or re.split(r"[.=]", text)[0]
    return driver.endswith("-cpu")


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Walk `(option, value)`; an option without a value has the next option's text, which is not its own."""
    for number, argument in enumerate(arguments):
        if argument.startswith("-") and len(argument) > 1:
            following = arguments[number + 1] if number + 1 < len(arguments) else ""
            yield argument.removeprefix("-").removeprefix("-"), following
