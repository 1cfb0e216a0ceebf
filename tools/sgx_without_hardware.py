"""Runs programs where SGX seems to be there: real libvirt and QEMU take EPC memory down to the last argument.

    python -m tools.sgx_without_hardware FOLDER virsh domcapabilities        (as root)

The program gets a mount namespace of its own, so that nothing of it is seen outside, with

- /dev/sgx_vepc and /dev/sgx_provision, which are files. QEMU 7.2 makes memory-backend-epc of any file there, under
  TCG and KVM: `query-sgx` of such a guest has the section;
- a libvirt of its own, embedded in the program and kept in FOLDER, which LIBVIRT_DEFAULT_URI names. It probes the
  real QEMU, which answers `sgx: false` by the real CPUID; that answer alone is then replaced in libvirt's
  capabilities cache. Domains are defined, turned into arguments, and started.

What is not there is the enclave: the guest's CPUID has no SGX unless the CPU has it, and the memory is plain
memory.

All runs are pinned to one CPU. libvirt 9.0 compares the whole CPUID with the one in its cache, the APIC's number
included, and probes anew where it woke up on another CPU.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_KIB = 1024
_EMULATOR = "/usr/bin/qemu-system-x86_64"
_CONFIGURATION = """\
stdio_handler = "file"
security_driver = "none"
user = "root"
group = "root"
namespaces = []
cgroup_controllers = []
"""
# A /dev with what programs need of the real one, and the two files; then the program.
_NAMESPACE = """\
set -e
folder=$1
shift
mkdir -p "$folder/dev"
mount -t tmpfs none "$folder/dev"
for name in null zero full random urandom tty kvm; do
    [ -e "/dev/$name" ] || continue
    : > "$folder/dev/$name"
    mount --bind "/dev/$name" "$folder/dev/$name"
done
mkdir "$folder/dev/pts" "$folder/dev/shm"
mount --bind /dev/pts "$folder/dev/pts"
mount -t tmpfs none "$folder/dev/shm"
ln -s /proc/self/fd "$folder/dev/fd"
ln -s pts/ptmx "$folder/dev/ptmx"
truncate -s 64G "$folder/dev/sgx_vepc"
: > "$folder/dev/sgx_provision"
chmod 0666 "$folder/dev/sgx_vepc" "$folder/dev/sgx_provision"
mount --rbind "$folder/dev" /dev
exec "$@"
"""


def can_run() -> str | None:
    """Gives why this machine cannot do it, or None where it can."""
    if os.geteuid():
        return "needs root, for a mount namespace"
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)  # noqa: S607 -- util-linux
    return None if done.returncode == 0 else "needs a kernel that lets us make a mount namespace"


@dataclass(frozen=True, slots=True)
class SgxHost:
    """A libvirt that offers SGX.

    Attributes:
        folder: Where it keeps its state; a short path, as sockets lie in it.
        sections: The bytes of EPC of each NUMA node that libvirt is to offer.
    """

    folder: Path
    sections: Mapping[int, int] = field(default_factory=lambda: {0: 96 << 20})

    @property
    def uri(self) -> str:
        """The connection, which only programs in the namespace can open."""
        return f"qemu:///embed?root={self.folder}"

    def prepare(self) -> None:
        """Let libvirt probe QEMU, and put EPC into what it keeps of the answer."""
        self.probe()
        self.announce()

    def probe(self) -> None:
        """Let libvirt probe QEMU, which takes some seconds: it finds the device, and a CPU without SGX."""
        (self.folder / "etc").mkdir(parents=True, exist_ok=True)
        (self.folder / "etc" / "qemu.conf").write_text(_CONFIGURATION, encoding="utf-8")
        self.run(["virsh", "--quiet", "domcapabilities", "--emulatorbin", _EMULATOR], check=True)

    def announce(self) -> None:
        """Put EPC into what libvirt keeps of QEMU's answer."""
        cached = list((self.folder / "cache" / "qemu" / "capabilities").glob("*.xml"))
        for path in cached:
            path.write_text(self._with_epc(path.read_text(encoding="utf-8")), encoding="utf-8")
        if not cached:
            raise RuntimeError(f"libvirt left no capabilities cache in {self.folder}")

    def _with_epc(self, cache: str) -> str:
        sections = "".join(
            f"<section node='{node}' size='{size // _KIB}' unit='KiB'/>" for node, size in self.sections.items()
        )
        announced = (
            "<sgx supported='yes'><flc>yes</flc><sgx1>yes</sgx1><sgx2>no</sgx2>"
            f"<section_size unit='KiB'>{sum(self.sections.values()) // _KIB}</section_size>"
            f"<sections>{sections}</sections></sgx>"
        )
        replaced, count = re.subn(r"<sgx supported=.*?</sgx>", announced, cache, flags=re.DOTALL)
        if not count:
            raise RuntimeError("libvirt's capabilities cache has no <sgx>: this QEMU or libvirt knows none")
        return replaced

    def run(self, command: Sequence[str], *, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a program there, with its output as text."""
        return subprocess.run(  # noqa: S603 -- what a developer asks for
            self.words(command), capture_output=True, text=True, check=check, env=self.environment
        )

    def words(self, command: Sequence[str]) -> list[str]:
        """Give the command that runs a program there."""
        cpu = min(os.sched_getaffinity(0))
        inside = ["sh", "-c", _NAMESPACE, "sh", str(self.folder), "taskset", "--cpu-list", str(cpu), *command]
        return ["unshare", "--mount", "--propagation", "private", *inside]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a program there."""
        return os.environ | {"LIBVIRT_DEFAULT_URI": self.uri, "LC_ALL": "C.UTF-8"}


def main() -> int:
    """Prepares the folder and runs the program."""
    arguments = sys.argv[1:]
    if len(arguments) < 2:  # noqa: PLR2004 -- a folder, and a program
        print(__doc__)
        return 2
    if reason := can_run():
        print(reason, file=sys.stderr)
        return 1
    host = SgxHost(Path(arguments[0]).resolve())
    host.prepare()
    return subprocess.run(host.words(arguments[1:]), check=False, env=host.environment).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
