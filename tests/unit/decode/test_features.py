"""Features by name, and the levels of x86-64."""

from __future__ import annotations

import pytest

from cpus import (
    AUTHENTIC_AMD,
    CENTAUR_HAULS,
    GENUINE_INTEL,
    HYPERV_LETTERS,
    HYPERVISOR,
    KVM_LETTERS,
    SHANGHAI,
    Rows,
    cpu,
    row,
)
from vcpuid.atlas import Atlas
from vcpuid.decode.features import decode_features, decode_msr_features, feature_at
from vcpuid.decode.levels import decode_level, features_of_level
from vcpuid.decode.rows import load_decode_table
from vcpuid.terms.address import CpuidRegister
from vcpuid.terms.feature import Feature

LETTERS = {"intel": GENUINE_INTEL, "amd": AUTHENTIC_AMD, "centaur": CENTAUR_HAULS, "zhaoxin": SHANGHAI}


def described() -> list[Feature]:
    return [
        feature
        for feature in Atlas.load().features()
        if feature.title
        and feature.bits
        and not feature.mirror
        and isinstance(feature.bits[0].word, CpuidRegister)
    ]


def test_the_line_of_the_article() -> None:
    features = decode_features(cpu({(7, 0): row(0, 0x029C6FBF, 0x40000000, 0xBC000600)}))
    assert {"sgx", "sgxlc", "avx2"} <= set(features)


@pytest.mark.parametrize("feature", described(), ids=lambda feature: feature.name)
def test_every_feature_of_the_atlas_is_found_by_its_bits(feature: Feature) -> None:
    letters = next(letters for vendor, letters in LETTERS.items() if vendor in (feature.vendors or {"intel"}))
    rows: dict[tuple[int, int], list[int]] = {(1, 0): [0, 0, HYPERVISOR, 0]}
    for bits in feature.bits:
        assert isinstance(bits.word, CpuidRegister)
        rows.setdefault((bits.word.leaf, bits.word.subleaf), [0, 0, 0, 0])[bits.word.register.position] |= (
            bits.mask
        )
    made: Rows = {key: row(*words) for key, words in rows.items()}
    made[0x40000000, 0] = (0x40000010, *KVM_LETTERS)
    assert feature.name in decode_features(cpu(made, letters=letters))


def test_a_bit_means_different_things_by_vendor() -> None:
    rows = {(0x80000008, 0): row(ebx=1 << 15)}
    assert decode_features(cpu(rows)) == ()
    assert decode_features(cpu(rows, letters=AUTHENTIC_AMD)) == ("amd-stibp",)


def test_hyper_vs_letters_are_no_features_of_kvm() -> None:
    rows = {
        (1, 0): row(ecx=HYPERVISOR),
        (0x40000000, 0): (0x40000005, *HYPERV_LETTERS),
        (0x40000001, 0): row(int.from_bytes(b"Hv#1", "little")),
    }
    assert decode_features(cpu(rows)) == ("hypervisor",)
    beside: Rows = {**rows, (0x40000100, 0): (0x40000101, *KVM_LETTERS), (0x40000101, 0): row(1 << 5)}
    assert decode_features(cpu(beside)) == ("hypervisor", "kvm-steal-time")


def test_a_feature_of_several_bits_needs_all() -> None:
    rows = {(1, 0): row(ecx=HYPERVISOR), (0x40000000, 0): (0x40000001, *KVM_LETTERS)}
    assert "kvmclock" in decode_features(cpu({**rows, (0x40000001, 0): row(0b1001)}))
    assert "kvmclock" not in decode_features(cpu({**rows, (0x40000001, 0): row(0b0001)}))


def test_features_of_msrs_stand_apart() -> None:
    one = cpu(msrs={0x10A: 1})
    assert decode_features(one) == ()
    assert decode_msr_features(one) == ("rdctl-no",)


def test_one_bit_by_its_place() -> None:
    assert feature_at("intel", (7, 0), 1, 1 << 2) == "sgx"
    assert feature_at("intel", (7, 0), 1, 1 << 30 | 1) is None
    assert feature_at("intel", (0x40000101, 0), 0, 1 << 5) == "kvm-steal-time"


def level_features(number: int) -> set[str]:
    rows = load_decode_table("levels")
    return {name for row_ in rows if int(row_["level"]) <= number for name in row_["features"].split()}


@pytest.mark.parametrize("number", range(5))
def test_levels(number: int) -> None:
    level = decode_level(level_features(number))
    assert (level.number, level.name) == (number, f"x86-64-v{number}" if number else None)
    assert bool(level.missing) is (number < 4)


def test_a_level_counts_only_on_top_of_those_below() -> None:
    assert decode_level(level_features(4) - {"popcnt"}) == (1, ("popcnt",))


def test_the_levels_ask_for_features_that_the_atlas_has() -> None:
    assert level_features(4) <= {feature.name for feature in described()}


def test_a_level_by_its_name_has_what_reaches_it() -> None:
    for number in (2, 3, 4):
        features = {*features_of_level("x86-64-v1"), *features_of_level(f"X86-64-v{number}")}
        assert decode_level(features).number == number
        for name in features:
            assert decode_level(features - {name}).number < number
    assert [features_of_level(name) for name in ("x86-64-v5", "x86-64-v0", "avx", "")] == [(), (), (), ()]
