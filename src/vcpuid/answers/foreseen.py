"""Is a guest that was asked what QEMU's rules predict? Under KVM a no is a finding about this host's KVM."""

from __future__ import annotations

from typing import NamedTuple

from vcpuid.atlas import Atlas
from vcpuid.errors import VcpuidError
from vcpuid.guest.qemu import parse_cpu
from vcpuid.rules.qemu import load_qemu, predict
from vcpuid.terms.address import Bits, MsrRegister
from vcpuid.terms.dump import Cpu
from vcpuid.terms.place import Place
from vcpuid.terms.probed import ProbeResult


class Surprise(NamedTuple):
    """A bit of a feature that the guest shows otherwise than predicted.

    Attributes:
        bit: The bit.
        feature: Its name; empty where the atlas has none.
        is_seen: Whether the guest shows it.
        reason: Why the rules had it the other way; empty where they have no word for it.
    """

    bit: Bits
    feature: str
    is_seen: bool
    reason: str


class Foreseen(NamedTuple):
    """A prediction, held against the guest.

    Attributes:
        rules: By whose rules, in words.
        surprises: Where the guest differs, by address.
        checked: How many words of features were compared.
    """

    rules: str
    surprises: tuple[Surprise, ...]
    checked: int


def foresee(result: ProbeResult, host: Cpu | None) -> Foreseen | None:
    """Hold a probed guest against what the rules of its QEMU predict.

    Args:
        result: What the guest told.
        host: What this host's KVM lists; not used under TCG.

    Returns:
        None where nothing is predicted: several virtual CPUs, a QEMU without a version, or a machine type or
        property that the tables do not have.
    """
    if result.smp != "1" or result.version is None:
        return None
    try:
        argument = parse_cpu(result.cpu, Place("-cpu"))
        qemu = load_qemu(result.version)
        machine = result.machine.partition(",")[0]
        predicted = predict(argument, qemu, machine=machine, accelerator=result.accelerator, host=host)
    except VcpuidError:
        return None
    cpu = result.dump.cpus[0]
    reasons = {
        bits: fate.reason.value for name, fate in predicted.fates.items() for bits in qemu.features[name].bits
    }
    surprises: list[Surprise] = []
    checked = 0
    for word, value in predicted.words.items():
        seen = cpu.read(word)
        if seen is None or (isinstance(word, MsrRegister) and word.index not in cpu.msrs):
            continue
        checked += 1
        different = (seen ^ value.value) & ~value.unknown
        for bit in range(word.width):
            if different >> bit & 1:
                at = Bits(word, bit, bit)
                surprises.append(Surprise(at, _name_of(at), bool(seen >> bit & 1), reasons.get(at, "")))
    return Foreseen(predicted.rules, tuple(sorted(surprises, key=lambda one: one.bit.order)), checked)


def _name_of(bit: Bits) -> str:
    return next((feature.name for feature in Atlas.load().at(bit)), "")
