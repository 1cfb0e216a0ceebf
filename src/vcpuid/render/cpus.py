"""CPUs and counts as people write them."""

from __future__ import annotations

from collections.abc import Iterable

from vcpuid.decode.words import plural

__all__ = ["cpu_numbers", "plural"]


def cpu_numbers(numbers: Iterable[int]) -> str:
    """Write CPU numbers as people do, as in `CPUs 0-3, 8`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    text = ", ".join("-".join(map(str, run)) for run in runs)
    return f"CPU {text}" if text.isdigit() else f"CPUs {text}"
