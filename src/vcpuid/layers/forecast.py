"""What a guest will get, worked out by QEMU's rules where nobody has seen it yet.

The definition becomes the -cpu option that QEMU would be started with; its contents meet what the accelerator
gives. What decides and is not known leaves the forecast undecided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple
from weakref import WeakKeyDictionary

from vcpuid.atlas import Atlas
from vcpuid.errors import InputError, VcpuidError
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.guest import Guest
from vcpuid.guest.libvirt import DomainDefinition
from vcpuid.guest.qemu import CpuArgument, parse_cpu
from vcpuid.layers.asking import DEFAULT_MODEL, capabilities_of, map_of
from vcpuid.layers.nova import settled_cpu
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.libvirt.update import update
from vcpuid.rules.qemu.definition import Asker
from vcpuid.rules.qemu.knowledge import Qemu, load_qemu
from vcpuid.rules.qemu.predict import predict
from vcpuid.rules.qemu.prediction import Fate, Prediction, Reason
from vcpuid.terms.address import Bits
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.guest import Accelerator, CpuMode, GuestCpu, Policy
from vcpuid.terms.verdict import State

_MODELS_OF_MODES = {
    CpuMode.HOST_PASSTHROUGH: "host",
    CpuMode.MAXIMUM: "max",
    CpuMode.DEFAULT: DEFAULT_MODEL,
}
_TAKEN_AWAY = frozenset((Policy.DISABLE, Policy.FORBID))


class Forecast(NamedTuple):
    """The CPU that a guest will have, and what that rests on.

    Attributes:
        prediction: The CPU.
        cpu: The -cpu option from which it follows; empty for QEMU's default.
        supply: What is known of what can be given, in words.
    """

    prediction: Prediction
    cpu: str
    supply: str

    @property
    def dropped(self) -> tuple[str, ...]:
        """The features that model or definition asks for and that the guest will lack, in QEMU's names."""
        lost = (name for name, fate in self.prediction.fates.items() if _is_lost(fate))
        return tuple(sorted(lost))

    def has(self, feature: Feature) -> State:
        """Tell whether the guest will have a feature; UNKNOWN for one without bits."""
        return self.has_bits(feature.bits)

    def has_bits(self, some: Iterable[Bits]) -> State:
        """Tell whether the guest will have all of these bits; UNKNOWN for none."""
        states = [self.prediction.has(bits) for bits in some]
        if not states or (State.ABSENT not in states and State.UNKNOWN in states):
            return State.UNKNOWN
        return State.ABSENT if State.ABSENT in states else State.PRESENT

    def reason(self, feature: Feature) -> str:
        """Say why, in a few words; empty where the rules have none."""
        fates = (self.prediction.fates.get(name) for name in sorted(feature.spellings(Dialect.QEMU)))
        return next((fate.reason.value for fate in fates if fate is not None), "")


def _is_lost(fate: Fate) -> bool:
    is_asked = fate.asker in (Asker.MODEL, Asker.DEFINITION) and fate.reason is not Reason.TURNED_OFF
    return is_asked and fate.state is State.ABSENT


def forecast(evidence: Evidence, guest: Guest) -> Forecast | None:
    """Predict a guest's CPU; None where its definition, its QEMU or its machine type leaves that open."""
    accelerator = guest.accelerator or Accelerator.KVM
    qemu = qemu_of(evidence, guest)
    if qemu is None or guest.launch_security:
        return None
    try:
        argument = argument_of(evidence, guest)
    except (VcpuidError, _UnsettledError):
        return None  # the other hops say what is wrong with it
    text, machine = argument.text if argument else None, _machine_of(guest)
    kept = _KEPT.setdefault(evidence, {})
    key = (text, machine, accelerator, qemu.asked)
    if key not in kept:
        kept[key] = _predict(evidence, argument, qemu, machine, accelerator)
    prediction = kept[key]
    supply = "TCG" if accelerator is Accelerator.TCG else "KVM's list"
    return Forecast(prediction, text or "", supply) if prediction else None


_KEPT: WeakKeyDictionary[Evidence, dict[tuple[str | None, str | None, Accelerator, str], Prediction | None]] = (
    WeakKeyDictionary()
)
"""What was predicted on a host: its guests are asked for alike, and of each many features are looked up."""


def _predict(
    evidence: Evidence, argument: CpuArgument | None, qemu: Qemu, machine: str | None, accelerator: Accelerator
) -> Prediction | None:
    host = None if isinstance(evidence.kvm, Gap) else evidence.kvm.given
    try:
        return predict(argument, qemu, machine=machine, accelerator=accelerator, host=host)
    except VcpuidError:
        return None  # the other hops say what is wrong with it


def qemu_of(evidence: Evidence, guest: Guest) -> Qemu | None:
    """Give the knowledge for the QEMU that runs the guest; None where its version is not known."""
    for version in _versions(evidence, guest):
        with suppress(InputError):  # the package manager's word, in whichever form
            return load_qemu(version)
    return None


def _versions(evidence: Evidence, guest: Guest) -> Iterator[str]:
    binaries = () if isinstance(evidence.qemu, Gap) else evidence.qemu
    process = guest.process
    # An upgrade leaves two files of one path: the one that runs, and the one that will.
    running = [binary for binary in binaries if process is not None and process.pid in binary.pids]
    wanted = running or [
        binary for binary in binaries if binary.path == (process.exe if process else guest.emulator)
    ]
    if not wanted and process is None:
        wanted = list(binaries)
    yield from (binary.version for binary in wanted if binary.version)
    if process is not None and guest.live is None and guest.definition is None:
        return  # libvirt's QEMU is not its
    if not isinstance(evidence.libvirt, Gap):
        name, _, version = evidence.libvirt.hypervisor.partition(" ")
        if name == "QEMU" and version:
            yield version


def argument_of(evidence: Evidence, guest: Guest) -> CpuArgument | None:
    """Give the -cpu option of a guest: its process's, or the one that libvirt would write.

    Raises:
        InputError: libvirt would refuse the definition.
    """
    if guest.command is not None:
        return guest.command.effective
    definition = guest.definition or guest.live
    cpu = definition.cpu if definition else None
    if definition is None and guest.nova is not None:
        cpu = settled_cpu(guest.nova, map_of(evidence))
    if cpu is None:
        raise _UnsettledError
    settled = _settle(evidence, guest, cpu)
    return parse_cpu(_render(settled), cpu.place)


class _UnsettledError(Exception):
    """Nothing on this host tells what the definition will come to."""


def _settle(evidence: Evidence, guest: Guest, cpu: GuestCpu) -> GuestCpu:
    """Replace host-model, optional features and what the map removes, as libvirt does at the start."""
    capabilities = capabilities_of(evidence, guest.accelerator, guest.emulator)
    host = capabilities.host_model if capabilities else None
    if host is None:
        if cpu.mode is CpuMode.HOST_MODEL or any(one.policy is Policy.OPTIONAL for one in cpu.requests):
            raise _UnsettledError
        host = cpu  # of which nothing will be taken
    if cpu.mode in _MODELS_OF_MODES:
        return cpu
    cpu_map = map_of(evidence)
    if cpu_map is not None and cpu.mode is CpuMode.CUSTOM and cpu.model not in cpu_map.models:
        raise _UnsettledError
    return update(Models(cpu_map or shipped_map()), cpu, host)


def _render(cpu: GuestCpu) -> str:
    atlas = Atlas.load()
    parts = [_MODELS_OF_MODES.get(cpu.mode) or cpu.model or DEFAULT_MODEL]
    if cpu.mode is CpuMode.HOST_PASSTHROUGH:
        parts.append(f"migratable={'off' if cpu.migratable is False else 'on'}")
    for request in cpu.requests:
        feature = atlas.named(Dialect.LIBVIRT, request.name)
        name = (feature.name_in(Dialect.QEMU) if feature else None) or request.name
        parts.append(f"{name}={'off' if request.policy in _TAKEN_AWAY else 'on'}")
    return ",".join(parts)


def _machine_of(guest: Guest) -> str | None:
    if guest.command is not None and guest.command.machine:
        return guest.command.machine
    definition: DomainDefinition | None = guest.definition or guest.live
    return definition.machine if definition else None
