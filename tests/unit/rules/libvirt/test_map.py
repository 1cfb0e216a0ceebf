"""The map: features found by their bits, and what models contain. The installed one is what we think it is."""

from __future__ import annotations

import pytest

from cpu_maps import small_map
from programs import needs
from vcpuid.atlas import Atlas
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.map_reader import INSTALLED, read_map
from vcpuid.terms.address import parse_bit
from vcpuid.terms.feature import Dialect

SGX_NAMES = [
    "sgx",
    "sgxlc",
    "sgx1",
    "sgx2",
    "sgx-exinfo",
    "sgx-debug",
    "sgx-mode64",
    "sgx-provisionkey",
    "sgx-tokenkey",
    "sgx-kss",
]


def test_a_feature_is_found_by_its_bits() -> None:
    assert [entry.name for entry in small_map().named((parse_bit("7.0.ebx.2"),))] == ["sgx"]
    assert small_map().named((parse_bit("7.0.ebx.3"),)) == ()


def test_a_model_has_its_ancestors_features_less_what_it_leaves_out() -> None:
    cpu_map = small_map()
    assert cpu_map.model_features("Skylake") == frozenset(("fpu", "movbe", "avx2"))
    assert cpu_map.model_features("Skylake-noavx2") == frozenset(("fpu", "movbe"))
    assert cpu_map.model_features("Nehalem") is None


def test_features_marked_added_or_removed_are_not_the_models() -> None:
    models = (
        "<cpus><model name='m'><feature name='fpu'/><feature name='vmx' added='yes'/>"
        "<feature name='movbe' removed='yes'/></model></cpus>"
    )
    assert small_map(models=models).model_features("m") == frozenset(("fpu",))


@pytest.mark.parametrize("ancestor", ["loop", "absent"])
def test_a_model_without_a_sound_ancestor_has_unknown_contents(ancestor: str) -> None:
    models = f"<cpus><model name='loop'><model name='{ancestor}'/><feature name='fpu'/></model></cpus>"
    assert small_map(models=models).model_features("loop") is None


@pytest.fixture(scope="module")
def installed() -> CpuMap:
    return read_map(INSTALLED)


@needs("libvirtd", package="libvirt-daemon-system")
class TestTheInstalledMap:
    def test_every_feature_is_one_bit_and_no_bit_is_shared(self, installed: CpuMap) -> None:
        bits = [entry.bits for entry in installed.features.values()]
        assert {len(own) for own in bits} == {1}
        assert len(set(bits)) == len(bits) >= 212

    def test_every_model_stands_on_features_of_the_map(self, installed: CpuMap) -> None:
        assert len(installed.models) >= 58
        for name in installed.models:
            features = installed.model_features(name)
            assert features
            assert features <= set(installed.features)

    def test_what_does_not_migrate(self, installed: CpuMap) -> None:
        assert {name for name, entry in installed.features.items() if not entry.migratable} >= {"invtsc"}

    @pytest.mark.parametrize("name", SGX_NAMES)
    def test_sgx_stands_where_the_atlas_has_it(self, installed: CpuMap, name: str) -> None:
        feature = Atlas.load().named(Dialect.LIBVIRT, name)
        assert feature is not None
        assert installed.features[name].bits == feature.bits
