"""The flavor extra specs of the name space `sgx`, for nova-api, which refuses what they do not match."""

from __future__ import annotations

from nova.api.validation.extra_specs import base

from nova_sgx.request import FEATURES, FEATURES_KEY, FEATURES_PATTERN, RESOURCE_CLASS


def register() -> list[base.ExtraSpecValidator]:
    """Give Nova the validators; the entry point `nova.api.extra_spec_validators` names this module."""
    return [
        base.ExtraSpecValidator(
            name=FEATURES_KEY,
            description=(
                f"SGX features besides those that every guest with EPC gets, with commas between: "
                f"{', '.join(FEATURES)}. Needs resources:{RESOURCE_CLASS}."
            ),
            value={"type": str, "pattern": FEATURES_PATTERN},
        )
    ]
