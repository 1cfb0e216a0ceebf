"""Is a host ready for SGX? Every step of the road, the first break, and what only follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from vcpuid.answers.sgx import hardware, quotes, software
from vcpuid.answers.sgx.memory import Memory, read_memory
from vcpuid.answers.sgx.step import Conclusion, Purpose, Step, StepState, steps
from vcpuid.answers.sgx.subject import Subject
from vcpuid.decode.sgx import Sgx, decode_sgx
from vcpuid.evidence import Evidence, Gap
from vcpuid.snapshot import Snapshot
from vcpuid.terms.verdict import Provenance

_ON = frozenset(("Y", "1"))
_JUDGES: dict[str, Callable[[Subject], Conclusion]] = {
    "cpu": hardware.judge_cpu,
    "bios": hardware.judge_bios,
    "launch-control": hardware.judge_launch_control,
    "parameter": software.judge_parameter,
    "kernel": software.judge_kernel,
    "epc": hardware.judge_epc,
    "vepc": software.judge_vepc,
    "access": software.judge_access,
    "kvm": software.judge_kvm,
    "provisioning": software.judge_provisioning,
    "qemu": software.judge_qemu,
    "qemu-answer": software.judge_qemu_answer,
    "libvirt": software.judge_libvirt,
    "libvirt-answer": software.judge_libvirt_answer,
    "free": software.judge_free,
    "cgroup": software.judge_cgroup,
    "driver": quotes.judge_driver,
    "provision": quotes.judge_provision,
    "pccs": quotes.judge_pccs,
    "service": quotes.judge_service,
    "registration": quotes.judge_registration,
}


class Examined(NamedTuple):
    """One step of the answer.

    Attributes:
        step: Which one.
        state: How it is, for the purpose that was asked about.
        seen: How it is in itself: what is not needed may be fine or broken.
        rule: The row of the doctor's table, as in `bios.off`.
        summary: The evidence in a few words.
        means: What it means.
        mend: What to do; may be empty.
        follows: The broken step that this is a consequence of; None where it stands by itself.
        evidence: Everything that was looked at.
        leaves_open: Whether this unknown leaves the whole answer open.
    """

    step: Step
    state: StepState
    seen: StepState
    rule: str
    summary: str
    means: str
    mend: str
    follows: Step | None
    evidence: tuple[Provenance, ...]
    leaves_open: bool


class Diagnosis(NamedTuple):
    """How a host is.

    Attributes:
        host: Its name.
        taken_at: When its evidence was taken, ISO 8601 in UTC.
        purpose: What SGX is wanted for.
        is_tdx: Whether its KVM runs TDX guests, whose quotes need SGX on the host; None where nothing tells.
        steps: Every step, in the order of the road.
        memory: Its enclave memory.
        sgx: What its CPU says in leaf 12H; None where it has no such leaf, or was not read.
    """

    host: str
    taken_at: str
    purpose: Purpose
    is_tdx: bool | None
    steps: tuple[Examined, ...]
    memory: Memory
    sgx: Sgx | None

    @property
    def faults(self) -> tuple[Examined, ...]:
        """The broken steps that are no consequence of another, in order: the first one is the break."""
        return tuple(one for one in self.steps if one.state is StepState.BROKEN and one.follows is None)

    @property
    def is_ready(self) -> bool | None:
        """Whether SGX can be used for the purpose; None where something that decides is not known."""
        if self.faults:
            return False
        return None if any(one.leaves_open for one in self.steps) else True


def examine(snapshot: Snapshot | Evidence, purpose: Purpose = Purpose.GUESTS) -> Diagnosis:
    """Judge every step.

    Raises:
        InputError: The evidence is damaged.
    """
    evidence = snapshot if isinstance(snapshot, Evidence) else Evidence(snapshot)
    memory = read_memory(evidence)
    cpu = None if isinstance(evidence.cpuid, Gap) else next(iter(evidence.cpuid.dump.cpus), None)
    return Diagnosis(
        host=evidence.snapshot.host_name,
        taken_at=evidence.snapshot.taken_at,
        purpose=purpose,
        is_tdx=_is_tdx(evidence),
        steps=tuple(_examined(Subject(evidence, memory, purpose))),
        memory=memory,
        sgx=None if cpu is None else decode_sgx(cpu),
    )


def _examined(subject: Subject) -> Iterator[Examined]:
    broken: dict[str, Step] = {}
    for step in steps():
        found = _JUDGES[step.name](subject)
        row = found.row
        follows = next((broken[name] for name in row.follows if name in broken), None)
        is_needed = subject.purpose in step.serves
        if row.state is StepState.BROKEN:
            # A consequence of a consequence is told as one of the first.
            broken[step.name] = follows or step
        yield Examined(
            step=step,
            state=row.state if is_needed else StepState.NOT_NEEDED,
            seen=row.state,
            rule=found.rule,
            summary=found.summary,
            means=found.means,
            mend=found.mend,
            follows=follows,
            evidence=found.evidence,
            leaves_open=row.leaves_open and is_needed and follows is None,
        )


def _is_tdx(evidence: Evidence) -> bool | None:
    if isinstance(evidence.kernel, Gap):
        return None
    return evidence.kernel.modules.get("kvm_intel", {}).get("tdx") in _ON
