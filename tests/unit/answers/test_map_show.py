"""What a map says of a feature or a model."""

from __future__ import annotations

import pytest

from map_defects import TINY
from vcpuid.answers.map_show import ShownFeature, ShownModel, show_in_map
from vcpuid.errors import AmbiguousNameError, UsageError
from vcpuid.rules.libvirt.map_reader import read_map
from vcpuid.rules.libvirt.models import Models
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.qemu.knowledge import known_versions, load_qemu

TINY_MAP = Models(read_map(TINY))
SHIPPED = Models(shipped_map())


def feature(name: str, models: Models = SHIPPED) -> ShownFeature:
    shown = show_in_map(name, models)
    assert isinstance(shown, ShownFeature)
    return shown


def model(name: str, models: Models = SHIPPED) -> ShownModel:
    shown = show_in_map(name, models)
    assert isinstance(shown, ShownModel)
    return shown


def test_a_feature_with_its_place_and_models() -> None:
    shown = feature("mpx", TINY_MAP)
    assert (shown.own.place.line, shown.models) == (35, ("Newer",))
    assert shown.own.place.source.endswith("x86_features.xml")
    assert [str(bit) for bit in shown.own.bits] == ["CPUID.07H.0:EBX[14]"]


def test_an_inherited_feature_is_in_the_heir_too() -> None:
    assert feature("tsc", TINY_MAP).models == ("Older", "Newer")


def test_the_libvirt_that_brought_it_is_told() -> None:
    assert feature("sgx").since == "8.10"
    assert feature("amx-fp8").since == "12.8 or earlier, after 11.3"


def test_aliases_are_those_of_the_map() -> None:
    assert feature("pni", TINY_MAP).own.aliases == ("qemu:sse3",)
    assert feature("pni").own.aliases == ("qemu:sse3",)


def test_models_that_remove_or_add_it_are_told_apart() -> None:
    shown = feature("mpx")
    assert "Skylake-Client" in shown.removed_in
    assert not set(shown.models) & set(shown.removed_in)
    assert "Skylake-Server" in feature("vmx-ept").added_in


@pytest.mark.parametrize("name", ["sse3", "7.0.ebx.14", "CPUID.07H:EBX[14]", "tsc-adjust"])
def test_other_names_and_addresses_lead_to_the_maps_own(name: str) -> None:
    expected = {"sse3": "pni", "tsc-adjust": "tsc_adjust"}.get(name, "mpx")
    assert feature(name, TINY_MAP).own.name == expected


def test_a_feature_that_the_map_lacks_is_told_with_what_has_it() -> None:
    with pytest.raises(UsageError, match=r"(?s)the map has no sgxlc.*libvirt has it since 8.10"):
        show_in_map("sgxlc", TINY_MAP)
    with pytest.raises(UsageError, match=r"(?s)has no full-width-write.*No libvirt"):
        show_in_map("full-width-write", SHIPPED)


def test_an_unknown_name_has_near_ones_of_models_too() -> None:
    with pytest.raises(UsageError, match=r"Near names: Skylake-Client-IBRS"):
        show_in_map("Skylake-Client-IBR", SHIPPED)
    with pytest.raises(AmbiguousNameError):
        show_in_map("ssbd", TINY_MAP)


def test_a_model_with_what_it_inherits() -> None:
    shown = model("Newer", TINY_MAP)
    assert shown.features == ("fpu", "vme", "tsc", "avx2", "mpx")
    assert (shown.own.ancestor, shown.own.features) == ("Older", ("vme", "avx2", "mpx"))
    assert shown.nearest is not None
    assert (shown.nearest.other, shown.nearest.more, shown.nearest.lacks) == ("Older", ("vme", "avx2", "mpx"), ())


def test_the_signatures_name_the_cpus() -> None:
    (signature,) = model("Newer", TINY_MAP).signatures
    assert signature.signature.steppings == 0xFF
    assert any("Skylake" in design for design in signature.designs)


def test_a_versioned_name_and_its_model_point_to_each_other() -> None:
    assert "Skylake-Client-v2" in model("Skylake-Client-IBRS").versions
    assert model("Skylake-Client-v2").own.canonical_of == "Skylake-Client-IBRS"


def test_the_nearest_model_has_other_contents() -> None:
    shown = model("Skylake-Client-IBRS")
    assert shown.nearest is not None
    assert shown.nearest.more + shown.nearest.lacks
    assert shown.nearest.other in SHIPPED.models


def test_qemu_s_model_of_the_name_is_set_beside_it() -> None:
    (contents,) = model("Haswell").qemu
    assert contents.versions == known_versions()
    assert contents.more == ("abm", "arat", "f16c", "rdrand", "vme", "xsaveopt")
    assert (contents.lacks, contents.unnamed) == ((), ())


def test_every_model_is_held_against_qemu_s_tables() -> None:
    for name in SHIPPED.models:
        shown = model(name)
        versions = [version for contents in shown.qemu for version in contents.versions]
        assert sorted(versions) == sorted(one for one in known_versions() if name in load_qemu(one).models)
        for contents in shown.qemu:
            assert not set(contents.more) & set(shown.features)
            assert set(contents.lacks) <= set(shown.features)
