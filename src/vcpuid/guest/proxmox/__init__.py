"""Proxmox VE's CPU: the `cpu:` line of a VM's configuration, and cpu-models.conf, read and written.

Its flags have QEMU's names. Source of the forms: Proxmox VE's manual, "qm.conf" and "cpu-models.conf", and what
qemu-server 9.x takes in the option `cpu`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from vcpuid.atlas.tables import load_table
from vcpuid.errors import InputError
from vcpuid.terms.guest import AddressBits, CpuMode, FeatureRequest, GuestCpu, Policy, Setting, Topology
from vcpuid.terms.place import Place

SIZE_LIMIT = 1 << 20
_DEFAULT_TYPE = "kvm64"
_CUSTOM = "custom-"
# The flags that a VM's own line may have; a custom model may have any.
VM_FLAGS = frozenset(
    (
        *("aes", "amd-no-ssb", "amd-ssbd", "hv-evmcs", "hv-tlbflush", "ibpb", "md-clear"),
        *("nested-virt", "pcid", "pdpe1gb", "spec-ctrl", "ssbd", "virt-ssbd"),
    )
)
_KEYS = frozenset(
    ("cputype", "flags", "hidden", "hv-vendor-id", "phys-bits", "guest-phys-bits", "level", "reported-model")
)
_FLAG = re.compile(r"[+-][a-zA-Z0-9\-_.]+")
_NAME = re.compile(r"[a-zA-Z0-9\-_.]+")
_HEADER = re.compile(r"cpu-model:\s*(\S+)\s*")
_LINE = re.compile(r"(cpu|sockets|cores|args|numa)\s*:\s*(.*?)\s*")
_MODES = {"host": CpuMode.HOST_PASSTHROUGH, "max": CpuMode.MAXIMUM}
_MODEL_OF = {mode: name for name, mode in _MODES.items()}
_TRUE, _FALSE = frozenset(("1", "on", "yes", "true")), frozenset(("0", "off", "no", "false"))


class BuiltIn(NamedTuple):
    """A CPU type of Proxmox VE's own: QEMU's model that it becomes, and the features that it adds."""

    model: str
    flags: tuple[str, ...]


class ProxmoxCpu(NamedTuple):
    """A VM's CPU in QEMU's names.

    Attributes:
        cpu: The CPU; `kvm=off` of a hidden one and Hyper-V's vendor letters are among its requests and settings.
        arguments: The `args:` line, which Proxmox puts behind its own options; empty where there is none.
        place: Where `args:` stands.
    """

    cpu: GuestCpu
    arguments: str = ""
    place: Place | None = None


@cache
def load_models() -> Mapping[str, BuiltIn]:
    """Give the built-in CPU types by name."""
    rows = load_table("models", __file__.rpartition("/")[0])
    return {row["name"]: BuiltIn(row["model"], tuple(row["flags"].split())) for row in rows}


def is_proxmox(text: str) -> bool:
    """Tell whether a text looks like a VM's configuration, its `cpu:` line, or cpu-models.conf."""
    lines = text.splitlines()
    return any(_HEADER.fullmatch(line) or re.match(r"cpu\s*:\s*\S", line) for line in lines)


def parse_proxmox(text: str, source: str) -> ProxmoxCpu:
    """Read a VM's configuration or its `cpu:` line; custom models stand in sections of the same text.

    A section of cpu-models.conf alone, without a VM, is the CPU that it defines.

    Raises:
        InputError: There is no CPU in it, or a line that Proxmox does not take.
    """
    if len(text) > SIZE_LIMIT:
        raise InputError("too large for a configuration", source=source, found=f"{len(text)} characters")
    lines: dict[str, tuple[str, Place]] = {}
    sections: dict[str, dict[str, tuple[str, Place]]] = {}
    section: dict[str, tuple[str, Place]] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        place = Place(source, number)
        if header := _HEADER.fullmatch(line):
            section = sections.setdefault(header[1].removeprefix(_CUSTOM), {})
        elif line[:1].isspace() and line.strip() and section is not None:
            key, _, value = line.strip().partition(" ")
            section[_known_key(key, place)] = (value.strip(), place)
        elif found := _LINE.fullmatch(line):
            section = None
            lines.setdefault(found[1], (found[2], place))
        elif line.startswith("["):
            break  # snapshots of the VM follow
    if "cpu" in lines:
        options = dict(_split_line(*lines["cpu"]))
    elif len(sections) == 1:
        options = {"cputype": (_CUSTOM + next(iter(sections)), Place(source))}
    else:
        raise InputError(
            "no CPU" if not sections else "several custom models and no VM's cpu: line",
            source=source,
            expected="a line like `cpu: host,flags=+aes;-pcid`, as `qm config VMID` prints it",
        )
    cpu = _make_cpu(options, sections, _topology_of(lines), source)
    return ProxmoxCpu(cpu, *lines.get("args", ()))


def _known_key(key: str, place: Place) -> str:
    if key not in _KEYS:
        raise InputError(
            "no option of Proxmox's CPU",
            source=place.source,
            line=place.line,
            found=repr(key[:40]),
            expected=", ".join(sorted(_KEYS)),
        )
    return key


def _split_line(text: str, place: Place) -> Iterator[tuple[str, tuple[str, Place]]]:
    for part in filter(None, text.split(",")):
        key, separator, value = part.partition("=")
        key, value = (key.strip(), value.strip()) if separator else ("cputype", key.strip())
        yield _known_key(key, place), (value, place)


def _make_cpu(
    own: Mapping[str, tuple[str, Place]],
    sections: Mapping[str, Mapping[str, tuple[str, Place]]],
    topology: Topology | None,
    source: str,
) -> GuestCpu:
    kind, place = own.get("cputype", (_DEFAULT_TYPE, Place(source)))
    options = dict(own)
    flags: list[FeatureRequest] = []
    if kind.startswith(_CUSTOM):
        section = sections.get(kind.removeprefix(_CUSTOM))
        if section is None:
            raise InputError(
                "a custom model that is not in the text",
                source=place.source,
                line=place.line,
                found=repr(kind[:60]),
                next_step="Put its section of /etc/pve/virtual-guest/cpu-models.conf before the cpu: line.",
            )
        flags += _parse_flags(section)
        options = {**section, **own}  # of both the VM's own counts
        kind = section.get("reported-model", (_DEFAULT_TYPE, place))[0]
    built_in = load_models().get(kind, BuiltIn(kind, ()))
    named = {request.name: request for request in (*flags, *_parse_flags(own))}
    requests = {name: FeatureRequest(name, Policy.REQUIRE, place) for name in built_in.flags} | named
    hidden, hidden_place = options.get("hidden", ("0", place))
    if _parse_boolean(hidden, hidden_place):
        requests["kvm"] = FeatureRequest("kvm", Policy.DISABLE, hidden_place)
    mode = _MODES.get(built_in.model, CpuMode.CUSTOM)
    return GuestCpu(
        mode,
        built_in.model if mode is CpuMode.CUSTOM else None,
        tuple(requests.values()),
        place,
        topology=topology,
        address_bits=_parse_width(*options["phys-bits"]) if "phys-bits" in options else None,
        settings=tuple(_settings_of(options)),
    )


def _settings_of(options: Mapping[str, tuple[str, Place]]) -> Iterator[Setting]:
    for key in ("hv-vendor-id", "guest-phys-bits", "level"):
        if key in options:
            value, place = options[key]
            yield Setting(key, value if key == "hv-vendor-id" else _parse_number(value, place), place)


def _parse_flags(options: Mapping[str, tuple[str, Place]]) -> list[FeatureRequest]:
    text, place = options.get("flags", ("", None))
    if place is None:
        return []
    words = [word.strip() for word in text.split(";") if word.strip()]
    for word in words:
        if not _FLAG.fullmatch(word):
            raise InputError(
                "no flag of Proxmox",
                source=place.source,
                line=place.line,
                found=repr(word[:40]),
                expected="+NAME or -NAME, with ; between several",
            )
    policies = {"+": Policy.REQUIRE, "-": Policy.DISABLE}
    return [FeatureRequest(word[1:], policies[word[0]], place) for word in words]


def _parse_boolean(text: str, place: Place) -> bool:
    if text not in _TRUE | _FALSE:
        raise InputError(
            "no boolean", source=place.source, line=place.line, found=repr(text[:40]), expected="0 or 1"
        )
    return text in _TRUE


def _parse_number(text: str, place: Place) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise InputError("no number", source=place.source, line=place.line, found=repr(text[:40]))
    return int(text)


def _parse_width(text: str, place: Place) -> AddressBits:
    return AddressBits("passthrough") if text == "host" else AddressBits("emulate", _parse_number(text, place))


def _topology_of(lines: Mapping[str, tuple[str, Place]]) -> Topology | None:
    if not lines.keys() & {"sockets", "cores"}:
        return None
    sockets, cores = (_parse_number(*lines[key]) if key in lines else 1 for key in ("sockets", "cores"))
    return Topology(sockets, cores, 1)


def render_proxmox(cpu: GuestCpu, name: str) -> str:
    """Write a CPU in QEMU's names as a `cpu:` line, without a line's end.

    Where a VM's line may not have all its flags, a custom model of the given name is written before the line, for
    /etc/pve/virtual-guest/cpu-models.conf. What Proxmox has no form for is left out.
    """
    hidden = cpu.request_for(frozenset(("kvm",)))
    flags = [
        f"{'+' if request.policy.asks else '-'}{request.name}"
        for request in cpu.requests
        if _NAME.fullmatch(request.name) and request.name != "kvm"
    ]
    options = {}
    if hidden is not None and not hidden.policy.asks:
        options["hidden"] = "1"
    options |= {setting.name: str(setting.value) for setting in cpu.settings if is_option(setting)}
    width = cpu.address_bits
    if width is not None and width.mode == "passthrough":
        options["phys-bits"] = "host"
    elif width is not None and width.bits is not None:
        options["phys-bits"] = str(width.bits)
    model = _MODEL_OF.get(cpu.mode) or cpu.model or _DEFAULT_TYPE
    lines = []
    if all(flag[1:] in VM_FLAGS for flag in flags):
        listed = [f"flags={';'.join(flags)}"] if flags else []
        lines.append("cpu: " + ",".join([model, *listed, *(f"{key}={value}" for key, value in options.items())]))
    else:
        lines += [f"cpu-model: {name}", f"    flags {';'.join(flags)}"]
        lines += [f"    {key} {value}" for key, value in options.items()]
        lines += [f"    reported-model {model}", "", f"cpu: {_CUSTOM}{name}"]
    if cpu.topology is not None:
        # Where it has no level of its own, the guest at least has as many CPUs.
        lines += [f"cores: {cpu.topology.cpus // cpu.topology.sockets}", f"sockets: {cpu.topology.sockets}"]
    return "\n".join(lines)


def is_option(setting: Setting) -> bool:
    """Tell whether Proxmox has an option of its own for a setting of QEMU's, with this value."""
    if setting.name == "hv-vendor-id":
        return re.fullmatch(r"[a-zA-Z0-9]{1,12}", str(setting.value)) is not None
    return setting.name in ("guest-phys-bits", "level")
