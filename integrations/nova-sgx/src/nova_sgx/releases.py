"""The releases of Nova that the driver was tested on: any other may have changed the private interfaces."""

from __future__ import annotations

import re

TESTED = ("31.3.1", "33.0.2", "34.0.0")
"""Nova of OpenStack 2025.1, 2026.1 and 2026.2. The later point releases of a series keep its interfaces."""


def is_tested(version: str) -> bool:
    """Say whether a release's series was tested: 33.1.0 is of the series of 33.0.2."""
    series = re.match(r"\d+", version)
    return series is not None and series[0] in {tested.split(".", 1)[0] for tested in TESTED}
