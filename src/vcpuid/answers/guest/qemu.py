"""QEMU's -cpu and command line as a definition, and a definition as options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from vcpuid.answers.guest.definition import Definition, Loss, Written, translate_requests
from vcpuid.errors import InputError, UndecidedError
from vcpuid.guest.proxmox import is_proxmox
from vcpuid.guest.qemu import (
    CommandLine,
    CpuArgument,
    check_cpu,
    is_command_line,
    model_of,
    parse_arguments,
    parse_cpu,
    render_options,
    split_command_line,
)
from vcpuid.guest.qemu.cpu import Form
from vcpuid.guest.qemu.properties import find_property, load_properties
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.switches import load_switches
from vcpuid.terms.feature import Dialect
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
    Setting,
    Topology,
)
from vcpuid.terms.place import Place

TITLE = "QEMU's command line"
INPUT = "a -cpu string or command line"

# A command line: variables, a program, or an option with a dash.
_COMMAND = re.compile(r"(?:LC_ALL=|-cpu\b|\S*qemu\S*\s|\S*/kvm\s)|.*\s-cpu\s", re.DOTALL)
# libvirt starts this where a domain names no model, and so does QEMU.
DEFAULT_MODEL = "qemu64"
_HOSTS_WIDTH = frozenset((CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM))  # unless they are told otherwise
_FOLDED = frozenset(
    ("vendor", "phys-bits", "host-phys-bits", "host-phys-bits-limit", "l3-cache", "host-cache-info", "migratable")
)


def is_like(text: str) -> bool:
    """Tell whether a text is a command line, and no configuration of Proxmox's that has one in its `args`."""
    return bool(_COMMAND.match(text.replace("\0", " "))) and not is_proxmox(text)


def read(text: str, source: str, _map: CpuMap | None = None) -> Definition:
    """Read a -cpu value, or a whole command line.

    Raises:
        InputError: It is damaged, or has no -cpu that QEMU takes.
    """
    line = text.strip("\n")
    if is_command_line(line):
        return definition_of(parse_arguments(split_command_line(line, source), Place(source)), source)
    value = line.strip()
    return definition_of(CommandLine((parse_cpu(value, Place(source)),), None, None, None, Place(source)), source)


def definition_of(command: CommandLine, source: str) -> Definition:
    """Give what a command line asks for.

    Raises:
        InputError: It has no -cpu.
        UsageError: Its -cpu is one that QEMU refuses.
    """
    argument = command.effective
    if argument is None:
        raise InputError(
            "no -cpu option",
            source=source,
            expected="-cpu MODEL, with features after commas",
            next_step=f"Without one QEMU takes {DEFAULT_MODEL}: name that.",
        )
    check_cpu(argument.text, source)
    definition = fold(argument.cpu)
    return replace(
        definition,
        cpu=replace(definition.cpu, topology=command.topology, cells=command.cells),
        epc=command.epc,
        losses=(*definition.losses, *_losses_of(command, argument)),
    )


def fold(cpu: GuestCpu) -> Definition:
    """Part a CPU in QEMU's names into features and what stands beside them, and give the latter its own place."""
    values: dict[str, Setting] = {}
    for request in filter(lambda request: _is_beside(request.name), cpu.requests):
        known = find_property(request.name)
        name = known.name if known else request.name
        values[name] = Setting(name, request.policy.asks, request.place)
    values |= {setting.name: setting for setting in cpu.settings}
    folds = {name: values.pop(name).value for name in _FOLDED & values.keys()}
    bits, limit = folds.get("phys-bits"), folds.get("host-phys-bits-limit")
    address_bits = AddressBits("emulate", bits) if isinstance(bits, int) and bits else cpu.address_bits
    if folds.get("host-phys-bits") is True:
        address_bits = AddressBits("passthrough", limit=limit if isinstance(limit, int) and limit else None)
    elif "host-phys-bits" in folds and cpu.mode in _HOSTS_WIDTH:
        address_bits = address_bits or AddressBits("emulate")
    migratable, vendor = folds.get("migratable"), folds.get("vendor")
    folded = replace(
        cpu,
        requests=tuple(request for request in cpu.requests if not _is_beside(request.name)),
        settings=(),
        address_bits=address_bits,
        cache=_cache_of(folds.get("l3-cache"), folds.get("host-cache-info")),
        migratable=migratable if isinstance(migratable, bool) else None,
        vendor_id=vendor if isinstance(vendor, str) else None,
    )
    return Definition(Dialect.QEMU, folded, tuple(values.values()))


def _is_beside(name: str) -> bool:
    return name in load_properties() or name in load_switches()


def _cache_of(third_level: object, hosts: object) -> CacheMode | None:
    if hosts is True:
        return CacheMode("passthrough")
    if third_level is None:
        return None
    return CacheMode("emulate", 3) if third_level else CacheMode("disable")


def _losses_of(command: CommandLine, argument: CpuArgument) -> Iterator[Loss]:
    for replaced in command.replaced:
        yield Loss(f"-cpu {replaced.text}", "a later -cpu replaces it whole, in QEMU too", command.place)
    signed = {option.name: option for option in argument.options if option.form is Form.PLUS}
    signed |= {option.name: option for option in argument.options if option.form is Form.MINUS}
    for option in argument.options:
        winner = signed.get(option.name, option)
        if winner.means != option.means:
            yield Loss(option.text, f"{winner.text} beats it, in QEMU too", command.place)
    for text in command.globals:
        yield Loss(f"-global {text}", "only -cpu is read", command.place)
    for text in command.unread:
        yield Loss(text, "the file is not read", command.place)
    for name in command.epc_missing:
        yield Loss(f"EPC memory of {name}", "no -object memory-backend-epc of that name and a size", command.place)
    if command.confidential:
        yield Loss(f"-object {command.confidential}", "launch security is not carried over", command.place)


def write(definition: Definition, _map: CpuMap | None = None) -> Written:
    """Write a definition as QEMU's options, a line each, quoted for a shell.

    Raises:
        UndecidedError: It begins with the host's model, which only the host can tell.
        UsageError: It has a text that -cpu has no form for.
    """
    cpu = definition.cpu
    if cpu.mode is CpuMode.HOST_MODEL:
        raise UndecidedError(
            "host-model is made of the host's CPU when the guest starts",
            source=str(cpu.place),
            next_step="Give a named model, or the <cpu> that `virsh domcapabilities` shows for host-model.",
        )
    requests, losses = translate_requests(definition, Dialect.QEMU)
    is_default = cpu.mode is CpuMode.DEFAULT
    model = DEFAULT_MODEL if is_default else model_of(cpu)
    values: list[tuple[str, bool | int | str]] = []
    if cpu.vendor_id is not None:
        values.append(("vendor", cpu.vendor_id))
    is_hosts = cpu.mode in (CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM)
    if is_hosts:
        # What the host has is there already, and what it lacks nobody insists on.
        requests = tuple(request for request in requests if request.policy is not Policy.OPTIONAL)
    if cpu.migratable is not None and is_hosts:
        values.append(("migratable", cpu.migratable))
    if not is_default:  # libvirt takes features without a model for none
        values += [(request.name, request.policy.asks) for request in requests]
    values += [(setting.name, setting.value) for setting in definition.beside]
    values += [*_cache_values(cpu.cache, is_hosts=is_hosts), *_width_values(cpu.address_bits)]
    options = [("cpu", render_options(model, values, str(cpu.place)))]
    if cpu.topology is not None:
        options.append(("smp", _smp(cpu.topology)))
    for cell in cpu.cells:
        options += _numa(cell)
    for number, section in enumerate(definition.epc):
        nodes = f",host-nodes={section.host_nodes},policy=bind" if section.host_nodes else ""
        backend = f"memory-backend-epc,id=memepc{number},prealloc=on,size={section.size_bytes}{nodes}"
        node = "" if section.guest_node is None else f",sgx-epc.{number}.node={section.guest_node}"
        options += [("object", backend), ("machine", f"sgx-epc.{number}.memdev=memepc{number}{node}")]
    losses += [] if is_default else _lost_policies(requests)
    losses += _lost_in_cpu(cpu)
    return Written("\n".join(f"-{option} {shlex.quote(value)}" for option, value in options), tuple(losses))


def _cache_values(cache: CacheMode | None, *, is_hosts: bool) -> list[tuple[str, bool | int | str]]:
    """Give the properties, in libvirt's order; only a host's model can show the host's caches."""
    if cache is None:
        return []
    if cache.mode == "passthrough":
        return [("host-cache-info", True), ("l3-cache", False)]
    hosts: list[tuple[str, bool | int | str]] = [("host-cache-info", False)] if is_hosts else []
    return [("l3-cache", True), *hosts] if cache.mode == "emulate" else [*hosts, ("l3-cache", False)]


def _width_values(bits: AddressBits | None) -> list[tuple[str, bool | int | str]]:
    if bits is None:
        return []
    if bits.mode == "passthrough":
        limit: list[tuple[str, bool | int | str]] = [("host-phys-bits-limit", bits.limit)] if bits.limit else []
        return [("host-phys-bits", True), *limit]
    # Without a number libvirt 11.3 writes this, and 9.0 takes no such definition.
    return [("host-phys-bits", False) if bits.bits is None else ("phys-bits", bits.bits)]


def _smp(topology: Topology) -> str:
    levels = ("sockets", "dies", "clusters", "cores", "threads")
    counts = {level: getattr(topology, level) for level in levels}
    if counts["clusters"] == 1:
        del counts["clusters"]  # most machines refuse it
    return ",".join([str(topology.cpus), *(f"{level}={count}" for level, count in counts.items())])


def _numa(cell: NumaCell) -> list[tuple[str, str]]:
    number = "" if cell.number is None else f",nodeid={cell.number}"
    name = f"ram-node{cell.number or 0}"
    cpus = "".join(f",cpus={part}" for part in (cell.cpus or "").split(",") if part and "^" not in part)
    backend = f"memory-backend-ram,id={name},size={cell.memory_bytes}"
    return [("object", backend), ("numa", f"node{number}{cpus},memdev={name}")]


def _lost_policies(requests: Sequence[FeatureRequest]) -> Iterator[Loss]:
    """Walk what -cpu cannot say of features; optional is no loss: QEMU drops what the host lacks."""
    for request in requests:
        if request.policy is Policy.FORCE:
            why = "-cpu has only on and off: it is on, and QEMU may drop it"
            yield Loss(f"policy force of {request.name}", why, request.place)
        elif request.policy is Policy.FORBID:
            why = "-cpu has only on and off: it is off, and a host that has it is not refused"
            yield Loss(f"policy forbid of {request.name}", why, request.place)


def _lost_in_cpu(cpu: GuestCpu) -> Iterator[Loss]:
    if cpu.mode is CpuMode.DEFAULT and cpu.requests:
        yield Loss(f"{len(cpu.requests)} features", "libvirt takes no features without a model", cpu.place)
    if cpu.match is not Match.EXACT:
        yield Loss(f"match='{cpu.match.value}'", "only libvirt can compare with the host", cpu.place)
    if cpu.check is Check.FULL:
        yield Loss("check='full'", "QEMU compares nothing after the start", cpu.place)
    if cpu.vendor is not None:
        yield Loss(f"<vendor>{cpu.vendor}</vendor>", "QEMU does not ask whose CPU the host has", cpu.place)
    for cell in cpu.cells:
        if "^" in (cell.cpus or ""):
            yield Loss(f"<cell cpus='{cell.cpus}'>", "-numa has no form for CPUs that are left out", cpu.place)
