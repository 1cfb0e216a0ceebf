"""One fault a file: a nova.conf that draws a rule of its linter, named like the rule, and what it is judged by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cpu_maps import older_map
from snapshots import QEMU_PATH, cpu_map, evidence, libvirt
from vcpuid.answers.lint import Basis, LintedFile, Text, lint_text
from vcpuid.answers.lint_host import LintHost, first_map, host_of
from vcpuid.rules.libvirt.shipped import shipped_map

FOLDER = Path(__file__).parent / "golden" / "nova_lint"
INPUTS = sorted(FOLDER.glob("*.conf"))
SKYLAKE = "<model>Skylake</model><feature policy='require' name='arch-capabilities'/>"
SMALL = "<model>qemu64</model><feature policy='require' name='avx2'/>"
SGX = "<feature policy='require' name='sgx'/>"


def lint_host(
    name: str, offered: str, own: str = "", *, virttype: str = "kvm", has_passthrough: bool = True
) -> LintHost:
    """A host whose hypervisor offers a CPU, and whose own CPU is that with more; its libvirt knows few names."""
    modes = (
        f"<mode name='host-passthrough' supported='{'yes' if has_passthrough else 'no'}'/>"
        f"<mode name='host-model' supported='yes'>{offered}</mode>"
    )
    cpu = f"<path>{QEMU_PATH}</path><domain>{virttype}</domain><cpu>{modes}</cpu>"
    xml = f"<domainCapabilities>{cpu}</domainCapabilities>"
    source = libvirt(
        map_=cpu_map(),
        domain_capabilities=[{"virttype": virttype, "emulator": QEMU_PATH, "machine": None, "xml": xml}],
        capabilities_cpu=f"<cpu><arch>x86_64</arch>{offered}{own}</cpu>",
    )
    return replace(host_of(evidence(libvirt=source)), name=name, snapshot=f"{name}.json")


def hosts_of(rule: str) -> tuple[LintHost, ...]:
    """The hosts that a file is judged for."""
    if not rule.startswith("host-"):
        return ()
    if rule == "host-untold":
        return (replace(host_of(evidence()), name="h07", snapshot="h07.json"),)
    if rule == "host-without-kvm":
        return (lint_host("h07", SKYLAKE, virttype="qemu"),)
    if rule == "host-mode":
        return (lint_host("h07", SKYLAKE, has_passthrough=False),)
    if rule == "host-refuses-own":
        return (lint_host("h07", SKYLAKE, SGX),)
    if rule == "host-refuses-guest":
        return lint_host("h07", SKYLAKE), lint_host("h08", SKYLAKE + SGX)
    return (lint_host("h07", SMALL),)


def basis_of(rule: str) -> Basis:
    """What a file is judged by: the shipped map, or an older one, or a host's."""
    shipped = shipped_map()
    hosts = hosts_of(rule)
    if rule.startswith("newer-"):
        return Basis(older_map())
    of_hosts = None if "unknown" in rule else first_map(hosts)
    return Basis(of_hosts or shipped, hosts)


def lint_input(path: Path) -> LintedFile:
    """Lint one of the files."""
    return lint_text(Text(path.read_bytes(), path.name), basis_of(path.stem))
