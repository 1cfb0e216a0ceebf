"""The files that carry a plan out: domain XML, QEMU's arguments, and what Nova and placement need."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from vcpuid.answers.sgx.hardware import feature, judge
from vcpuid.answers.sgx.plan import MIB, RESOURCE, TRAIT, Placed, Plan
from vcpuid.atlas import Atlas
from vcpuid.evidence import Evidence, Gap
from vcpuid.guest.libvirt import set_cpu, set_epc
from vcpuid.guest.qemu.epc import render_epc
from vcpuid.terms.epc import EpcSection
from vcpuid.terms.feature import Dialect
from vcpuid.terms.guest import Check, CpuMode, FeatureRequest, GuestCpu, NumaCell, Policy
from vcpuid.terms.place import Place
from vcpuid.terms.verdict import Layer, State

_HERE = Place("vcpuid sgx plan")
_ASKED_FOR = ("sgx", "sgx1", "sgx2", "sgxlc")
_PROVISIONING = "sgx-provisionkey"
_DEFAULT_MEMORY, _DEFAULT_VCPUS = 2048 * MIB, 2
_EMULATOR = "/usr/bin/qemu-system-x86_64"
_DOMAIN = """\
<domain type='kvm'>
  <name>{name}</name>
  <memory unit='KiB'>{memory_kib}</memory>
  <vcpu>{vcpus}</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
  </os>
  <features>
    <acpi/>
  </features>
  <devices>
    <emulator>{emulator}</emulator>
  </devices>
</domain>
"""
# Placement counts in MiB, and libvirt rounds up to 2 MiB.
_STEP_MIB = 2


class Target(Enum):
    """Who takes the files."""

    LIBVIRT = "libvirt"
    QEMU = "qemu"
    NOVA = "nova"


class File(NamedTuple):
    """A file to be written: for whom, under which name, and what is in it."""

    target: Target
    name: str
    text: str


def write_files(plan: Plan, evidence: Evidence, *, provisioning: bool = False) -> tuple[File, ...]:
    """Give every file of a plan; none on a host without enclave memory.

    Guests of one kind whose memory is made of the same parts have one domain XML and one line of arguments.

    Args:
        plan: The plan.
        evidence: Its host's.
        provisioning: Whether guests are to have the provisioning key, with which they make quotes.
    """
    names = _features(evidence, provisioning=provisioning)
    emulator = _emulator(evidence)
    files: list[File] = []
    for name, guest in _kinds(plan):
        sections = [EpcSection(size, str(node), 0, _HERE) for node, size in guest.parts]
        files += [
            File(Target.LIBVIRT, f"{name}.xml", _domain(name, guest, sections, names, emulator)),
            File(Target.QEMU, f"{name}.args", _arguments(sections, provisioning=provisioning)),
        ]
    if plan.memory.nodes:
        files += [
            File(Target.NOVA, "nova.conf", _nova(names)),
            File(Target.NOVA, "provider.yaml", _provider(plan)),
            File(Target.NOVA, "openstack.sh", _commands(plan)),
        ]
    return tuple(files)


def _features(evidence: Evidence, *, provisioning: bool) -> tuple[str, ...]:
    """Give libvirt's names of what guests are to have: SGX itself, and what of it the CPU has."""
    asked = [
        name for name in _ASKED_FOR if name == "sgx" or judge(Layer.SILICON, name, evidence).state is State.PRESENT
    ]
    names = [*asked, *([_PROVISIONING] if provisioning else [])]
    return tuple(feature(name).name_in(Dialect.LIBVIRT) or name for name in names)


def _emulator(evidence: Evidence) -> str:
    if not isinstance(evidence.libvirt, Gap):
        for answer in evidence.libvirt.capabilities:
            if answer.emulator:
                return answer.emulator
    return evidence.qemu[0].path if not isinstance(evidence.qemu, Gap) and evidence.qemu else _EMULATOR


def _kinds(plan: Plan) -> Iterator[tuple[str, Placed]]:
    """Give a name and the first guest of each kind and place."""
    seen: set[str] = set()
    for outcome in plan.outcomes:
        for guest in outcome.placed:
            nodes = "-".join(f"node{node}" for node, _ in guest.parts)
            name = f"sgx-{re.sub(r'[^A-Za-z0-9.-]', '-', outcome.request.name)}-{nodes}"
            if len(guest.parts) > 1:
                name += "-" + "-".join(str(size // MIB) for _, size in guest.parts)
            if name not in seen:
                seen.add(name)
                yield name, guest


def _domain(name: str, guest: Placed, sections: Sequence[EpcSection], names: Sequence[str], emulator: str) -> str:
    memory_bytes = guest.request.memory_bytes or _DEFAULT_MEMORY
    vcpus = guest.request.vcpus or _DEFAULT_VCPUS
    text = _DOMAIN.format(name=name, memory_kib=memory_bytes >> 10, vcpus=vcpus, emulator=emulator)
    cpu = GuestCpu(
        CpuMode.HOST_PASSTHROUGH,
        None,
        tuple(FeatureRequest(feature_name, Policy.REQUIRE, _HERE) for feature_name in names),
        _HERE,
        check=Check.NONE,
        cells=(NumaCell(0, f"0-{vcpus - 1}" if vcpus > 1 else "0", memory_bytes),),
    )
    return set_epc(set_cpu(text, cpu, name), sections, name)


def _arguments(sections: Sequence[EpcSection], *, provisioning: bool) -> str:
    cpu = f"host,+{_PROVISIONING}" if provisioning else "host"
    return shlex.join(["-cpu", cpu, *render_epc(sections)]) + "\n"


def _nova(names: Sequence[str]) -> str:
    return f"[libvirt]\nvirt_type = kvm\ncpu_mode = host-passthrough\ncpu_model_extra_flags = {', '.join(names)}\n"


def _provider(plan: Plan) -> str:
    """Write provider.yaml. Source: Nova, "Managing Resource Providers Using Config Files", schema 1.0."""
    sizes = [max(node.size_bytes - plan.reserved_bytes, 0) // MIB for node in plan.memory.nodes]
    nodes = [size_mib // _STEP_MIB * _STEP_MIB for size_mib in sizes]
    used_mib = plan.memory.used_bytes // MIB
    lines = [
        "# For nova-compute's [compute] provider_config_location; read at its start.",
        "# libvirt rounds enclave memory up to 2 MiB, so placement gives it in such steps.",
        "# A guest's memory comes from one NUMA node: max_unit is that of the largest.",
    ]
    if used_mib:
        lines.append(f"# Running guests have {used_mib} MiB: put what placement does not know of into reserved.")
    inventory = {
        "total": sum(nodes),
        "reserved": 0,
        "min_unit": _STEP_MIB,
        "max_unit": max(nodes, default=0),
        "step_size": _STEP_MIB,
        "allocation_ratio": "1.0",
    }
    lines += [
        "meta:",
        "  schema_version: '1.0'",
        "providers:",
        "  - identification:",
        "      uuid: $COMPUTE_NODE",
        "    inventories:",
        "      additional:",
        "        - CUSTOM_SGX_EPC_MB:",
        *(f"            {key}: {value}" for key, value in inventory.items()),
    ]
    return "\n".join(lines) + "\n"


def _commands(plan: Plan) -> str:
    trait = Atlas.load().find("sgx").feature.name_in(Dialect.TRAIT) or TRAIT.removeprefix("trait:")
    host = shlex.quote(plan.diagnosis.host)
    lines = [
        "#!/bin/sh",
        "# Once, when nova-compute has started with provider.yaml. `trait set` replaces all traits.",
        "set -e",
        f"provider=$(openstack resource provider list --name {host} -f value -c uuid)",
        'traits=$(openstack --os-placement-api-version 1.6 resource provider trait list -f value "$provider" |',
        "    sed 's/^/--trait /')",
        "# shellcheck disable=SC2086 # several words",
        "openstack --os-placement-api-version 1.6 resource provider trait set \\",
        f'    $traits --trait {trait} "$provider"',
    ]
    for outcome in plan.outcomes:
        request = outcome.request
        name = shlex.quote(request.name if request.is_flavor else f"sgx-{request.name}")
        properties = [f"--property {TRAIT}=required"] if not request.asks_for_trait else []
        if not request.is_flavor:
            memory = (request.memory_bytes or _DEFAULT_MEMORY) // MIB
            vcpus = request.vcpus or _DEFAULT_VCPUS
            lines.append(f"openstack flavor create --ram {memory} --vcpus {vcpus} --disk 10 {name}")
        size_mib = -(-outcome.size_bytes // MIB)
        if not request.is_flavor or size_mib * MIB != request.size_bytes:
            properties.insert(0, f"--property {RESOURCE}={size_mib}")
        if properties:
            lines.append(f"openstack flavor set {' '.join(properties)} {name}")
    return "\n".join(lines) + "\n"
