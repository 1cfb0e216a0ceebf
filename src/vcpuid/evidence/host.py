"""All evidence of one host; each source is read when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from vcpuid.evidence.cpuid import CpuidEvidence, read_cpuid
from vcpuid.evidence.gap import Gap, gap_of, gaps_of, problem_with
from vcpuid.evidence.kernel import CpuinfoEvidence, KernelEvidence, read_cpuinfo, read_kernel
from vcpuid.evidence.kvm import KvmEvidence, read_kvm
from vcpuid.evidence.libvirt import LibvirtEvidence, read_libvirt
from vcpuid.evidence.msr import MsrEvidence, read_msr
from vcpuid.evidence.nova import read_nova
from vcpuid.evidence.qemu import QemuBinary, QmpAnswer, read_qemu, read_qmp
from vcpuid.evidence.running import (
    DomainEvidence,
    MonitorEvidence,
    ProcessEvidence,
    read_domains,
    read_monitor,
    read_processes,
)
from vcpuid.evidence.sgx import SgxEvidence, read_sgx
from vcpuid.guest.nova import NovaCpu
from vcpuid.snapshot import Snapshot
from vcpuid.snapshot.document import SCHEMA
from vcpuid.snapshot.node import Node
from vcpuid.terms.dump import Dump

_Kind = TypeVar("_Kind")


class Evidence:
    """A snapshot's sources as typed evidence; a source with nothing to say is a `Gap`.

    Reading a damaged source raises InputError, which names the place in the document.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    @classmethod
    def of_dump(cls, dump: Dump) -> Evidence:
        """Take a CPUID dump for the evidence of a host of which nothing else is known."""
        evidence = cls(Snapshot.of({"schema": SCHEMA, "host": {"name": dump.origin}, "sources": {}}, dump.origin))
        evidence.cpuid = CpuidEvidence(dump, ())
        return evidence

    def _read(self, source: str, reader: Callable[[Node], _Kind]) -> _Kind | Gap:
        record = self.snapshot.record(source)
        return gap_of(record) if record.data is None else reader(record.data)

    def problem(self, source: str, what: str) -> Gap | None:
        """Give the problem that the collector had with one part of a source, or None."""
        return problem_with(self.snapshot.record(source), what)

    def failure(self, source: str) -> Gap | None:
        """Give the first reason why a source that applies to this host was not read whole, or None."""
        return next(iter(self.failures(source)), None)

    def failures(self, source: str) -> tuple[Gap, ...]:
        """Give why a source that applies to this host was not read whole; none where it was, or was skipped."""
        record = self.snapshot.record(source)
        return gaps_of(record) if record.state in ("partial", "failed") else ()

    @cached_property
    def cpuid(self) -> CpuidEvidence | Gap:
        """CPUID of each CPU."""
        return self._read("cpuid", read_cpuid)

    @cached_property
    def cpuinfo(self) -> CpuinfoEvidence | Gap:
        """The flags of /proc/cpuinfo."""
        return self._read("cpuinfo", read_cpuinfo)

    @cached_property
    def kernel(self) -> KernelEvidence | Gap:
        """The running kernel."""
        return self._read("kernel", read_kernel)

    @cached_property
    def msr(self) -> MsrEvidence | Gap:
        """MSRs by CPU."""
        return self._read("msr", read_msr)

    @cached_property
    def kvm(self) -> KvmEvidence | Gap:
        """KVM's lists."""
        return self._read("kvm", read_kvm)

    @cached_property
    def sgx(self) -> SgxEvidence | Gap:
        """SGX devices and memory."""
        return self._read("sgx", read_sgx)

    @cached_property
    def qemu(self) -> tuple[QemuBinary, ...] | Gap:
        """QEMU's binaries."""
        return self._read("qemu", read_qemu)

    @cached_property
    def qmp(self) -> tuple[QmpAnswer, ...] | Gap:
        """QEMU's own answers (--active)."""
        return self._read("qmp", read_qmp)

    @cached_property
    def libvirt(self) -> LibvirtEvidence | Gap:
        """The map and capabilities of libvirt."""
        record = self.snapshot.record("libvirt")
        return gap_of(record) if record.data is None else read_libvirt(record.data, record.problems)

    @cached_property
    def domains(self) -> tuple[DomainEvidence, ...] | Gap:
        """The domains of libvirt."""
        return self._read("domains", read_domains)

    @cached_property
    def processes(self) -> tuple[ProcessEvidence, ...] | Gap:
        """QEMU's processes."""
        return self._read("processes", read_processes)

    @cached_property
    def nova(self) -> NovaCpu | Gap:
        """nova.conf; a Gap where the host has none."""
        none = Gap("nova.conf", "none on this host", "--nova-conf FILE names one elsewhere.")
        return self._read("nova", read_nova) or self.failure("nova") or none

    @cached_property
    def monitor(self) -> tuple[MonitorEvidence, ...] | Gap:
        """Running guests' own reports (--monitor)."""
        return self._read("monitor", read_monitor)
