"""A program that executes CPUID and XGETBV on the CPUs that it is told, and prints the rows as JSON.

It runs in a process of its own, so that a fault (a sandbox that forbids executable memory, an emulator that
knows no XGETBV) ends that process and not the collector. No compiler: the few instructions below are put into a
page that is made executable only after it was written.
"""

import ctypes
import json
import mmap
import os
import struct
import sys
from typing import Dict, List

from .cpuid_walk import Registers, walk

# Called as f(out: rdi, leaf: esi, subleaf: edx), System V ABI.
_CPUID_CODE = bytes.fromhex(
    "f30f1efa"  # endbr64
    "53"  #       push rbx             ; the ABI's own, and CPUID overwrites it
    "89f0"  #     mov  eax, esi
    "89d1"  #     mov  ecx, edx
    "0fa2"  #     cpuid
    "8907"  #     mov  [rdi], eax
    "895f04"  #   mov  [rdi+4], ebx
    "894f08"  #   mov  [rdi+8], ecx
    "89570c"  #   mov  [rdi+12], edx
    "5b"  #       pop  rbx
    "c3"  #       ret
)
# Called as f() -> rax.
_XGETBV_CODE = bytes.fromhex(
    "f30f1efa"  # endbr64
    "31c9"  #     xor  ecx, ecx        ; XCR0
    "0f01d0"  #   xgetbv
    "48c1e220"  # shl  rdx, 32
    "4809d0"  #   or   rax, rdx
    "c3"  #       ret
)
_XGETBV_OFFSET = 64


class Instructions:
    """CPUID and XGETBV as Python calls. Raises OSError where executable memory is refused."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        self._page[: len(_CPUID_CODE)] = _CPUID_CODE
        self._page[_XGETBV_OFFSET : _XGETBV_OFFSET + len(_XGETBV_CODE)] = _XGETBV_CODE
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        if libc.mprotect(address, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), "executable memory")
        self._out = ctypes.create_string_buffer(16)
        self._cpuid = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)(address)
        self._xgetbv = ctypes.CFUNCTYPE(ctypes.c_uint64)(address + _XGETBV_OFFSET)

    def cpuid(self, leaf: int, subleaf: int) -> Registers:
        """Execute CPUID on the CPU that this thread runs on."""
        self._cpuid(ctypes.addressof(self._out), leaf, subleaf)
        eax, ebx, ecx, edx = struct.unpack("<4I", self._out.raw)
        return eax, ebx, ecx, edx

    def xcr0(self) -> int:
        """Execute XGETBV for XCR0; faults unless CR4.OSXSAVE (CPUID.01H:ECX[27]) is set."""
        return int(self._xgetbv())


def main(cpus: List[str]) -> None:
    """Print {"cpus": {cpu: rows}, "refused": {cpu: reason}}, then {"xcr0": number or null}."""
    instructions = Instructions()
    rows: Dict[str, Dict[str, Registers]] = {}
    refused: Dict[str, str] = {}
    for cpu in cpus:
        try:
            os.sched_setaffinity(0, {int(cpu)})
        except OSError as error:
            refused[cpu] = error.strerror or str(error)
            continue
        rows[cpu] = {"%d.%d" % key: registers for key, registers in walk(instructions.cpuid).items()}
    _tell({"cpus": rows, "refused": refused})
    # Last, and after the rows are out: it is the one instruction here that may fault.
    osxsave = instructions.cpuid(0, 0)[0] >= 1 and instructions.cpuid(1, 0)[2] >> 27 & 1
    _tell({"xcr0": instructions.xcr0() if osxsave else None})


def _tell(document: Dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
