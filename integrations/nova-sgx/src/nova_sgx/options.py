"""The options of nova.conf's section [sgx]."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "sgx"
OPTIONS = (
    cfg.BoolOpt(
        "allow_untested_nova",
        default=False,
        help="Start on a release of Nova that this driver was not tested on. It extends private interfaces of "
        "Nova; a release that changed them may give guests without EPC, or none at all.",
    ),
    cfg.IntOpt(
        "reserved_epc_mb",
        default=0,
        min=0,
        help="EPC memory that guests do not get, in MiB: for enclaves of the host itself, such as the quoting "
        "enclave of DCAP.",
    ),
)


def list_options() -> list[tuple[str, list[cfg.Opt]]]:
    """Give the options to oslo.config's sample generator."""
    return [(GROUP, list(OPTIONS))]
