"""One fault a file: domain XML that draws a rule of its linter, named like the rule, and what it is judged by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cpu_maps import older_map
from snapshots import QEMU_PATH, cpu_map, evidence, libvirt
from vcpuid.answers.lint import Basis, LintedFile, Text, lint_text
from vcpuid.answers.lint_host import LintHost, first_map, host_of
from vcpuid.rules.libvirt.shipped import shipped_map

FOLDER = Path(__file__).parent / "golden" / "domain_lint"
INPUTS = sorted(FOLDER.glob("*.xml"))
MODELS = """<cpus>
  <vendor name='Intel' string='GenuineIntel'/>
  <vendor name='AMD' string='AuthenticAMD'/>
  <model name='qemu64'><feature name='fpu'/></model>
  <model name='Opteron'><vendor name='AMD'/><feature name='fpu'/></model>
  <model name='Skylake'><vendor name='Intel'/><feature name='avx2'/><feature name='movbe'/></model>
</cpus>"""
HOST_MODEL = "<model>qemu64</model><vendor>Intel</vendor><feature policy='require' name='avx2'/>"
CAPABILITIES = (
    f"<domainCapabilities><path>{QEMU_PATH}</path><domain>kvm</domain><cpu>"
    f"<mode name='host-passthrough' supported='no'/><mode name='host-model' supported='yes'>{HOST_MODEL}</mode>"
    "<mode name='custom' supported='yes'><model usable='yes'>qemu64</model></mode>"
    "</cpu><features><sgx supported='no'/></features></domainCapabilities>"
)


def lint_host() -> LintHost:
    """A host of few features, whose libvirt knows few names."""
    capabilities = {"virttype": "kvm", "emulator": QEMU_PATH, "machine": None, "xml": CAPABILITIES}
    source = libvirt(map_=cpu_map(models=MODELS), domain_capabilities=[capabilities])
    return replace(host_of(evidence(libvirt=source)), name="h07", snapshot="h07.json")


def basis_of(rule: str) -> Basis:
    """What a file is judged by: the shipped map, or an older one, or a host's."""
    shipped = shipped_map()
    if rule.startswith("newer-"):
        return Basis(older_map())
    if rule.startswith("host-"):
        host = lint_host()
        of_host = None if "unknown" in rule else first_map([host])
        return Basis(of_host or shipped, (host,))
    return Basis(shipped)


def lint_input(path: Path) -> LintedFile:
    """Lint one of the files."""
    return lint_text(Text(path.read_bytes(), path.name), basis_of(path.stem))
