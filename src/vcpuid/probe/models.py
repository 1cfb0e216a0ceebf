"""Which CPU models a QEMU has: it is started without a guest and asked, as the collector asks it."""

from __future__ import annotations

import subprocess

from vcpuid.errors import InputError, UndecidedError
from vcpuid.gather.active import command_line
from vcpuid.gather.look import Look
from vcpuid.gather.qmp import Qmp, QmpError, Reply
from vcpuid.probe.binary import find_binary
from vcpuid.terms.guest import Accelerator

_HOST = "host"


def list_models(accelerator: Accelerator, *, qemu: str | None = None, limit_s: float = 10.0) -> tuple[str, ...]:
    """Give the names of all models in order; `host` only under KVM, without which it cannot be.

    Raises:
        InputError: The QEMU that was named may not be started, or is none.
        UndecidedError: There is no QEMU, or it does not answer.
    """
    look = Look(limit_s=limit_s)
    binary = find_binary(look, qemu)
    try:
        process = look.commands.start(command_line(binary.path, accelerator.value), given=True)
    except OSError as error:
        raise InputError(f"cannot be started: {error.strerror}", source=binary.path) from error
    try:
        reply = _ask(process, limit_s)
    except QmpError as error:
        raise UndecidedError(
            f"its models cannot be asked: {error}",
            source=binary.path,
            next_step=f"It was asked over QMP, under {accelerator.value}.",
        ) from error
    finally:
        look.commands.stop(process)
    if reply.error is not None:
        raise UndecidedError(f"its models cannot be asked: {reply.error}", source=binary.path)
    names = sorted(str(one["name"]) for one in reply.value or ())
    return tuple(name for name in names if name != _HOST or accelerator is Accelerator.KVM)


def _ask(process: subprocess.Popen[bytes], limit_s: float) -> Reply:
    if process.stdin is None or process.stdout is None:
        raise QmpError("it has no standard streams")
    qmp = Qmp(process.stdout.fileno(), process.stdin.fileno(), limit_s)
    qmp.greet()
    (reply,) = qmp.ask([("query-cpu-definitions", {})])
    return reply
