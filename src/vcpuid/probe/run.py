"""A probe: start QEMU with the payload in the place of its firmware, read its report, and leave nothing behind.

The ROM is a file in memory that QEMU inherits: nothing is written anywhere. QEMU runs in a process group of its
own, which is killed when the time is over or the call ends; it dies with us, too, should we be killed ourselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from vcpuid.errors import InputError, UndecidedError
from vcpuid.gather.commands import Finished
from vcpuid.gather.look import Look
from vcpuid.probe.binary import Binary, find_binary
from vcpuid.probe.failures import failure, has_no_sandbox, read_messages
from vcpuid.probe.records import parse_report
from vcpuid.probe.request import DEFAULT_MACHINE, Request, make_request, rom_path
from vcpuid.probe.rom import make_rom
from vcpuid.terms.dump import Cpu, Dump, MissingRow
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.probed import ProbedCpu, ProbeResult

DEFAULT_LIMIT_S = 10.0


def probe(
    cpu: str,
    *,
    accelerator: Accelerator | str | None = None,
    machine: str = DEFAULT_MACHINE,
    smp: int | str = 1,
    qemu: str | None = None,
    limit_s: float = DEFAULT_LIMIT_S,
) -> ProbeResult:
    """Boot the payload in a guest with this CPU and read what it sees.

    Args:
        cpu: The value of -cpu, as in `Haswell,-avx2`.
        accelerator: KVM or TCG; None takes KVM where it may be used, else TCG.
        machine: The value of -machine.
        smp: The value of -smp: a number of CPUs, with their topology if wanted.
        qemu: The QEMU to start, by path or name; None takes the first of the usual places.
        limit_s: Seconds after which the guest is killed.

    Raises:
        UsageError: QEMU refuses the CPU or the machine, or the question cannot be asked so.
        NotGivenError: `enforce` forbids the guest.
        InputError: The QEMU that was named is not there, may not be started, or is none.
        UndecidedError: No QEMU, no KVM, a crash, a hung guest.
    """
    request = make_request(cpu, accelerator, machine, smp)
    look = Look(limit_s=limit_s)
    binary = find_binary(look, qemu)
    with _rom_file(make_rom(request.cpu_count, request.accelerator)) as descriptor:
        command = request.command(binary.path, rom_path(descriptor), sandboxed=True)
        ended = _run(look, command, descriptor, limit_s)
        if has_no_sandbox(ended):
            command = request.command(binary.path, rom_path(descriptor), sandboxed=False)
            ended = _run(look, command, descriptor, limit_s)
    if (error := failure(request, binary, ended, limit_s)) is not None:
        raise error
    return _result(request, binary, command, ended)


@contextmanager
def _rom_file(rom: bytes) -> Iterator[int]:
    """Give the descriptor of a file that has no name in any folder."""
    descriptor = os.memfd_create("vcpuid-probe-rom")
    try:
        os.write(descriptor, rom)
        yield descriptor
    finally:
        os.close(descriptor)


def _run(look: Look, command: list[str], descriptor: int, limit_s: float) -> Finished:
    guard = [*_tool(look, "prlimit", "--core=0"), *_tool(look, "setpriv", "--pdeathsig", "KILL")]
    try:
        return look.commands.run([*guard, *command], limit_s, kept_fds=(descriptor,))
    except OSError as error:
        raise InputError(f"cannot be started: {error.strerror}", source=command[0]) from error


def _tool(look: Look, name: str, *words: str) -> list[str]:
    """Give the words that put one of util-linux's tools before a command; none where it is not there.

    prlimit: a crash leaves no core file. setpriv: the kernel kills QEMU when we die, by SIGKILL too. Those of
    busybox do not know these options.
    """
    path = look.which(name)
    return [path, *words] if path and not look.real_path(path).endswith("busybox") else []


def _result(request: Request, binary: Binary, command: list[str], ended: Finished) -> ProbeResult:
    reported = parse_report(ended.stdout, f"the guest's report ({binary})")
    if len(reported) != request.cpu_count:
        raise UndecidedError(
            "not every CPU has reported", found=str(len(reported)), expected=str(request.cpu_count)
        )
    accelerator = request.accelerator.value.upper()
    origin = f"probe of -cpu {request.cpu}, machine {request.machine}, {accelerator}, {binary}"
    numbered = tuple(enumerate(reported))
    return ProbeResult(
        cpu=request.cpu,
        accelerator=request.accelerator,
        machine=request.machine,
        smp=request.smp,
        qemu=binary.path,
        version=binary.version,
        command=tuple(command),
        warnings=read_messages(ended.stderr),
        dump=Dump(
            tuple(Cpu(number, cpu.rows, cpu.msrs, MissingRow.ZERO) for number, cpu in numbered),
            origin,
        ),
        switched_on=Dump(
            tuple(Cpu(number, cpu.switched_on_rows, cpu.msrs, MissingRow.ZERO) for number, cpu in numbered),
            f"{origin}, everything switched on",
        ),
        cpus=tuple(
            ProbedCpu(number, cpu.apic_id, cpu.faulting_msrs, cpu.cr4, cpu.xcr0, cpu.xss)
            for number, cpu in numbered
        ),
    )
