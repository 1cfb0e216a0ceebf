"""Source `sgx`: the kernel's SGX devices, EPC memory by NUMA node, and its control group."""

import grp
import stat
from typing import Dict, Optional

from .look import Look
from .options import Options
from .record import Data, Problems

DEVICES = ("/dev/sgx_enclave", "/dev/sgx_provision", "/dev/sgx_vepc")
NODES = "/sys/devices/system/node"
MISC_CAPACITY = ("/sys/fs/cgroup/misc.capacity", "/sys/fs/cgroup/misc/misc.capacity")


def gather(look: Look, _options: Options, _problems: Problems) -> Data:
    """Look at the SGX devices without opening them, and read the EPC's sizes in bytes."""
    return {
        "devices": {path: _device(look, path) for path in DEVICES},
        "numa": _epc_by_node(look),
        "misc_cgroup": _misc_cgroup(look),
    }


def _device(look: Look, path: str) -> Optional[Data]:
    try:
        status = look.status(path)
    except OSError:
        return None
    return {
        "mode": "%04o" % stat.S_IMODE(status.st_mode),
        "uid": status.st_uid,
        "gid": status.st_gid,
        "group": _group_name(status.st_gid),
        "openable": look.may_open(path),
    }


def _group_name(gid: int) -> Optional[str]:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return None


def _epc_by_node(look: Look) -> Dict[str, int]:
    try:
        names = look.names(NODES)
    except OSError:
        return {}
    sizes: Dict[str, int] = {}
    for name in names:
        if name.startswith("node") and name[4:].isdigit():
            size = look.read_line("%s/%s/x86/sgx_total_bytes" % (NODES, name))
            if size is not None and size.isdigit():
                sizes[name[4:]] = int(size)
    return sizes


def _misc_cgroup(look: Look) -> Optional[Dict[str, str]]:
    """Return the root group's capacity lines (`sgx_epc 98566144`); None where there is no such controller."""
    for path in MISC_CAPACITY:
        text = look.read_line(path)
        if text is not None:
            words = (line.split() for line in text.splitlines())
            return {line[0]: line[1] for line in words if len(line) == 2}
    return None
