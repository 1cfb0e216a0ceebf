"""Source `msr`: the model-specific registers that give or take CPU features, where they may be read."""

import re
import struct
from typing import Dict, List

from .cpuid import CPU_DIRECTORY, choose_cpus
from .look import Look
from .options import Options
from .record import Data, NotApplicableError, NothingFoundError, Problems

DEVICE = "/dev/cpu/%d/msr"
REMEDY = "run as root, and `modprobe msr`"
_PACKAGES_LIMIT = 2

# Intel SDM vol. 4; AMD APM vol. 2 appendix A and the PPRs. A CPU faults on those it does not have.
_COMMON = (
    0x0000008B,  # microcode revision
    0x00000DA0,  # IA32_XSS
    0xC0000080,  # EFER
)
_INTEL = (
    0x0000003A,  # IA32_FEATURE_CONTROL: lock, VMX, SGX, SGX launch control
    0x0000008C,  # IA32_SGXLEPUBKEYHASH0..3: whose launch enclave
    0x0000008D,
    0x0000008E,
    0x0000008F,
    0x000000CE,  # PLATFORM_INFO: CPUID faulting
    0x000000CF,  # IA32_CORE_CAPABILITIES
    0x0000010A,  # IA32_ARCH_CAPABILITIES
    0x00000122,  # IA32_TSX_CTRL
    0x00000123,  # IA32_MCU_OPT_CTRL
    0x0000013C,  # FEATURE_CONFIG: AES-NI switch
    0x000001A0,  # IA32_MISC_ENABLE: limit CPUID maximum, MONITOR, XD
    *range(0x00000480, 0x00000494),  # VMX capabilities
    0x00000500,  # IA32_SGX_SVN_STATUS
)
_AMD = (
    0xC0010010,  # SYSCFG: memory encryption, SNP
    0xC0010015,  # HWCR: MONITOR switch
    0xC0010114,  # VM_CR: SVM lock and switch
    0xC0010131,  # SEV_STATUS
    0xC0011002,  # CPUID 07H override
    0xC0011004,  # CPUID 01H override
    0xC0011005,  # CPUID 80000001H override
    0xC0011029,  # DE_CFG: LFENCE serialising
)
BY_VENDOR = {"GenuineIntel": _COMMON + _INTEL, "AuthenticAMD": _COMMON + _AMD, "HygonGenuine": _COMMON + _AMD}


def gather(look: Look, _options: Options, problems: Problems) -> Data:
    """Read the vendor's registers on one CPU of each of the first two packages."""
    if look.machine() not in ("x86_64", "i686", "i586"):
        raise NotApplicableError("machine is %s" % look.machine())
    indices = sorted(BY_VENDOR.get(_vendor(look), _COMMON))
    cpus: Dict[str, Dict[str, str]] = {}
    for cpu in one_cpu_of_each_package(look):
        path = DEVICE % cpu
        try:
            with look.device(path) as fd:
                cpus[str(cpu)] = _read(look, fd, indices)
        except OSError as error:
            problems.add_os_error(path, error, REMEDY)
    if not cpus:
        raise NothingFoundError
    return {"cpus": cpus}


def _read(look: Look, fd: int, indices: List[int]) -> Dict[str, str]:
    values: Dict[str, str] = {}
    for index in indices:
        try:
            (value,) = struct.unpack("<Q", look.read_at(fd, 8, index))
        except OSError:
            continue  # the CPU faulted on it: it does not have this register
        values["%08x" % index] = "%016x" % value
    return values


def one_cpu_of_each_package(look: Look) -> List[int]:
    """Return the first CPU that may be disturbed of each package."""
    first: Dict[str, int] = {}
    for cpu in choose_cpus(look)[0]:
        package = look.read_line("%s/cpu%d/topology/physical_package_id" % (CPU_DIRECTORY, cpu)) or "0"
        first.setdefault(package, cpu)
    return sorted(first.values())[:_PACKAGES_LIMIT]


def _vendor(look: Look) -> str:
    try:
        head = look.read_head("/proc/cpuinfo", 1024).decode("ascii", "replace")
    except OSError:
        return ""
    vendor = re.search(r"^vendor_id\s*:\s*(\S+)", head, re.MULTILINE)
    return vendor.group(1) if vendor else ""
