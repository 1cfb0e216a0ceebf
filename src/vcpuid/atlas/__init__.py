"""The atlas: what each bit is, and what each project calls it.

The tables are CSV files that a person edits; `Atlas` reads each once, when it is first needed.
"""

from vcpuid.atlas.dating import describe_since, known_in
from vcpuid.atlas.fields import Field, FieldValue, Plan, Step, decode_field
from vcpuid.atlas.index import Atlas, Match

__all__ = [
    "Atlas",
    "Field",
    "FieldValue",
    "Match",
    "Plan",
    "Step",
    "decode_field",
    "describe_since",
    "known_in",
]
