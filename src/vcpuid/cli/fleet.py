"""`vcpuid fleet`."""

from __future__ import annotations

import click

from vcpuid.cli.lazy import LazyGroup

_COMMANDS = {
    "ingest": ("fleet_ingest", "Take hosts into the store: snapshots, dumps, archives, JSON lines."),
    "summary": ("fleet_summary", "Models, generations, microcode, versions, distinct configurations."),
    "missing": ("fleet_missing", "Which hosts lack a feature?"),
    "which-hosts": ("fleet_which_hosts", "Which hosts can run a model, or a guest?"),
    "baseline": ("fleet_baseline", "The CPU that all hosts can give, by zone, cluster or label."),
    "matrix": ("fleet_matrix", "Who can receive guests from whom?"),
    "drain": ("fleet_drain", "Which guests of a host can go where?"),
    "what-if": ("fleet_what_if", "The baseline without some hosts or features; what a model would cost."),
    "precheck": ("fleet_precheck", "Who will not start, not migrate, not come back after an upgrade?"),
    "drift": ("fleet_drift", "What changed from one snapshot of the fleet to another."),
}


@click.group(cls=LazyGroup, modules=_COMMANDS)
def command() -> None:
    """Ask many hosts at once.

    A store is a folder of Parquet files, with any number of dated snapshots of the fleet.

    \b
    vcpuid fleet ingest snapshots/ --store fleet
    vcpuid fleet summary --store fleet
    vcpuid fleet missing avx512f --store fleet
    """
