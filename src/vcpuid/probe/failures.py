"""Why a guest gave no report: what QEMU said and how it ended, as an error that tells what to do."""

from __future__ import annotations

import re
import signal

from vcpuid.errors import InputError, UndecidedError, UsageError, VcpuidError
from vcpuid.gather.commands import Finished
from vcpuid.probe.binary import Binary
from vcpuid.probe.request import STATUS_DONE, STATUS_FAULT, Request

_QEMU_FAILED = 1
_SAID_LINES = 12
_PREFIX = re.compile(r"^(?:\S*qemu\S*|\S*/\S+): ")
_ACCELERATOR = re.compile(r"\bKVM\b|/dev/kvm|failed to initialize kvm|accelerator", re.IGNORECASE)
_HOST_LIKE = re.compile(r"CPU model '\S+' requires")
_ENFORCED = re.compile(r"doesn't support requested features")
_SANDBOX = re.compile(r"sandbox|seccomp", re.IGNORECASE)


class NotGivenError(VcpuidError):
    """The guest was to have what it cannot get (`enforce`): the answer is no."""

    exit_status = 1


def read_messages(stderr: bytes) -> tuple[str, ...]:
    """Give what QEMU said, each line once (it repeats them for every CPU), without its own name."""
    lines = (_PREFIX.sub("", line.strip()) for line in stderr.decode("utf-8", "replace").splitlines())
    return tuple(dict.fromkeys(line for line in lines if line))


def has_no_sandbox(ended: Finished) -> bool:
    """Tell whether this QEMU was built without its sandbox, or may not use it here."""
    refused = ended.status == _QEMU_FAILED and not ended.stdout
    return refused and bool(_SANDBOX.search(ended.stderr.decode("latin-1")))


def failure(request: Request, binary: Binary, ended: Finished, limit_s: float) -> VcpuidError | None:
    """Tell why there is no whole report; None where QEMU ended as the payload told it to."""
    if ended.status == STATUS_DONE:
        return None
    said = read_messages(ended.stderr)
    words = "\n  ".join([f"{binary} said:", *said[:_SAID_LINES]]) if said else f"{binary} said nothing."
    so_far = f"{len(ended.stdout)} bytes of the report"
    if ended.too_long:
        return InputError("it prints without end: no QEMU", source=binary.path)
    if ended.timed_out:
        return UndecidedError(
            f"the guest gave no whole report within {limit_s:g} s",
            source=binary.path,
            found=so_far,
            next_step=f"{words}\n  Raise --timeout if this machine is slow; the other accelerator may do.",
        )
    status = ended.status or 0
    if binary.version is None and not ended.stdout:
        return _no_qemu(binary, f"exit status {status}", words)
    if status < 0:
        return UndecidedError(
            f"QEMU crashed: {_signal_name(-status)}", source=binary.path, found=so_far, next_step=words
        )
    if status == STATUS_FAULT:
        return UndecidedError(
            "the payload met a fault inside the guest that it does not expect", source=binary.path, next_step=words
        )
    if status == _QEMU_FAILED and not ended.stdout and said:
        return _refusal(request, binary, said, words)
    if not status and ended.stdout:
        return UndecidedError("the guest reset itself", source=binary.path, found=so_far, next_step=words)
    return _no_qemu(binary, f"exit status {status}, {so_far}", words)


def _no_qemu(binary: Binary, found: str, words: str) -> VcpuidError:
    return InputError(
        "no QEMU for x86, or one that cannot run the probe", source=binary.path, found=found, next_step=words
    )


def _refusal(request: Request, binary: Binary, said: tuple[str, ...], words: str) -> VcpuidError:
    last = said[-1]
    if _ENFORCED.search(last):
        return NotGivenError("this guest is not started: enforce forbids to drop features", next_step=words)
    if _ACCELERATOR.search(last) and not _HOST_LIKE.search(last):
        return UndecidedError(
            f"{binary} cannot use {request.accelerator.value} here",
            found=last,
            next_step="KVM needs /dev/kvm, and permission to open it (group kvm); --accel tcg needs neither.",
        )
    return UsageError(f"{binary} refuses -cpu {request.cpu}", found=last, next_step=words if said[1:] else None)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
