"""One remedy for many features: what the conclusion that they share says of each, said once."""

from __future__ import annotations

import re
from collections.abc import Sequence

_QUOTED = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"|<[^>]*>")
_NAME = r"(?<![\w.-]){}(?![\w-])"
_HERE = "\0"


def shared_mend(mends: Sequence[tuple[str, str]]) -> str:
    """Give the remedy of several features where it is the same but for their names.

    Args:
        mends: Each feature's name with its remedy.

    Returns:
        The remedy, with the first name and how many more there are; empty where there is none, where remedies
        differ, or where a name stands in what is to be typed, which is one feature's.
    """
    (name, mend), *others = mends
    if all(other == mend for _, other in others):
        return mend
    if _quotes(name, mend) or len({_without(*one) for one in mends}) > 1:
        return ""
    return _without(name, mend).replace(_HERE, f"{name} and {len(others)} more")


def _without(name: str, mend: str) -> str:
    return re.sub(_NAME.format(re.escape(name)), _HERE, mend)


def _quotes(name: str, mend: str) -> bool:
    return any(_HERE in _without(name, quoted) for quoted in _QUOTED.findall(mend))
