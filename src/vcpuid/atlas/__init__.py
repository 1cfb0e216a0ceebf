"""The atlas: what each bit is, and what each project calls it.

The tables are CSV files that a person edits; `Atlas` reads each once, when it is first needed.
"""

from vcpuid.atlas.dating import describe_since, known_in
from vcpuid.atlas.index import Atlas, Field, Match

__all__ = ["Atlas", "Field", "Match", "describe_since", "known_in"]
