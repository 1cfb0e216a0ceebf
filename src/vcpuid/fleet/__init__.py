"""Many hosts at once: a store of dated snapshots of a fleet, and the questions that operators ask of it.

The store is a folder of Parquet files (`store`, `manifest`), into which hosts are taken (`ingest`), and of which
one snapshot at a time is asked (`fleet`). A host's CPU is a row of words per evidence layer, which equal hosts
share (`words`, `configuration`). Bits are judged here. An engine (`engine`) only counts, groups and joins, by the
SQL that stands in `queries`.
"""

from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.store import Store, open_fleet

__all__ = ["Fleet", "Store", "open_fleet"]
