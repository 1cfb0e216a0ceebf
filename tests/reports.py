"""Reports as the probe's payload writes them, and programs that stand for QEMU and print them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from vcpuid.terms.dump import Registers

DONE = 0x2A << 1 | 1
GUEST_ROWS: Mapping[tuple[int, int], Registers] = {
    (0, 0): (0xD, 0x756E6547, 0x6C65746E, 0x49656E69),
    (1, 0): (0x306C4, 0x800, 0x84000000, 0x0783FBFD),
    (0x80000000, 0): (0x80000000, 0, 0, 0),
    (0xD, 0): (7, 0x240, 0x340, 0),
}
OSXSAVE = 1 << 27


def record(tag: str, *words: int) -> bytes:
    body = struct.pack(f"<{len(words)}I", *words)
    framed = tag.encode() + bytes([len(body)]) + body
    return framed + bytes([-sum(framed) % 256])


def cpu_report(apic_id: int = 0, rows: Mapping[tuple[int, int], Registers] = GUEST_ROWS) -> list[bytes]:
    switched_on = {**rows, (1, 0): (rows[1, 0][0], rows[1, 0][1], rows[1, 0][2] | OSXSAVE, rows[1, 0][3])}
    return [
        record("C", apic_id),
        *(record("L", *key, *row) for key, row in rows.items()),
        record("M", 0x10A, 0x69, 0x1),
        record("G", 0x3A),
        record("S", 1 << 18, 7, 0, 0x100, 0),
        *(record("L", *key, *row) for key, row in switched_on.items()),
        record("E"),
    ]


def whole_report(*cpus: list[bytes]) -> bytes:
    records = [part for cpu in cpus or (cpu_report(),) for part in cpu]
    return b"".join([*records, record("Z", len(records))])


def write_qemu(
    folder: Path,
    *,
    report: bytes = b"",
    stderr: str = "",
    status: int = DONE,
    last: str = "",
    version: bool = True,
) -> Path:
    """Write a program that answers --version as QEMU does, then prints a report and messages, and ends."""
    folder.mkdir(exist_ok=True)
    (folder / "report").write_bytes(report)
    (folder / "messages").write_text(stderr)
    path = folder / "qemu"
    words = "QEMU emulator version 9.8.7" if version else "some program 1"
    path.write_text(
        "#!/bin/sh\n"
        f'[ "$1" != --version ] || {{ echo "{words}"; exit; }}\n'
        f'printf "%s\\n" "$*" >>"{folder}/arguments"\n'
        f'cat "{folder}/report"\ncat "{folder}/messages" >&2\n{last or f"exit {status}"}\n'
    )
    path.chmod(0o755)
    return path
