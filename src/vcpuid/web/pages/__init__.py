"""The explorer's pages, one file each, with the JSON twin of each."""

from __future__ import annotations

from typing import Final

from vcpuid.web.fleet_view import FleetView
from vcpuid.web.form_view import FormView
from vcpuid.web.pages import (
    bit,
    compare,
    decode,
    diagnose,
    explain,
    fleet_baseline,
    fleet_drift,
    fleet_matrix,
    fleet_missing,
    fleet_pair,
    fleet_precheck,
    fleet_summary,
    fleet_which_hosts,
    host,
    leaf,
    leaves,
    lint,
    msr,
    msrs,
    search,
    start,
    why,
)
from vcpuid.web.view import View

VIEWS: Final[tuple[View | FormView | FleetView, ...]] = (
    start.VIEW,
    *leaf.VIEWS,
    leaves.VIEW,
    bit.VIEW,
    msrs.VIEW,
    *msr.VIEWS,
    search.VIEW,
    explain.VIEW,
    host.VIEW,
    decode.VIEW,
    why.VIEW,
    *compare.VIEWS,
    lint.VIEW,
    diagnose.VIEW,
    fleet_summary.VIEW,
    fleet_matrix.VIEW,
    fleet_pair.VIEW,
    fleet_baseline.VIEW,
    fleet_drift.VIEW,
    fleet_precheck.VIEW,
    fleet_missing.VIEW,
    fleet_which_hosts.VIEW,
)
