"""The allow-list of QEMU's command line: the options and properties that make a guest's CPU and memory."""

import json
import re
from typing import Callable, Dict, FrozenSet, List, NamedTuple, Optional, Tuple

_VALUE = re.compile(r"[A-Za-z0-9_.:+\-@ ()]{0,128}")


def _words(text: str) -> FrozenSet[str]:
    return frozenset(text.split())


class OptionRule(NamedTuple):
    """What may stay of an option's value.

    Args:
        implied: the property that the value's first part is if it has no `=` (`-object TYPE,...`).
        property_may_stay: tells it of a property, given the implied one's value.
        value_may_stay: tells it of the whole value, given the implied property's value.
    """

    implied: str
    property_may_stay: Callable[[str, str], bool]
    value_may_stay: Callable[[str], bool]


# Rules for objects and devices: their properties by type.
_CONFIDENTIAL = {
    "sev-guest": _words("id cbitpos reduced-phys-bits policy kernel-hashes handle"),
    "sev-snp-guest": _words("id cbitpos reduced-phys-bits policy kernel-hashes vcek-disabled"),
    "tdx-guest": _words("id attributes sept-ve-disable"),
}
_MEMORY_BACKEND = _words(
    "id size prealloc prealloc-threads share reserve host-nodes policy merge dump discard-data align"
    " hugetlb hugetlbsize"
)
_DEVICES = {
    "pc-dimm": _words("id memdev node slot addr"),
    "virtio-mem-pci": _words("id memdev node block-size requested-size"),
    "intel-iommu": _words("id intremap eim caching-mode device-iotlb aw-bits"),
    "amd-iommu": _words("id intremap xtsup device-iotlb"),
}
_MACHINE = _words(
    "accel kernel-irqchip kernel_irqchip memory-backend memory-encryption confidential-guest-support"
    " smm vmport hpet hmat nvdimm pic pit acpi mem-merge dump-guest-core max-ram-below-4g kvm-type"
    " suppress-vmdesc default-bus-bypass-iommu default_bus_bypass_iommu usb sgx-epc"
)


def _every(_implied: str, _name: str) -> bool:
    return True


def _among(text: str) -> Callable[[str, str], bool]:
    names = _words(text)
    return lambda _implied, name: name in names


def _is_cpu_type(name: str) -> bool:
    return name.endswith("-cpu")


def _object_property(kind: str, name: str) -> bool:
    return name in _CONFIDENTIAL.get(kind, _MEMORY_BACKEND)


def _is_kept_object(kind: str) -> bool:
    return kind.startswith("memory-backend-") or kind in _CONFIDENTIAL


def _device_property(driver: str, name: str) -> bool:
    return _is_cpu_type(driver) or name in _DEVICES.get(driver, ())


def _is_kept_device(driver: str) -> bool:
    return _is_cpu_type(driver) or driver in _DEVICES


def _machine_property(_type: str, name: str) -> bool:
    return name in _MACHINE or re.fullmatch(r"sgx-epc\.\d+\.(memdev|node)", name) is not None


def _every_value(_implied: str) -> bool:
    return True


QEMU_OPTIONS: Dict[str, OptionRule] = {
    "cpu": OptionRule("model", _every, _every_value),
    "machine": OptionRule("type", _machine_property, _every_value),
    "M": OptionRule("type", _machine_property, _every_value),
    "accel": OptionRule(
        "accel",
        _among(
            "kernel-irqchip dirty-ring-size kvm-shadow-mem tb-size thread one-insn-per-tb notify-vmexit"
            " honor-guest-pat"
        ),
        _every_value,
    ),
    "smp": OptionRule(
        "cpus", _among("maxcpus drawers books sockets dies clusters modules cores threads"), _every_value
    ),
    "m": OptionRule("size", _among("slots maxmem"), _every_value),
    "numa": OptionRule(
        "type",
        _among(
            "nodeid cpus mem memdev initiator src dst val node-id socket-id die-id cluster-id core-id thread-id"
        ),
        _every_value,
    ),
    "object": OptionRule("qom-type", _object_property, _is_kept_object),
    "device": OptionRule("driver", _device_property, _is_kept_device),
    "global": OptionRule("driver", _every, _is_cpu_type),
    "overcommit": OptionRule("", _among("mem-lock cpu-pm"), _every_value),
}
# Options that stay as they are, and take no argument.
_PLAIN_OPTIONS = _words("enable-kvm no-acpi no-hpet no-kvm S nodefaults no-user-config only-migratable")
# Options that take no argument, to tell an option from the argument of the one before it (QEMU 7.2 to 10.0).
_WITHOUT_ARGUMENT = _PLAIN_OPTIONS | _words(
    "alt-grab audio-help ctrl-grab curses daemonize enable-fips enable-sync-profile full-screen h help"
    " jitdump mem-prealloc no-fd-bootchk no-frame no-quit no-reboot no-shutdown nographic old-param perfmap"
    " portrait preconfig s sdl semihosting singlestep snapshot usb version win2k-hack xen-attach"
    " xen-domid-restrict"
)


def split_qemu_arguments(arguments: List[str]) -> List[Tuple[str, Optional[str]]]:
    """Pair QEMU's options (without dashes) with their arguments; what is no option is a disk and stays out."""
    pairs: List[Tuple[str, Optional[str]]] = []
    position = 0
    while position < len(arguments):
        word = arguments[position]
        position += 1
        if not word.startswith("-") or word == "-":
            continue
        name = word[2:] if word.startswith("--") else word[1:]
        if name in _WITHOUT_ARGUMENT or position == len(arguments):
            pairs.append((name, None))
        else:
            pairs.append((name, arguments[position]))
            position += 1
    return pairs


def split_commas(value: str) -> List[str]:
    """Split a QEMU option's value at its commas; a doubled comma stands for one."""
    return [part.replace("\0", ",") for part in value.replace(",,", "\0").split(",")]


def filter_qemu_arguments(arguments: List[str]) -> List[str]:
    """Return the arguments that make the guest's CPU, machine and memory, in their order."""
    kept: List[str] = []
    for name, value in split_qemu_arguments(arguments):
        if value is None:
            if name in _PLAIN_OPTIONS:
                kept.append("-" + name)
        elif name in QEMU_OPTIONS:
            filtered = _filter_value(name, value)
            if filtered:
                kept.extend(["-" + name, filtered])
    return kept


def _filter_value(option: str, value: str) -> Optional[str]:
    rule = QEMU_OPTIONS[option]
    if value.startswith("{"):
        return _filter_json(rule, value)
    parts = split_commas(value)
    implied = _implied_value(option, rule, parts)
    if not rule.value_may_stay(implied):
        return None
    kept = [part for number, part in enumerate(parts) if _part_may_stay(rule, implied, number, part)]
    return ",".join(part.replace(",", ",,") for part in kept)


def _implied_value(option: str, rule: OptionRule, parts: List[str]) -> str:
    """Return the type, driver or model that an option's value is about; `` if it names none."""
    properties = dict(part.partition("=")[::2] for part in parts)
    if rule.implied in properties:
        return properties[rule.implied]
    if option == "global":
        return parts[0].partition("=")[0].rpartition(".")[0]  # driver.property=value
    return "" if "=" in parts[0] else parts[0]


def _part_may_stay(rule: OptionRule, implied: str, number: int, part: str) -> bool:
    name, equals, content = part.partition("=")
    if not _VALUE.fullmatch(name) or not _VALUE.fullmatch(content):
        return False
    is_implied = name == rule.implied or (number == 0 and not equals)
    return is_implied or rule.property_may_stay(implied, name)


def _filter_json(rule: OptionRule, value: str) -> Optional[str]:
    try:
        document = json.loads(value)
    except ValueError:
        return None
    implied = document.get(rule.implied, "")
    if not isinstance(implied, str) or not rule.value_may_stay(implied):
        return None
    kept = {
        name: content
        for name, content in document.items()
        if (name == rule.implied or rule.property_may_stay(implied, name)) and _is_plain(content)
    }
    return json.dumps(kept, separators=(",", ":"))


def _is_plain(content: object) -> bool:
    if isinstance(content, list):
        return all(_is_plain(one) for one in content)
    if isinstance(content, dict):
        return all(_is_plain(name) and _is_plain(one) for name, one in content.items())
    if isinstance(content, str):
        return _VALUE.fullmatch(content) is not None
    return isinstance(content, (bool, int, float))
