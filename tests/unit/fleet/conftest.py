"""What questions of a fleet share: one to be asked."""

from __future__ import annotations

import pytest

from fleets import fleet_rows, ingest
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.store import Store


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Give the fleet of `fleet_rows`."""
    store = Store(tmp_path_factory.mktemp("fleet") / "store")
    ingest(store, fleet_rows())
    return store.fleet()
