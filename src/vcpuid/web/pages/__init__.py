"""The explorer's pages, one file each, with the JSON twin of each."""

from __future__ import annotations

from typing import Final

from vcpuid.web.form_view import FormView
from vcpuid.web.pages import bit, compare, diagnose, explain, host, leaf, leaves, lint, search, start, why
from vcpuid.web.view import View

VIEWS: Final[tuple[View | FormView, ...]] = (
    start.VIEW,
    *leaf.VIEWS,
    leaves.VIEW,
    bit.VIEW,
    search.VIEW,
    explain.VIEW,
    host.VIEW,
    why.VIEW,
    compare.VIEW,
    lint.VIEW,
    diagnose.VIEW,
)
