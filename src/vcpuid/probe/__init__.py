"""The probe: what CPU does a guest really see? A payload of ours is booted in QEMU and tells."""

from __future__ import annotations

from vcpuid.probe.failures import NotGivenError
from vcpuid.probe.models import list_models
from vcpuid.probe.request import choose_accelerator
from vcpuid.probe.run import DEFAULT_LIMIT_S, probe

__all__ = ["DEFAULT_LIMIT_S", "NotGivenError", "choose_accelerator", "list_models", "probe"]
