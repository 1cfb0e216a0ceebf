"""What the Linux kernel shows: /proc/cpuinfo, its command line, modules, vulnerabilities, XCR0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from vcpuid.snapshot.node import Node

_RELEASE = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})(?=[.-]|$)")


@dataclass(frozen=True, slots=True)
class CpuinfoEvidence:
    """The flags of /proc/cpuinfo.

    Attributes:
        flags: Flags that every CPU shows, the `vmx flags` line included.
        some_flags: Flags that some CPUs show and others do not.
        microcode: The revisions that were seen, as printed.
    """

    flags: frozenset[str]
    some_flags: frozenset[str]
    microcode: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KernelEvidence:
    """The running kernel.

    Attributes:
        release: As `uname -r` gives it.
        command_line: Its parameters, those that touch the CPU.
        modules: Module to parameter to value, for kvm and its vendor modules.
        vulnerabilities: Name to the kernel's sentence.
        xcr0: The XCR0 register of the collecting process; None where it could not be read.
        sgx_log: The kernel log's SGX lines; None where the log may not be read.
    """

    release: str
    command_line: tuple[str, ...]
    modules: Mapping[str, Mapping[str, str]]
    vulnerabilities: Mapping[str, str]
    xcr0: int | None
    sgx_log: tuple[str, ...] | None

    @property
    def version(self) -> tuple[int, int] | None:
        """Major and minor number of the release; None for a release of another form."""
        found = _RELEASE.match(self.release)
        return (int(found[1]), int(found[2])) if found else None


def read_cpuinfo(data: Node) -> CpuinfoEvidence:
    """Read the `cpuinfo` source.

    Raises:
        InputError: The record is damaged.
    """
    flag_sets = []
    microcode = []
    for block in data["blocks"]:
        fields = block["fields"]
        lines = (fields.get("flags"), fields.get("vmx flags"))
        flag_sets.append(frozenset(" ".join(line.text() for line in lines if line).split()))
        revision = fields.get("microcode")
        if revision:
            microcode.append(revision.text())
    everywhere = frozenset.intersection(*flag_sets) if flag_sets else frozenset()
    somewhere = frozenset().union(*flag_sets)
    return CpuinfoEvidence(everywhere, somewhere - everywhere, tuple(dict.fromkeys(microcode)))


def read_kernel(data: Node) -> KernelEvidence:
    """Read the `kernel` source.

    Raises:
        InputError: The record is damaged.
    """
    xcr0 = data.get("xcr0")
    log = data.get("sgx_log")
    return KernelEvidence(
        release=data["release"].text(),
        command_line=data["command_line"].texts(),
        modules={name: _texts(module) for name, module in _members(data.get("modules"))},
        vulnerabilities=_texts(data.get("vulnerabilities")),
        xcr0=xcr0.hexadecimal() if xcr0 else None,
        sgx_log=log.texts() if log else None,
    )


def _members(node: Node | None) -> tuple[tuple[str, Node], ...]:
    return tuple(node.members()) if node else ()


def _texts(node: Node | None) -> dict[str, str]:
    return {name: value.text() for name, value in _members(node)}
