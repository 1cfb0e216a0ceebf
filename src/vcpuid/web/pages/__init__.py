"""The explorer's pages, one file each, with the JSON twin of each."""

from __future__ import annotations

from typing import Final

from vcpuid.web.pages import bit, explain, leaf, leaves, search, start

VIEWS: Final = (start.VIEW, *leaf.VIEWS, leaves.VIEW, bit.VIEW, search.VIEW, explain.VIEW)
