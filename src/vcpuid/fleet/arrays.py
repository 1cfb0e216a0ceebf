"""numpy, for the modules of fleets that need it; where it is not installed, a word on how to get it."""

from __future__ import annotations

from vcpuid.errors import UndecidedError, how_to_install

try:
    import numpy as np
    from numpy.typing import NDArray
except ImportError:
    raise UndecidedError(
        "this question of a fleet needs numpy, which is not installed",
        next_step=how_to_install("fleet"),
    ) from None

__all__ = ["NDArray", "np"]
