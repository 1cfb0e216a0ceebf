"""Sources `cpuinfo` and `kernel`: what the kernel says of its CPUs and of itself."""

import re
from typing import Dict, List, Optional, Tuple

from .allow import filter_kernel_command_line
from .cpuid import CPU_DIRECTORY, run_child
from .look import MIB, Look
from .options import Options
from .record import Data, NothingFoundError, Problems

CPUINFO = "/proc/cpuinfo"
_CPUINFO_FIELDS = frozenset(
    [
        "vendor_id",
        "cpu family",
        "model",
        "model name",
        "stepping",
        "microcode",
        "cpuid level",
        "flags",
        "vmx flags",
        "bugs",
        "address sizes",
    ]
)

_SGX_MESSAGE = re.compile(r"^(?:sgx|x86/cpu|x86/sgx): .*", re.IGNORECASE)
_SGX_MESSAGES_LIMIT = 64


def gather_cpuinfo(look: Look, _options: Options, problems: Problems) -> Data:
    """Read /proc/cpuinfo; CPUs with the same fields are one block."""
    try:
        text = look.read_text(CPUINFO, 64 * MIB)
    except OSError as error:
        problems.add_os_error(CPUINFO, error)
        raise NothingFoundError from error
    return {"blocks": parse_cpuinfo(text)}


def parse_cpuinfo(text: str) -> List[Data]:
    """Parse /proc/cpuinfo into blocks of CPUs with equal fields; per-CPU fields (MHz, APIC ids) are left out."""
    blocks: Dict[Tuple[Tuple[str, str], ...], List[int]] = {}
    for paragraph in re.split(r"\n\s*\n", text):
        fields: Dict[str, str] = {}
        for line in paragraph.splitlines():
            name, _, value = line.partition(":")
            fields[name.strip()] = value.strip()
        number = fields.get("processor", "")
        if number.isdigit():
            kept = tuple((name, value) for name, value in fields.items() if name in _CPUINFO_FIELDS)
            blocks.setdefault(kept, []).append(int(number))
    return [{"cpus": cpus, "fields": dict(fields)} for fields, cpus in blocks.items()]


def gather_kernel(look: Look, _options: Options, problems: Problems) -> Data:
    """Read the kernel's version, its switches that touch CPU features, and its view of vulnerabilities."""
    data: Data = {
        "release": look.read_line("/proc/sys/kernel/osrelease"),
        "version": look.read_line("/proc/sys/kernel/version"),
        "command_line": _read_command_line(look, problems),
        "modules": _read_modules(look),
        "vulnerabilities": _read_values(look, CPU_DIRECTORY + "/vulnerabilities") or {},
        "xcr0": _read_xcr0(look, problems),
        "isolated": look.read_line(CPU_DIRECTORY + "/isolated"),
        "nohz_full": look.read_line(CPU_DIRECTORY + "/nohz_full"),
        "lockdown": _read_lockdown(look),
        "sgx_log": _read_sgx_log(look, problems),
        "microcode": _read_microcode(look),
    }
    return data


def _read_command_line(look: Look, problems: Problems) -> Optional[List[str]]:
    try:
        return filter_kernel_command_line(look.read_text("/proc/cmdline"))
    except OSError as error:
        problems.add_os_error("/proc/cmdline", error)
        return None


def _read_modules(look: Look) -> Dict[str, Dict[str, str]]:
    """Read the parameters of the KVM modules that are loaded (or built in, if they have parameters)."""
    try:
        names = [name for name in look.names("/sys/module") if re.match(r"kvm(_\w+)?$", name)]
    except OSError:
        return {}
    return {name: _read_values(look, "/sys/module/%s/parameters" % name) or {} for name in names}


def _read_values(look: Look, directory: str) -> Optional[Dict[str, str]]:
    try:
        names = look.names(directory)
    except OSError:
        return None
    values = ((name, look.read_line("%s/%s" % (directory, name))) for name in names)
    return {name: value for name, value in values if value is not None}


def _read_xcr0(look: Look, problems: Problems) -> Optional[str]:
    if look.machine() != "x86_64":
        return None
    xcr0 = run_child(look, [], problems).xcr0
    return None if xcr0 is None else "%016x" % xcr0


def _read_lockdown(look: Look) -> Optional[str]:
    """Return the mode in brackets of `none [integrity] confidentiality`; None if the kernel has no lockdown."""
    chosen = re.search(r"\[(\w+)\]", look.read_line("/sys/kernel/security/lockdown") or "")
    return chosen.group(1) if chosen else None


def _read_sgx_log(look: Look, problems: Problems) -> Optional[List[str]]:
    """Return the kernel's own messages about SGX that its ring buffer still holds."""
    try:
        return [message for message in map(parse_kernel_message, look.read_messages("/dev/kmsg")) if message][
            :_SGX_MESSAGES_LIMIT
        ]
    except OSError as error:
        problems.add_os_error("the kernel log's SGX lines (/dev/kmsg)", error, "run as root")
        return None


def parse_kernel_message(record: bytes) -> Optional[str]:
    """Return the text of a /dev/kmsg record that the kernel wrote about SGX, else None.

    Source: Linux Documentation/ABI/testing/dev-kmsg; the priority's bits above 2 are the facility, 0 the kernel's:
    programs can write there too, with another facility.
    """
    head, _, rest = record.decode("utf-8", "replace").partition(";")
    text = rest.partition("\n")[0]
    priority = head.partition(",")[0]
    from_kernel = priority.isdigit() and int(priority) < 8
    return text if from_kernel and _SGX_MESSAGE.match(text) and "sgx" in text.lower() else None


def _read_microcode(look: Look) -> Dict[str, str]:
    """Return the first CPU's microcode revision of each different one."""
    revisions: Dict[str, str] = {}
    try:
        names = look.names(CPU_DIRECTORY)
    except OSError:
        return {}
    for number in sorted(int(name[3:]) for name in names if re.match(r"cpu\d+$", name)):
        revision = look.read_line("%s/cpu%d/microcode/version" % (CPU_DIRECTORY, number))
        if revision is not None and revision not in revisions.values():
            revisions[str(number)] = revision
    return revisions
