"""What a QEMU knows and a map does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from map_defects import TINY
from snapshots import evidence, qemu, qmp
from vcpuid.answers.map_sync import (
    compare_with_host,
    compare_with_names,
    compare_with_version,
    qemu_names,
)
from vcpuid.atlas.tables import load_table
from vcpuid.errors import UndecidedError, UsageError
from vcpuid.rules.libvirt.map_reader import read_map
from vcpuid.rules.libvirt.shipped import shipped_map

MAP = read_map(TINY)


def missing(*names: str) -> list[str]:
    return [found.entry.name for found in compare_with_names(names, MAP, "QEMU").missing]


def test_what_the_map_has_is_not_missing_by_whatever_name() -> None:
    assert missing("sgx", "sse3", "tsc-adjust", "tsc_adjust", "vmx") == []


def test_what_it_lacks_is_listed_by_libvirts_name_and_address() -> None:
    assert missing("sgx-edeccssa", "pclmulqdq", "sse4.1", "sgxlc") == [
        "pclmuldq",
        "sse4.1",
        "sgxlc",
        "sgx-edeccssa",
    ]


def test_properties_that_are_no_features_do_not_count() -> None:
    assert missing("level", "pmu", "no-such-thing", "check") == []


def test_what_no_map_has_is_left_out_with_the_reason() -> None:
    left_out = dict(compare_with_names(["kvm-pv-eoi", "kvmclock"], MAP, "QEMU").left_out)
    assert "does not read the leaves of hypervisors" in left_out["kvm-pv-eoi"]
    assert "bits in several places" in left_out["kvmclock"]


def test_a_name_on_another_bit_is_a_matter_of_the_linter() -> None:
    sgx = MAP.features["sgx"]
    wrong = replace(MAP, features={**MAP.features, "sgx": replace(sgx, masks=())})
    assert not compare_with_names(["sgx"], wrong, "QEMU").missing


def test_a_release_knows_what_came_before_it_and_no_more() -> None:
    older, undecided = qemu_names("7.2")
    assert not undecided
    assert "vmx-ept" in older
    assert "amx-avx512" not in older
    newest, _ = qemu_names("11.1")
    assert {"vmx-ept", "amx-avx512"} < newest


def test_a_name_that_is_gone_is_known_to_the_releases_that_had_it() -> None:
    gone = {row["name"] for row in load_table("qemu") if row["until"] == "7.2"}
    assert gone <= qemu_names("7.2")[0]
    assert not gone & qemu_names("11.1")[0]


def test_names_that_came_between_two_releases_are_undecided() -> None:
    answer = compare_with_version("9.0", MAP)
    assert answer.undecided
    assert not {found.entry.name for found in answer.missing} & set(answer.undecided)


@pytest.mark.parametrize("version", ["", "abc", "2.0"])
def test_a_version_without_names_is_refused(version: str) -> None:
    with pytest.raises(UsageError, match="no table of this QEMU"):
        compare_with_version(version, MAP)


def test_the_newest_map_knows_nearly_all_of_the_newest_qemu() -> None:
    assert len(compare_with_version("11.1", shipped_map()).missing) < 5


def test_a_host_whose_qemu_was_asked_tells_its_names() -> None:
    host = evidence(qmp=qmp(properties=["hle", "sgx", "level"]))
    answer = compare_with_host(host, MAP)
    assert [found.entry.name for found in answer.missing] == ["hle"]
    assert answer.qemu.startswith("QEMU ")


def test_else_the_table_is_asked_for_its_version() -> None:
    answer = compare_with_host(evidence(qemu=qemu("7.2.22")), MAP)
    assert "by vcpuid's table" in answer.qemu
    assert answer.missing == compare_with_version("7.2.22", MAP).missing


def test_without_either_the_answer_is_undecided() -> None:
    with pytest.raises(UndecidedError, match="--active"):
        compare_with_host(evidence(), MAP)
    with pytest.raises(UndecidedError):
        compare_with_host(evidence(qemu=qemu(None)), MAP)
