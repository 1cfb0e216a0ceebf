"""What an accelerator can give a guest: TCG by our tables, KVM by its own word and what QEMU makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from vcpuid.atlas.tables import load_table
from vcpuid.rules.qemu.knowledge import TABLES, Qemu, QemuFeature, version_of
from vcpuid.terms.address import Bits, CpuidRegister, Register, Word
from vcpuid.terms.dump import Cpu
from vcpuid.terms.guest import Accelerator

COMPONENT_WORDS = (
    CpuidRegister(0xD, 0, Register.EAX),
    CpuidRegister(0xD, 0, Register.EDX),
    CpuidRegister(0xD, 1, Register.ECX),
    CpuidRegister(0xD, 1, Register.EDX),
)
_ADDED, _ON_REQUEST, _NOT_MIGRATABLE = "added", "on request", "not migratable"


class Supply:
    """What a QEMU can give under an accelerator; None stands for what is not known.

    Args:
        qemu: The knowledge by which to judge.
        accelerator: Who runs the guest.
        host: What KVM can give; None where it was not asked. TCG needs no host.
    """

    def __init__(self, qemu: Qemu, accelerator: Accelerator, host: Cpu | None) -> None:
        self._qemu = qemu
        self._is_tcg = accelerator is Accelerator.TCG
        self._host = host or Cpu(0, {})

    @property
    def vendor(self) -> str | None:
        """The host's vendor, which a guest under KVM has by default."""
        row = self._host.rows.get((0, 0))
        if row is None:
            return None
        _, ebx, ecx, edx = row
        return b"".join(part.to_bytes(4, "little") for part in (ebx, edx, ecx)).decode("latin-1")

    def gives(self, feature: QemuFeature) -> bool | None:
        """Tell whether a feature can be given to who asks for it."""
        if self._is_tcg:
            return feature.in_tcg
        if self._is_marked(feature, _ADDED):
            return True
        given = [self._host.has(bits) for bits in feature.bits]
        return False if False in given else None if None in given else True

    def of_host(self, feature: QemuFeature, *, migratable: bool) -> bool | None:
        """Tell whether the models `host` and `max` have a feature under KVM."""
        if self._is_marked(feature, _ON_REQUEST) or (migratable and self._is_marked(feature, _NOT_MIGRATABLE)):
            return False
        return self.gives(feature)

    def read(self, word: Word) -> int | None:
        """Give a word as the host's KVM has it."""
        return self._host.read(word)

    def components(self) -> Iterable[Bits]:
        """Give the XSAVE component bits that may be shown: those of our tables, and the host's besides."""
        yield from self._qemu.components
        for word in () if self._is_tcg else COMPONENT_WORDS:
            value = self._host.read(word) or 0
            bits = (Bits(word, bit, bit) for bit in range(word.width) if value >> bit & 1)
            yield from (bit for bit in bits if bit not in self._qemu.components)

    def gives_component(self, bits: Bits) -> bool | None:
        """Tell whether an XSAVE component can be given."""
        return bits in self._qemu.tcg_components if self._is_tcg else self._host.has(bits)

    def maximum(self, base: int) -> int | None:
        """Give the last leaf of a range, as `host` takes it from KVM."""
        return self._host.maximum(base)

    def _is_marked(self, feature: QemuFeature, mark: str) -> bool:
        since = _kvm_marks().get((feature.name, mark))
        return since is not None and version_of(self._qemu.version) >= version_of(since)


def added_since(name: str) -> str | None:
    """Give the oldest measured QEMU that gives a feature though KVM does not list it; None where none does."""
    return _kvm_marks().get((name, "added"))


@cache
def _kvm_marks() -> dict[tuple[str, str], str]:
    rows = load_table("kvm", TABLES)
    return {(row["name"], row["mark"]): row["since"] for row in rows}
