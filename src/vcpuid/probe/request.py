"""What is asked of QEMU: the guest's CPU and machine, and the command line that starts it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from vcpuid.errors import UsageError
from vcpuid.probe.rom import CPU_LIMIT
from vcpuid.terms.guest import Accelerator

DEFAULT_MACHINE = "pc"  # QEMU's own default
KVM_DEVICE = "/dev/kvm"

_MEMORY_MIB = 16
_CPU_COUNT = re.compile(r"(?:cpus=)?(\d{1,6})")
# As libvirt starts QEMU.
_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
# The ports and the exit values are the payload's (payload.s).
_CONSOLE = "isa-debugcon,iobase=0x402,chardev=report"
_EXIT = "isa-debug-exit,iobase=0xf4,iosize=4"
STATUS_DONE, STATUS_FAULT = 0x2A << 1 | 1, 0x2B << 1 | 1


@dataclass(frozen=True, slots=True)
class Request:
    """A guest to probe.

    Attributes:
        cpu: The value of -cpu.
        accelerator: Who runs it.
        machine: The value of -machine.
        smp: The value of -smp.
        cpu_count: The number of CPUs that it says.
    """

    cpu: str
    accelerator: Accelerator
    machine: str
    smp: str
    cpu_count: int

    def command(self, path: str, rom_path: str, *, sandboxed: bool) -> list[str]:
        """Give the command line: no disks, no network, no configuration, no display, no monitor."""
        return [
            path,
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-machine", self.machine, "-accel", self.accelerator.value),
            *("-cpu", self.cpu, "-smp", self.smp, "-m", str(_MEMORY_MIB)),
            *("-bios", rom_path, "-chardev", "stdio,id=report,signal=off"),
            *("-device", _CONSOLE, "-device", _EXIT),
            *(("-sandbox", _SANDBOX) if sandboxed else ()),
        ]


def make_request(
    cpu: str, accelerator: Accelerator | str | None, machine: str = DEFAULT_MACHINE, smp: int | str = 1
) -> Request:
    """Check what is asked for; without an accelerator it is KVM where that may be used, else TCG.

    Raises:
        UsageError: QEMU would take it for another question, or the payload cannot ask so many CPUs.
    """
    for option, value in (("CPU-STRING", cpu), ("--machine", machine), ("--smp", str(smp))):
        if not value or "\0" in value:
            raise UsageError(f"{option} cannot be this", found=repr(value), expected="a value for QEMU")
        if {"help", "?"} & {part.strip() for part in value.split(",")}:
            raise UsageError(
                f"{option} asks QEMU for its help", found=repr(value), next_step="Run QEMU itself for its lists."
            )
    return Request(cpu, choose_accelerator(accelerator), machine, str(smp), _cpu_count(str(smp)))


def choose_accelerator(named: Accelerator | str | None = None) -> Accelerator:
    """Give the accelerator of a name; without one KVM where it may be used here, else TCG.

    Raises:
        UsageError: There is none of this name.
    """
    if named is None:
        return Accelerator.KVM if os.access(KVM_DEVICE, os.R_OK | os.W_OK) else Accelerator.TCG
    try:
        return Accelerator(named)
    except ValueError:
        raise UsageError("no accelerator", found=repr(named), expected="kvm or tcg") from None


def _cpu_count(smp: str) -> int:
    found = next(filter(None, map(_CPU_COUNT.fullmatch, smp.split(","))), None)
    if found is None or not 1 <= int(found[1]) <= CPU_LIMIT:
        raise UsageError(
            "--smp does not say a number of CPUs that can be asked",
            found=repr(smp),
            expected=f"1 to {CPU_LIMIT}, as in 4 or 4,sockets=2,cores=2",
        )
    return int(found[1])


def rom_path(descriptor: int) -> str:
    """Give the path under which QEMU opens a file that it has inherited."""
    return str(Path("/proc/self/fd") / str(descriptor))
