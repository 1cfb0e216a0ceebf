"""One run of the collector: all sources into one snapshot document."""

import os
import platform
import time
from typing import Optional

from . import VERSION, active, cpuid, domains, kvm, libvirt, monitor, msr, nova, proc, processes, qemu, sgx
from .options import Options
from .record import Data
from .runner import Progress, Source, run_sources

SCHEMA = "vcpuid-snapshot/1"


def _always(_options: Options) -> Optional[str]:
    return None


def _if_active(options: Options) -> Optional[str]:
    return None if options.active else "not asked for (needs --active)"


def _if_monitor(options: Options) -> Optional[str]:
    return None if options.monitor else "not asked for (needs --monitor)"


SOURCES = (
    Source("cpuid", cpuid.gather, _always),
    Source("cpuinfo", proc.gather_cpuinfo, _always),
    Source("kernel", proc.gather_kernel, _always),
    Source("msr", msr.gather, _always),
    Source("kvm", kvm.gather, _always),
    Source("sgx", sgx.gather, _always),
    Source("qemu", qemu.gather, _always),
    Source("libvirt", libvirt.gather, _always),
    Source("domains", domains.gather, _always),
    Source("nova", nova.gather, _always),
    Source("processes", processes.gather, _always),
    Source("qmp", active.gather, _if_active),
    Source("monitor", monitor.gather, _if_monitor),
)
SOURCE_NAMES = tuple(source.name for source in SOURCES)


def collect(options: Options, progress: Optional[Progress] = None, root: str = "") -> Data:
    """Look at this machine and return a snapshot document.

    Args:
        options: what to look at, and how long.
        progress: called with a source's name and `started`, `ok`, `partial`, `failed` or `skipped`.
        root: a folder to take for `/` when files are read.
    """
    begin = time.monotonic()
    taken_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    records = run_sources(SOURCES, options, progress, root)
    document: Data = {
        "schema": SCHEMA,
        "collector": {
            "version": VERSION,
            "python": platform.python_version(),
            "euid": os.geteuid(),
            "active": options.active,
            "monitor": options.monitor,
            "anonymised": options.anonymise,
        },
        "host": {"name": os.uname().nodename, "machine": os.uname().machine},
        "taken_at": taken_at,
        "took_ms": int(1000 * (time.monotonic() - begin)),
        "sources": records,
    }
    if not options.anonymise:
        return document
    from .anonymise import anonymise  # noqa: PLC0415 - the rest does without hashes and OpenSSL

    return anonymise(document, options.anonymise_key)
