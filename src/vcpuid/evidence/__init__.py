"""A snapshot's raw records read into typed evidence, one file a source.

A source that has nothing to say is a `Gap`, which tells why and what would give the evidence.
"""

from vcpuid.evidence.gap import Gap
from vcpuid.evidence.host import Evidence

__all__ = ["Evidence", "Gap"]
