"""What a run reads, asks and starts: the declared table behind `--access`, for a security review.

A test runs a collection under the interpreter's audit hooks, and compares what it did with this table.
"""

import re
import sys
from typing import Iterator, List, NamedTuple, Sequence

from .active import ACCELERATORS, command_line
from .kvm import QUERIES as KVM_QUERIES
from .libvirt import CACHE_DIRECTORY, MAP_DIRECTORIES
from .msr import BY_VENDOR
from .nova import USUAL_DIRECTORIES, USUAL_FILES
from .options import Options
from .qemu import USUAL_PATHS
from .qmp import QUERIES as QMP_QUERIES
from .sgx import DEVICES as SGX_DEVICES
from .sgx import EFI_VARIABLES, MISC_CAPACITY, QCNL, QEMU_USERS
from .sgx import SOCKETS as SGX_SOCKETS

INSTALLED_COLLECTOR = "/usr/local/sbin/vcpuid-collect"
INSTALLED_PYTHON = "/usr/bin/python3"


class Access(NamedTuple):
    """One thing that a source may do.

    Args:
        source: its name in the snapshot.
        kind: `read` a file, `list` a folder, `look at` (status, or where a link points), `open` a device,
            `ioctl`, `call` the kernel, `run` a command, `connect` to a socket.
        what: the path, name or command; in paths `*` stands for one name or a part of it, `**` for any.
        why: what it is for.
    """

    source: str
    kind: str
    what: str
    why: str


_CPU = "/sys/devices/system/cpu"
_PASSIVE = (
    Access("cpuid", "read", _CPU + "/present", "which CPUs there are"),
    Access("cpuid", "read", _CPU + "/online", "which CPUs there are"),
    Access("cpuid", "read", _CPU + "/isolated", "whom to leave alone"),
    Access("cpuid", "read", _CPU + "/nohz_full", "whom to leave alone"),
    Access("cpuid", "open", "/dev/cpu/*/cpuid", "CPUID of each CPU but the isolated ones"),
    Access("cpuid", "run", "PYTHON -I -S -**", "the CPUID instruction, where there is no /dev/cpu (in a child)"),
    Access("cpuinfo", "read", "/proc/cpuinfo", "the flags that the kernel shows"),
    Access("kernel", "read", "/proc/sys/kernel/osrelease", "version"),
    Access("kernel", "read", "/proc/sys/kernel/version", "version"),
    Access("kernel", "read", "/proc/cmdline", "switches such as clearcpuid= and nosgx; others are left out"),
    Access("kernel", "list", "/sys/module", "which KVM modules are loaded"),
    Access("kernel", "list", "/sys/module/kvm*/parameters", "KVM's parameters"),
    Access("kernel", "read", "/sys/module/kvm*/parameters/*", "KVM's parameters"),
    Access("kernel", "list", _CPU + "/vulnerabilities", "mitigations"),
    Access("kernel", "read", _CPU + "/vulnerabilities/*", "mitigations"),
    Access("kernel", "read", _CPU + "/isolated", "isolated CPUs"),
    Access("kernel", "read", _CPU + "/nohz_full", "CPUs without a tick"),
    Access("kernel", "read", "/sys/kernel/security/lockdown", "whether MSRs are hidden"),
    Access("kernel", "read", "/dev/kmsg", "the kernel's own messages about SGX; others are left out"),
    Access("kernel", "list", _CPU, "microcode"),
    Access("kernel", "read", _CPU + "/cpu*/microcode/version", "microcode"),
    Access("kernel", "run", "PYTHON -I -S -", "the XGETBV instruction (in a child)"),
    Access("msr", "read", "/proc/cpuinfo", "the vendor"),
    Access("msr", "read", _CPU + "/cpu*/topology/physical_package_id", "one CPU of each package"),
    *(Access("msr", "read", "%s/%s" % (_CPU, name), "which CPUs to ask") for name in ("present", "online")),
    *(Access("msr", "read", "%s/%s" % (_CPU, name), "whom to leave alone") for name in ("isolated", "nohz_full")),
    Access("msr", "open", "/dev/cpu/*/msr", "the registers listed below"),
    Access("kvm", "open", "/dev/kvm", "KVM's query ioctls; no virtual machine is made"),
    *(Access("kvm", "ioctl", name, "what KVM gives a guest") for name in KVM_QUERIES),
    Access(
        "kvm", "call", "arch_prctl(ARCH_REQ_XCOMP_GUEST_PERM)", "AMX, which KVM hides from those who do not ask"
    ),
    Access("kvm", "call", "arch_prctl(ARCH_GET_XCOMP_GUEST_PERM)", "whether that was granted"),
    *(Access("sgx", "look at", path, "whether it is there, and for whom") for path in SGX_DEVICES),
    Access("sgx", "call", "getgrgid", "the name of a device's group"),
    Access("sgx", "list", "/sys/devices/system/node", "EPC memory of each node"),
    Access("sgx", "read", "/sys/devices/system/node/node*/x86/sgx_total_bytes", "EPC memory of each node"),
    *(Access("sgx", "read", path, "EPC limit") for path in MISC_CAPACITY),
    Access("sgx", "call", "getpwnam, getgrouplist", "uid and groups of %s" % " and ".join(QEMU_USERS)),
    Access("sgx", "read", QCNL, "where quotes get their certificates; keys and requests are left out"),
    *(Access("sgx", "look at", path, "whether the service for quotes listens") for path in SGX_SOCKETS),
    Access("sgx", "list", EFI_VARIABLES, "whether firmware asks for the registration of packages"),
    *(Access("qemu", "read", path, "version, in the binary's own text") for path in USUAL_PATHS),
    Access("qemu", "read", "/proc/*/exe", "version of the QEMU that runs, even if it was replaced since"),
    Access("qemu", "run", "dpkg-query -S **", "the binary's package"),
    Access("qemu", "run", "dpkg-query -W -f ${Package} ${Version}\\n **", "the package's version"),
    Access("qemu", "run", "rpm -qf --qf %{NAME} %{VERSION}-%{RELEASE}\\n **", "the binary's package and version"),
    Access("libvirt", "list", CACHE_DIRECTORY, "how old its capabilities cache is"),
    Access("libvirt", "read", CACHE_DIRECTORY + "/*.xml", "for which QEMU a cache entry was made"),
    Access("libvirt", "list", "/proc", "whether libvirtd runs in a container"),
    Access("libvirt", "read", "/proc/*/comm", "whether libvirtd runs in a container"),
    *(Access("libvirt", "list", path, "the CPU map") for path in MAP_DIRECTORIES),
    *(Access("libvirt", "read", path + "/*.xml", "the CPU map") for path in MAP_DIRECTORIES),
    Access("libvirt", "list", "/proc/*/root" + MAP_DIRECTORIES[0], "a container's CPU map"),
    Access("libvirt", "read", "/proc/*/root" + MAP_DIRECTORIES[0] + "/*.xml", "a container's CPU map"),
    Access("libvirt", "run", "VIRSH -r -c URI -q version --daemon; capabilities", "version, host CPU"),
    Access("domains", "run", "VIRSH -r -c URI -q list --all --uuid; list --transient --uuid", "all domains"),
    Access("domains", "run", "VIRSH -r -c URI -q domstate*; dumpxml*; dumpxml --inactive**", "each domain's CPU"),
    Access(
        "domains",
        "run",
        "VIRSH -c URI -q dumpxml --migratable**",
        "the CPU with which a running domain was started",
    ),
    *(Access("nova", "read", path, "the CPU keys; others are left out") for path in USUAL_FILES),
    *(Access("nova", "list", path, "more files") for path in USUAL_DIRECTORIES),
    *(Access("nova", "read", path + "/*.conf", "the CPU keys; others are left out") for path in USUAL_DIRECTORIES),
    Access("nova", "read", "/proc/*/root/**.conf", "the files that a running nova-compute was started with"),
    Access("nova", "list", "/proc/*/root/**", "the folders that a running nova-compute was started with"),
    *(
        access
        for source in ("qemu", "domains", "nova", "processes")
        for access in (
            Access(source, "list", "/proc", "running programs"),
            Access(source, "look at", "/proc/*/exe", "which of them are QEMU"),
            Access(
                source, "read", "/proc/*/cmdline", "arguments of QEMU and nova-compute; only the CPU's are kept"
            ),
        )
    ),
)
_DOMAIN_CAPABILITIES = Access(
    "libvirt",
    "run",
    "VIRSH -c URI -q domcapabilities --virttype kvm; domcapabilities --virttype qemu",
    "what libvirt can give a guest; libvirtd may start QEMU for it (--no-domcapabilities avoids it)",
)
_ACTIVE = (
    *(
        Access("qmp", "run", " ".join(command_line("QEMU", accelerator)), "what QEMU gives under %s" % accelerator)
        for accelerator in ACCELERATORS
    ),
    Access("qmp", "list", "/proc", "running programs"),
    Access("qmp", "read", "/proc/*/cmdline", "running programs"),
)
_MONITOR = (
    Access("monitor", "run", "VIRSH -r -c URI -q list --uuid", "running domains"),
    Access("monitor", "run", "VIRSH -r -c URI -q domname **", "their names"),
    Access("monitor", "run", "VIRSH -c URI -q qemu-monitor-command **", "the guest's CPU (marks it as tainted)"),
    Access("monitor", "connect", "/proc/*/root/**", "the QMP socket that a QEMU's own arguments name"),
    Access("monitor", "list", "/proc", "running programs"),
    Access("monitor", "read", "/proc/*/cmdline", "running programs"),
)
NEVER = (
    "writes a file (but the one of --output), loads a module, or changes a setting",
    "opens a network connection (a remote --uri is virsh's to open)",
    "reads a guest's disks, memory, console or agent",
    "touches libvirt's own monitor sockets",
    "disturbs isolated and nohz_full CPUs",
    "keeps a password, key, address, disk, network or metadata: all that people write passes an allow-list",
)


def declared_access(options: Options) -> List[Access]:
    """Return what a run with these options may do."""
    chosen: List[Access] = list(_PASSIVE)
    chosen.extend(Access("nova", "read", path, "given with --nova-conf") for path in options.nova_files)
    chosen.extend(Access("qemu", "read", path, "given with --qemu") for path in options.qemu_paths)
    if options.map_directory:
        chosen.append(Access("libvirt", "list", options.map_directory, "given with --map"))
        chosen.append(Access("libvirt", "read", options.map_directory + "/*.xml", "given with --map"))
    if options.domain_capabilities:
        chosen.append(_DOMAIN_CAPABILITIES)
    if options.active:
        chosen.extend(_ACTIVE)
    if options.monitor:
        chosen.extend(_MONITOR)
    return [access for access in chosen if not options.only or access.source in options.only]


def render_access(options: Options, arguments: Sequence[str] = ()) -> str:
    """Return the text of `--access`: what is done, what never is, and a sudoers fragment for this very run."""
    return "".join(line + "\n" for line in _lines(declared_access(options), options, arguments))


def _lines(chosen: List[Access], options: Options, arguments: Sequence[str]) -> Iterator[str]:
    yield "This run may, and does nothing else (VIRSH is %s, URI is %s, PYTHON is %s):" % (
        " ".join(options.virsh) or "virsh",
        options.uri,
        sys.executable or "python3",
    )
    source = ""
    for access in sorted(chosen, key=lambda access: access.source):
        if access.source != source:
            source = access.source
            yield ""
            yield source
        yield "  %-8s %s" % (access.kind, access.what)
        yield "           %s" % access.why
    if not options.only or "msr" in options.only:
        yield ""
        yield "Model-specific registers that are read:"
        for vendor, indices in BY_VENDOR.items():
            yield "  %s: %s" % (vendor, " ".join("%x" % index for index in indices))
    if options.active or options.monitor:
        yield ""
        yield "QMP commands that may be sent: %s" % " ".join(sorted(QMP_QUERIES))
        yield "QEMU is started only if root owns the binary and all folders above, and nobody else can write them."
    yield ""
    yield "It never"
    yield from ("  %s" % sentence for sentence in NEVER)
    yield ""
    yield from sudoers_lines(arguments)


def sudoers_lines(arguments: Sequence[str]) -> Iterator[str]:
    """Yield a sudoers fragment that lets a group run this very collection as root.

    The collector must stand in a file that only root can write: a rule for `python3 -` would grant everything.
    """
    words = [word for word in arguments if word != "--access"]
    command = " ".join(_sudoers_word(word) for word in [INSTALLED_PYTHON, "-I", INSTALLED_COLLECTOR, *words])
    yield "# sudoers: this run as root, for the members of the group vcpuid. Install the collector first, as root:"
    yield "#   vcpuid collect --bundle -o %s" % INSTALLED_COLLECTOR
    yield "Cmnd_Alias VCPUID_COLLECT = %s" % command
    yield "%vcpuid ALL = (root) NOPASSWD: VCPUID_COLLECT"


def _sudoers_word(word: str) -> str:
    return re.sub(r"([,:=\\ *?\[\]])", r"\\\1", word)
