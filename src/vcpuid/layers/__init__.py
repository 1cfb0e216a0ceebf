"""The hops of a feature's road, one file each: `judge(feature, evidence, guest) -> Verdict`.

`rules.toml` has every conclusion that a hop can draw: its evidence, its state, and what it cannot prove.
"""

from __future__ import annotations

from collections.abc import Callable

from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import Guest
from vcpuid.layers import domain, firmware, guest, kernel, kvm, libvirt, nova, process, qemu, silicon
from vcpuid.terms.feature import Feature
from vcpuid.terms.verdict import Layer, Verdict

Judge = Callable[[Feature, Evidence, Guest | None], Verdict]

JUDGES: dict[Layer, Judge] = {
    Layer.SILICON: silicon.judge,
    Layer.FIRMWARE: firmware.judge,
    Layer.KERNEL: kernel.judge,
    Layer.KVM: kvm.judge,
    Layer.QEMU: qemu.judge,
    Layer.LIBVIRT: libvirt.judge,
    Layer.NOVA: nova.judge,
    Layer.DOMAIN: domain.judge,
    Layer.PROCESS: process.judge,
    Layer.GUEST: guest.judge,
}

__all__ = ["JUDGES", "Judge"]
