"""Reading a map from its files: what counts, and how damage is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cpu_maps import small_map
from map_defects import TINY
from snapshots import MAP_FEATURES, MAP_INDEX
from vcpuid.errors import InputError
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.libvirt.map_lint import read_and_lint
from vcpuid.rules.libvirt.map_reader import load_map, parse_steppings, read_map
from vcpuid.terms.address import parse_bit


def feature(content: str) -> CpuMap:
    return small_map(f"<cpus>\n<feature name='x'>\n{content}</feature></cpus>")


def test_features_are_their_bits() -> None:
    cpu_map = small_map()
    assert cpu_map.features["sgx"].bits == (parse_bit("7.0.ebx.2"),)
    assert cpu_map.features["rdctl-no"].bits == (parse_bit("msr.10a.0"),)
    assert str(cpu_map.features["vmx"].place) == "map/x86_features.xml:3"


def test_features_keep_the_maps_order() -> None:
    assert list(small_map().features)[:3] == ["fpu", "vmx", "movbe"]


def test_only_migratable_no_makes_a_feature_stay() -> None:
    features = small_map().features
    assert [name for name, entry in features.items() if not entry.migratable] == ["invtsc"]


@pytest.mark.parametrize(
    ("content", "bits"),
    [
        ("", []),
        ("<cpuid eax_in='0x07' ebx='0'/>", []),
        ("<cpuid eax_in='7' ebx='0x5'/>", ["7.0.ebx.0", "7.0.ebx.2"]),
        ("<cpuid eax_in='0x07' edx='0x1' ebx='0x1'/>", ["7.0.ebx.0", "7.0.edx.0"]),
        ("<cpuid eax_in='7' ebx='1'/><cpuid eax_in='1' ecx='1'/>", ["1.0.ecx.0", "7.0.ebx.0"]),
        ("<msr index='0x10a' edx='0x40000000' eax='0x1'/>", ["msr.10a.0", "msr.10a.62"]),
        ("<alias name='x86' source='linux'/>", []),
    ],
)
def test_masks_are_single_bits_in_order(content: str, bits: list[str]) -> None:
    assert [bit.plain for bit in feature(content).features["x"].bits] == bits


@pytest.mark.parametrize("number", ["x", "0x100000000", "-1", "9" * 5000, "0x"])
def test_a_number_that_is_none_is_named_with_its_line(number: str) -> None:
    with pytest.raises(InputError, match="ebx is no number of 32 bits") as caught:
        feature(f"<cpuid eax_in='7' ebx='{number}'/>")
    assert (caught.value.source, caught.value.line) == ("map/x86_features.xml", 3)


def test_of_two_features_of_a_name_the_first_counts() -> None:
    entry = "<feature name='x'><cpuid eax_in='7' ebx='{}'/></feature>"
    cpu_map = small_map(f"<cpus>{entry.format(1)}{entry.format(2)}</cpus>")
    assert cpu_map.features["x"].bits == (parse_bit("7.0.ebx.0"),)


def test_a_map_without_an_index_is_none() -> None:
    with pytest.raises(InputError, match="not a CPU map of libvirt") as caught:
        load_map({"x86_features.xml": MAP_FEATURES}, "map")
    assert caught.value.found == "x86_features.xml"


def test_a_file_that_the_index_includes_must_be_there() -> None:
    with pytest.raises(InputError, match=r"includes 'x86_models\.xml', which is not there") as caught:
        load_map({"index.xml": MAP_INDEX, "x86_features.xml": MAP_FEATURES}, "map")
    assert (caught.value.source, caught.value.line) == ("map/index.xml", 4)


def test_a_damaged_file_is_named() -> None:
    with pytest.raises(InputError, match="not well-formed") as caught:
        small_map("<cpus><feature")
    assert caught.value.source == "map/x86_features.xml"


def test_a_damaged_map_says_how_to_find_all_its_faults() -> None:
    with pytest.raises(InputError, match="not well-formed") as caught:
        small_map("<cpus><feature")
    assert caught.value.next_step is not None
    assert "`vcpuid map lint map` names every fault" in caught.value.next_step


@pytest.mark.parametrize("name", ["index.xml", "x86_vendors.xml"])
def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "map"
    shutil.copytree(TINY, folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    for read in (read_map, read_and_lint):
        with pytest.raises(InputError, match="cannot be read: Is a directory") as caught:
            read(folder)
        assert caught.value.source == str(folder / name)


def test_what_is_no_folder_is_no_empty_map(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, why in (("absent", "No such file or directory"), ("file", "Not a directory")):
        with pytest.raises(InputError, match=f"cannot be read: {why}") as caught:
            read_map(tmp_path / name)
        assert "the folder that has libvirt's index.xml" in (caught.value.next_step or "")


def test_maps_of_other_architectures_have_nothing_for_x86() -> None:
    cpu_map = load_map({"index.xml": "<cpus><arch name='ppc64'/></cpus>"}, "map")
    assert (cpu_map.features, cpu_map.models) == ({}, {})


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("", 0),
        ("0", 1),
        ("0-7", 0xFF),
        ("0-3,5", 0x2F),
        ("0-7,^3", 0xF7),
        (" 1 , 2", 6),
        ("15", 0x8000),
        ("^1", 0),
    ],
)
def test_steppings_are_read_as_libvirt_reads_them(text: str, mask: int) -> None:
    assert parse_steppings(text) == mask


@pytest.mark.parametrize("text", ["16", "0-16", "3-1", "a", "0x1", "-1", "1-", "1--2", "^", "^1-2", ",", "0,,1"])
def test_what_libvirt_does_not_read_is_no_stepping(text: str) -> None:
    assert parse_steppings(text) is None
