"""The map that ships with us."""

from __future__ import annotations

from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.libvirt.shipped import shipped_map


def test_it_is_a_map_as_libvirt_would_take_it() -> None:
    models = Models(shipped_map())
    assert models.is_regular
    assert len(models.models) == len(shipped_map().models) > 100
    assert {"AMD", "Hygon", "Intel"} <= set(shipped_map().vendors)


def test_it_says_which_libvirt_it_is_from() -> None:
    version = shipped_map().version
    assert shipped_map().title == f"the map of libvirt {version} (shipped with vcpuid)"
    assert int(version.split(".")[0]) >= 12


def test_canonical_names_have_their_ancestors_contents() -> None:
    cpu_map, models = shipped_map(), Models(shipped_map()).models
    pairs = [(written.name, written.canonical_of) for written in cpu_map.models.values() if written.canonical_of]
    assert len(pairs) > 20
    for name, ancestor in pairs:
        removed = cpu_map.models[ancestor].removed
        assert models[name].bits == models[ancestor].bits, (name, removed)


def test_features_that_stay_behind_are_marked() -> None:
    features = shipped_map().features.values()
    assert "invtsc" in {feature.name for feature in features if not feature.migratable}
