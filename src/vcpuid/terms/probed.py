"""What a guest told that was booted to be asked."""

from __future__ import annotations

from dataclasses import dataclass

from vcpuid.terms.dump import Dump
from vcpuid.terms.guest import Accelerator


@dataclass(frozen=True, slots=True)
class ProbedCpu:
    """What one CPU told besides its CPUID.

    Attributes:
        number: Its number in the dumps: CPUs are counted in the order of their APIC ids, as a system does.
        apic_id: Its first APIC id.
        faulting_msrs: The MSRs that it was asked for and that faulted (#GP).
        cr4: The bits of CR4 that it took.
        xcr0: The bits of XCR0 that it took; 0 without XSAVE.
        xss: The bits of IA32_XSS that it took.
    """

    number: int
    apic_id: int
    faulting_msrs: tuple[int, ...]
    cr4: int
    xcr0: int
    xss: int


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a guest sees of its CPUs.

    Attributes:
        cpu: The value of -cpu that was asked for.
        accelerator: Who ran the guest.
        machine: The value of -machine.
        smp: The value of -smp.
        qemu: The path of the QEMU that ran it.
        version: That QEMU's version, where it tells.
        command: The command line; its ROM existed for this one call.
        warnings: What QEMU said, in its words, each line once.
        dump: CPUID and MSRs as a reset leaves them: no feature in CR4, XCR0 or IA32_XSS is on.
        switched_on: CPUID with all of these on that the CPU takes: as a system shows it that uses everything.
        cpus: What else each CPU told.
    """

    cpu: str
    accelerator: Accelerator
    machine: str
    smp: str
    qemu: str
    version: str | None
    command: tuple[str, ...]
    warnings: tuple[str, ...]
    dump: Dump
    switched_on: Dump
    cpus: tuple[ProbedCpu, ...]
