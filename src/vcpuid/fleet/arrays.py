"""numpy, for the modules of fleets that need it; where it is not installed, its first use says how to get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcpuid.errors import UndecidedError, how_to_install

__all__ = ["NDArray", "np"]


class _Missing:
    """Stands for numpy: a module that names it can be imported, and what needs it cannot be asked."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # whoever inspects a module
            raise AttributeError(name)
        raise UndecidedError(
            "this question of a fleet needs numpy, which is not installed",
            next_step=how_to_install("fleet"),
        )


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    try:
        import numpy as np
        from numpy.typing import NDArray
    except ImportError:
        np = NDArray = _Missing()
