"""Source `kvm`: what KVM can give a guest, asked on /dev/kvm itself; no virtual machine is made."""

import ctypes
import errno
import os
import struct
from contextlib import suppress
from typing import Dict, List, Optional, Tuple

from .cpuid import rows_as_json
from .cpuid_walk import Rows
from .look import Look
from .options import Options
from .record import Data, NotApplicableError, NothingFoundError, Problems

DEVICE = "/dev/kvm"
REMEDY = "load kvm_intel or kvm_amd, and run as root or join the group of /dev/kvm"

# Linux include/uapi/linux/kvm.h and arch/x86/include/uapi/asm/{kvm.h,prctl.h}.
QUERIES = {
    "KVM_GET_API_VERSION": 0xAE00,
    "KVM_CHECK_EXTENSION": 0xAE03,
    "KVM_GET_SUPPORTED_CPUID": 0xC008AE05,
    "KVM_GET_EMULATED_CPUID": 0xC008AE09,
    "KVM_GET_MSR_FEATURE_INDEX_LIST": 0xC004AE0A,
    "KVM_GET_MSRS": 0xC008AE88,
    "KVM_GET_DEVICE_ATTR": 0x4018AEE2,
}
KVM_X86_XCOMP_GUEST_SUPP = 0

ARCH_GET_XCOMP_GUEST_PERM = 0x1024
ARCH_REQ_XCOMP_GUEST_PERM = 0x1025
_XTILEDATA = 18  # AMX's tile data in XCR0

_ENTRY = struct.Struct("<7I12x")  # kvm_cpuid_entry2: function index flags eax ebx ecx edx, padding
_SIGNIFICANT_INDEX = 1
_ENTRIES_LIMIT = 4096

CAPABILITIES = {
    "nested_state": 157,
    "sgx_attribute": 196,
    "exit_hypercall": 201,
    "sys_attributes": 209,
    "vm_types": 235,
}


def gather(look: Look, _options: Options, problems: Problems) -> Data:
    """Ask KVM for its supported and emulated CPUID, its feature MSRs and the AMX permission."""
    if look.machine() != "x86_64":
        raise NotApplicableError("machine is %s" % look.machine())
    # KVM hides a state component that needs permission from whoever has not asked for it: ask first.
    permission = _ask_guest_permission(look)
    try:
        with look.device(DEVICE, os.O_RDWR) as fd:
            data: Data = {
                "api_version": look.ioctl(fd, QUERIES["KVM_GET_API_VERSION"], bytearray(), 0),
                "supported_cpuid": _read_cpuid(look, fd, "KVM_GET_SUPPORTED_CPUID", problems),
                "emulated_cpuid": _read_cpuid(look, fd, "KVM_GET_EMULATED_CPUID", problems),
                "msr_features": _read_msr_features(look, fd, problems),
                "capabilities": _read_capabilities(look, fd),
            }
            permission["supported"] = _read_guest_support(look, fd)
    except OSError as error:
        problems.add_os_error(DEVICE, error, REMEDY)
        raise NothingFoundError from error
    data["guest_permission"] = permission
    return data


def _ask_guest_permission(look: Look) -> Dict[str, Optional[str]]:
    # Refused without AMX, and by kernels before 5.17; what is granted is asked next.
    with suppress(OSError):
        look.arch_prctl(ARCH_REQ_XCOMP_GUEST_PERM, _XTILEDATA)
    granted: Optional[str] = None
    try:
        granted = "%x" % look.arch_prctl_mask(ARCH_GET_XCOMP_GUEST_PERM)
    except OSError:
        granted = None
    return {"asked": "%x" % (1 << _XTILEDATA), "granted": granted, "supported": None}


def _read_guest_support(look: Look, fd: int) -> Optional[str]:
    """Return the state components that KVM supports in a guest (Linux 5.17), None where it cannot be asked."""
    mask = ctypes.c_uint64(0)
    # struct kvm_device_attr: flags, group, attr, the address of the answer
    attribute = struct.pack("<IIQQ", 0, 0, KVM_X86_XCOMP_GUEST_SUPP, ctypes.addressof(mask))
    try:
        look.ioctl(fd, QUERIES["KVM_GET_DEVICE_ATTR"], bytearray(attribute))
    except OSError:
        return None
    return "%x" % mask.value


def _read_cpuid(look: Look, fd: int, name: str, problems: Problems) -> Optional[Dict[str, str]]:
    count = 128
    while count <= _ENTRIES_LIMIT:
        buffer = bytearray(8 + count * _ENTRY.size)
        struct.pack_into("<I", buffer, 0, count)
        try:
            look.ioctl(fd, QUERIES[name], buffer)
        except OSError as error:
            if error.errno == errno.E2BIG:
                count *= 2
                continue
            problems.add_os_error(name, error)
            return None
        return rows_as_json(parse_cpuid_entries(bytes(buffer)))
    problems.add(name, "more than %d entries" % _ENTRIES_LIMIT)
    return None


def parse_cpuid_entries(buffer: bytes) -> Rows:
    """Parse a struct kvm_cpuid2: a count, then the entries."""
    (count,) = struct.unpack_from("<I", buffer, 0)
    rows: Rows = {}
    for number in range(min(count, (len(buffer) - 8) // _ENTRY.size)):
        leaf, index, flags, eax, ebx, ecx, edx = _ENTRY.unpack_from(buffer, 8 + number * _ENTRY.size)
        rows.setdefault((leaf, index if flags & _SIGNIFICANT_INDEX else 0), (eax, ebx, ecx, edx))
    return rows


def _read_msr_features(look: Look, fd: int, problems: Problems) -> Optional[Dict[str, str]]:
    try:
        return {"%08x" % index: "%016x" % value for index, value in _msr_features(look, fd)}
    except OSError as error:
        problems.add_os_error("KVM_GET_MSR_FEATURE_INDEX_LIST", error)
        return None


def _msr_features(look: Look, fd: int) -> List[Tuple[int, int]]:
    found = []
    for index in _msr_feature_indices(look, fd):
        # struct kvm_msrs of one entry: count, padding; index, reserved, value
        buffer = bytearray(struct.pack("<IIIIQ", 1, 0, index, 0, 0))
        try:
            got = look.ioctl(fd, QUERIES["KVM_GET_MSRS"], buffer)
        except OSError:
            continue
        if got == 1:
            found.append((index, struct.unpack_from("<Q", buffer, 16)[0]))
    return found


def _msr_feature_indices(look: Look, fd: int) -> List[int]:
    count = 64
    while count <= _ENTRIES_LIMIT:
        buffer = bytearray(4 + 4 * count)
        struct.pack_into("<I", buffer, 0, count)
        try:
            look.ioctl(fd, QUERIES["KVM_GET_MSR_FEATURE_INDEX_LIST"], buffer)
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
            count *= 2
            continue
        (filled,) = struct.unpack_from("<I", buffer, 0)
        return list(struct.unpack_from("<%dI" % min(filled, count), buffer, 4))
    raise OSError(errno.E2BIG, "more than %d entries" % _ENTRIES_LIMIT)


def _read_capabilities(look: Look, fd: int) -> Dict[str, int]:
    capabilities: Dict[str, int] = {}
    for name, number in CAPABILITIES.items():
        try:
            capabilities[name] = look.ioctl(fd, QUERIES["KVM_CHECK_EXTENSION"], bytearray(), number)
        except OSError:
            continue
    return capabilities
