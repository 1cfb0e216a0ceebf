"""Source `sgx`: the kernel's SGX devices and who may use them, EPC by NUMA node, and the services for quotes."""

import grp
import os
import pwd
import stat
from typing import Dict, List, Optional

from .allow import filter_qcnl
from .look import Look
from .options import Options
from .record import Data, Problems

DEVICES = ("/dev/sgx_enclave", "/dev/sgx_provision", "/dev/sgx_vepc")
NODES = "/sys/devices/system/node"
MISC_CAPACITY = ("/sys/fs/cgroup/misc.capacity", "/sys/fs/cgroup/misc/misc.capacity")


# Whom libvirt's packages start QEMU as: Debian's and Ubuntu's name, and the others'.
QEMU_USERS = ("libvirt-qemu", "qemu")
QCNL = "/etc/sgx_default_qcnl.conf"
# Intel's architectural enclaves service, and the TDX quote generation service.
SOCKETS = ("/run/aesmd/aesm.socket", "/run/tdx-qgs/qgs.socket")
EFI_VARIABLES = "/sys/firmware/efi/efivars"


def gather(look: Look, _options: Options, problems: Problems) -> Data:
    """Look at the SGX devices without opening them, and read the EPC's sizes in bytes."""
    return {
        "devices": {path: _device(look, path) for path in DEVICES},
        "users": _qemu_users(),
        "numa": _epc_by_node(look),
        "misc_cgroup": _misc_cgroup(look),
        "quotes": {
            "qcnl": _qcnl(look, problems),
            "sockets": {path: _is_socket(look, path) for path in SOCKETS},
            "registration": _registration(look),
        },
    }


def _qemu_users() -> Dict[str, Data]:
    """Return uid and groups of the users that QEMU may run as, of those that there are."""
    users: Dict[str, Data] = {}
    for name in QEMU_USERS:
        try:
            user = pwd.getpwnam(name)
            groups = os.getgrouplist(name, user.pw_gid)
        except (KeyError, OSError):
            continue
        users[name] = {"uid": user.pw_uid, "gids": sorted(set(groups))}
    return users


def _qcnl(look: Look, problems: Problems) -> Optional[Dict[str, str]]:
    """Return the settings of the quote provider library; None where it has no configuration."""
    try:
        return filter_qcnl(look.read_text(QCNL))
    except FileNotFoundError:
        return None
    except OSError as error:
        problems.add_os_error(QCNL, error, "run as root")
        return None


def _is_socket(look: Look, path: str) -> bool:
    try:
        return stat.S_ISSOCK(look.status(path).st_mode)
    except OSError:
        return False


def _registration(look: Look) -> Optional[List[str]]:
    """Return the names of firmware's variables about the registration of packages; None without EFI variables."""
    try:
        names = look.names(EFI_VARIABLES)
    except OSError:
        return None
    return [name.partition("-")[0] for name in names if name.startswith("SgxRegistration")]


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
