"""The probe: what CPU does a guest really see? A payload of ours is booted in QEMU and tells."""

from __future__ import annotations

from vcpuid.probe.run import ProbedCpu, ProbeResult, probe

__all__ = ["ProbeResult", "ProbedCpu", "probe"]
