"""Source `processes`: the running QEMU processes and those of their arguments that make the guest's CPU."""

import os
import re
from typing import List, NamedTuple, Optional

from .allow_qemu import filter_qemu_arguments, split_commas, split_qemu_arguments
from .look import Look
from .options import Options
from .record import Data, Problems

_QEMU_NAMES = frozenset(["qemu-system-x86_64", "qemu-system-i386", "qemu-kvm"])
_MAYBE_NAMES = frozenset(["qemu", "kvm", "qemu-system-x86_64-microvm", "qemu-system-x86_64-xen"])
# What runs a program that is named among its arguments: the process's executable is then the loader.
_LOADERS = frozenset(["ld-linux-x86-64.so.2", "ld-linux.so.2", "ld-musl-x86_64.so.1"])
_MACHINE_OPTIONS = frozenset(["-machine", "-M", "-cpu", "--machine", "--cpu"])
_DELETED = " (deleted)"


class QemuProcess(NamedTuple):
    """A running QEMU.

    `exe` is the path in its own file system, or as its arguments name it (then not certain): where the link may
    not be read, and where the dynamic loader was started with QEMU as its argument.
    """

    pid: int
    exe: str
    exe_is_certain: bool
    deleted: bool
    arguments: List[str]
    by_loader: bool = False

    @property
    def exe_link(self) -> str:
        """The path that opens the very file that runs, even if it was replaced since."""
        return "/proc/%d/root%s" % (self.pid, self.exe) if self.by_loader else "/proc/%d/exe" % self.pid


def gather(look: Look, _options: Options, problems: Problems) -> Data:
    """Find running QEMUs in /proc and filter their arguments."""
    found = []
    if not look.exists("/proc/1/cmdline"):
        problems.add("other users' processes", "/proc does not show them (hidepid)", "run as root")
    for process in find_qemu_processes(look):
        if not process.exe_is_certain and not process.by_loader:
            problems.add(process.exe_link, "permission denied", "run as root")
        found.append(
            {
                "pid": process.pid,
                "exe": process.exe,
                "deleted": process.deleted,
                "name": guest_name(process.arguments),
                "uuid": guest_uuid(process.arguments),
                "args": filter_qemu_arguments(process.arguments[1:]),
            }
        )
    return {"processes": found}


def find_qemu_processes(look: Look) -> List[QemuProcess]:
    """Return the processes that run a QEMU system emulator for x86, by process ID."""
    found = []
    for pid in look.process_ids():
        process = _look_at(look, pid)
        if process is not None:
            found.append(process)
    return found


def _look_at(look: Look, pid: int) -> Optional[QemuProcess]:
    certain = True
    try:
        exe = look.link("/proc/%d/exe" % pid)
    except PermissionError:
        certain, exe = False, ""
    except OSError:
        return None  # a kernel thread, or it has just ended
    deleted = exe.endswith(_DELETED)
    exe = exe[: -len(_DELETED)] if deleted else exe
    if certain and os.path.basename(exe) not in _QEMU_NAMES | _MAYBE_NAMES | _LOADERS:
        return None
    arguments = look.process_arguments(pid)
    if not arguments:
        return None
    by_loader = os.path.basename(exe if certain else arguments[0]) in _LOADERS
    if by_loader:
        arguments = _after_loader(arguments)
        certain, deleted = False, False
    if not arguments:
        return None
    if not certain:
        exe = arguments[0]
    name = os.path.basename(exe)
    if name in _QEMU_NAMES or (name in _MAYBE_NAMES and _MACHINE_OPTIONS.intersection(arguments)):
        return QemuProcess(pid, exe, certain, deleted, arguments, by_loader)
    return None


def _after_loader(arguments: List[str]) -> List[str]:
    """Return the arguments from QEMU's path on; none where the loader runs something else."""
    for place, argument in enumerate(arguments[1:], 1):
        if os.path.isabs(argument) and os.path.basename(argument) in _QEMU_NAMES | _MAYBE_NAMES:
            return arguments[place:]
    return []


def model_names(arguments: List[str]) -> List[str]:
    """Return the CPU models that a command line names, the one that counts last."""
    values = [value or "" for option, value in split_qemu_arguments(arguments[1:]) if option == "cpu"]
    names = [split_commas(value)[0] for value in values]
    return [name for name in names if re.match(r"[A-Za-z0-9_.-]+$", name)]


def guest_name(arguments: List[str]) -> Optional[str]:
    """Return the name that -name gives a guest."""
    for option, value in split_qemu_arguments(arguments[1:]):
        if option == "name" and value:
            for position, part in enumerate(split_commas(value)):
                key, equals, content = part.partition("=")
                if (position == 0 and not equals) or key == "guest":
                    return content if equals else part
    return None


def guest_uuid(arguments: List[str]) -> Optional[str]:
    """Return the UUID that -uuid gives a guest."""
    for option, value in split_qemu_arguments(arguments[1:]):
        if option == "uuid" and value and re.match(r"[0-9a-fA-F-]{36}$", value):
            return value.lower()
    return None
