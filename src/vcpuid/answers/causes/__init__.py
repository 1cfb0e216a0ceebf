"""Does a cause hold on a host? Each test looks at the evidence for one kind of cause, by its name in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from vcpuid.answers.causes import hops, names, stack
from vcpuid.answers.causes.case import Case, Holding, Tested
from vcpuid.errors import InputError
from vcpuid.evidence import Evidence

_BY_HOST = "Name the host: --host FILE, or --host here."
OF_HOST: Final[Mapping[str, Callable[[Case, Evidence], Tested]]] = {
    "breaks-anywhere": hops.breaks_anywhere,
    "breaks-at": hops.breaks_at,
    "device-missing": hops.device_missing,
    "device-present": hops.device_present,
    "firmware-off": hops.firmware_off,
    "host-has": hops.host_has,
    "level": hops.level,
    "nested-off": hops.nested_off,
    "no-epc": hops.no_epc,
    "no-kvm": hops.no_kvm,
    "no-virtualisation": hops.no_virtualisation,
    "parameter": hops.parameter,
    "tsx-taken": hops.tsx_taken,
    "virtual-host": hops.virtual_host,
    "virtualisation-off": hops.virtualisation_off,
    "at-least": stack.at_least,
    "binary-replaced": stack.binary_replaced,
    "default-model": stack.default_model,
    "foreign-model": stack.foreign_model,
    "map-damaged": stack.map_damaged,
    "model-unknown": stack.model_unknown,
    "nova-mode-none": stack.nova_mode_none,
    "older": stack.older,
    "qemu-lacks-name": stack.qemu_lacks_name,
    "second-cpu": stack.second_cpu,
    "stale-cache": stack.stale_cache,
    "unknown-in-map": stack.unknown_in_map,
    "wrong-mask": stack.wrong_mask,
}
# Tests that need no host: of the text itself, or of its guest.
OF_TEXT: Final[Mapping[str, Callable[[Case], Tested]]] = {
    "tcg": stack.tcg,
    "misspelt": names.misspelt,
    "old-name": names.old_name,
    "other-dialect": names.other_dialect,
    "underscore": names.underscore,
}


def run_test(name: str, case: Case) -> Tested:
    """Put a host's evidence to a test; what cannot be read is UNKNOWN."""
    if name in OF_TEXT:
        return OF_TEXT[name](case)
    if case.evidence is None:
        return Tested(Holding.UNKNOWN, would_tell=_BY_HOST)
    try:
        return OF_HOST[name](case, case.evidence)
    except InputError as error:
        return Tested(Holding.UNKNOWN, would_tell=f"The evidence is damaged: {error.message}.")
