"""The real Nova, as its tests share it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nova_peer import RealNova, Release, load_releases, release_params

RELEASES = load_releases()


@pytest.fixture(scope="module", params=release_params(RELEASES))
def release(request: pytest.FixtureRequest) -> Release:
    """Each release of Nova that we are held against."""
    chosen: Release = request.param
    return chosen


@pytest.fixture(scope="module", params=release_params(RELEASES[:1]))
def nova(request: pytest.FixtureRequest) -> Iterator[RealNova]:
    """The newest of them, running."""
    process = RealNova(request.param)
    yield process
    process.close()
