"""The tables of QEMU's versions, and how they are chosen and read."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from vcpuid.atlas import describe_since
from vcpuid.errors import InputError
from vcpuid.rules.qemu import Qemu, known_versions, load_qemu, model_since
from vcpuid.rules.qemu.knowledge import TABLES
from vcpuid.terms.address import parse_bit
from vcpuid.terms.feature import Dialect
from vcpuid.terms.guest import Accelerator

VERSIONS = known_versions()
each_version = pytest.mark.parametrize("version", VERSIONS)


def rows(version: str, table: str) -> list[dict[str, str]]:
    lines = Path(TABLES, version, f"{table}.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_the_versions_of_three_debians_are_known() -> None:
    assert VERSIONS == ("7.2", "10.0", "11.1")


@pytest.mark.parametrize(
    ("asked", "version", "is_exact"),
    [
        ("7.2", "7.2", True),
        ("7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", "7.2", True),
        ("10.0.13", "10.0", True),
        ("9.2.1", "7.2", False),  # the newest before it: what a later version brought it may lack
        ("10.2.2", "10.0", False),
        ("12", "11.1", False),
        ("6.2.0", "7.2", False),
    ],
)
def test_a_version_has_its_own_tables_or_the_nearest(asked: str, version: str, is_exact: bool) -> None:
    qemu = load_qemu(asked)
    assert (qemu.version, qemu.is_exact) == (version, is_exact)
    assert ("nearest" in qemu.label) != is_exact


@pytest.mark.parametrize("text", ["", "qemu", "v7.2"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no version of QEMU"):
        load_qemu(text)


@each_version
@pytest.mark.parametrize("table", ["features", "xsave", "mirrors", "models", "machines", "changes", "properties"])
def test_a_table_says_what_was_measured_and_counts_its_rows(version: str, table: str) -> None:
    header = Path(TABLES, version, f"{table}.csv").read_text(encoding="utf-8").partition("\n")[0]
    text = Path(TABLES, version, f"{table}.csv").read_text(encoding="utf-8")
    assert re.search(
        rf"^# Origin: measured on the binary of QEMU {version}\.\d+ \(.+\), \d{{4}}-", text, re.MULTILINE
    )
    assert re.search(rf"^# version: {version}\.\d+$", text, re.MULTILINE)
    count = re.search(r": (\d+) ", header)
    assert count
    assert int(count[1]) == len(rows(version, table))


@each_version
def test_every_name_in_the_tables_leads_somewhere(version: str) -> None:
    qemu = load_qemu(version)
    for feature in qemu.features.values():
        for name in (*feature.needs, *feature.conflicts):
            assert name in qemu.features or qemu.properties[name][0] == "bool", feature
    assert set(qemu.aliases.values()) <= set(qemu.features)
    for brings in qemu.components.values():
        assert set(brings) <= set(qemu.features)
    for name in qemu.models:
        model = qemu.model(name)
        assert model.features <= set(qemu.features)
        assert set(model.settings) <= set(qemu.properties)
    for row in rows(version, "changes"):
        assert row["property"] in qemu.features or row["property"] in qemu.properties, row
        assert set(row["models"].split()) <= {"*", *qemu.models}, row
        assert row["accelerator"] in {"", "tcg", "kvm"}, row
    for row in rows(version, "machines"):
        assert not row["newer"] or row["newer"] in qemu.machines
        assert row["cpu"] in qemu.models


@each_version
def test_what_is_needed_is_needed_in_turn(version: str) -> None:
    features = load_qemu(version).features
    for feature in features.values():
        for need in feature.needs:
            further = features[need].needs if need in features else ()
            assert set(further) - {feature.name} <= set(feature.needs), feature


@each_version
def test_sgx_is_seven_names_and_its_launch_control(version: str) -> None:
    qemu = load_qemu(version)
    assert [str(bits) for bits in known(qemu, "sgx")] == ["CPUID.07H.0:EBX[2]"]
    assert qemu.features["sgx"].raises == (0x12,)
    assert not qemu.features["sgx"].in_tcg or version != "7.2"


def known(qemu: Qemu, name: str) -> tuple[object, ...]:
    feature = qemu.feature(name)
    assert feature
    return feature.bits


def test_needs_that_newer_versions_brought() -> None:
    assert load_qemu("7.2").features["sgx1"].needs == ()
    assert load_qemu("11.1").features["sgx1"].needs == ("sgx",)
    assert load_qemu("11.1").features["fred"].needs == ("lkgs", "lm")


def test_spellings_lead_to_one_feature() -> None:
    qemu = load_qemu("7.2")
    assert qemu.feature("sse4_1") is qemu.feature("sse4-1") is qemu.feature("sse4.1")
    assert qemu.feature("xd") is qemu.features["nx"]
    assert qemu.feature("no-such") is None


def test_one_name_may_set_two_bits() -> None:
    assert load_qemu("7.2").features["kvmclock"].bits == tuple(
        map(parse_bit, ("40000001.0.eax.0", "40000001.0.eax.3"))
    )


def test_versions_of_a_model_differ_by_what_the_table_says() -> None:
    qemu = load_qemu("7.2")
    first, second, third = (qemu.model(f"Skylake-Client-v{number}").features for number in (1, 2, 3))
    assert second - first == {"spec-ctrl"}
    assert second - third == {"hle", "rtm"}
    assert qemu.model("Skylake-Client-IBRS").features == second


@pytest.mark.parametrize(
    ("machine", "model"), [("pc", "EPYC"), ("q35", "EPYC"), (None, "EPYC"), ("microvm", "EPYC-v3")]
)
def test_what_a_name_without_a_version_means(machine: str | None, model: str) -> None:
    qemu = load_qemu("7.2")
    assert qemu.version_meant("EPYC", qemu.machine(machine)) == model


def test_an_old_machine_type_has_the_changes_of_all_newer_ones() -> None:
    qemu = load_qemu("7.2")

    def names(machine: str) -> list[str]:
        return [change.name for change in qemu.changes(qemu.machine(machine), Accelerator.TCG)]

    assert names("pc") == ["vme"]  # TCG's own
    old, older = names("pc-i440fx-2.12"), names("pc-i440fx-2.3")
    assert "full-cpuid-auto-level" not in old
    assert "full-cpuid-auto-level" in older
    assert older[: len(old)] == old


@pytest.mark.parametrize(
    ("model", "since", "words"),
    [
        ("Haswell", "7.2-", "7.2 or earlier"),
        ("SierraForest", "10.0", "10.0 or earlier, after 7.2"),
        ("DiamondRapids", "11.1", "11.1 or earlier, after 10.2"),
        ("NoSuch", "", "no measured version"),
    ],
)
def test_since_when_a_model_is_known(model: str, since: str, words: str) -> None:
    assert model_since(model) == since
    assert describe_since(Dialect.QEMU, since) == words


def test_unknown_models_and_machine_types_are_refused() -> None:
    qemu = load_qemu("11.1")
    with pytest.raises(InputError, match="no CPU model"):
        qemu.model("NoSuch")
    with pytest.raises(InputError, match="no machine type"):
        qemu.machine("pc-i440fx-2.3")
