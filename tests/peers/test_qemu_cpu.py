"""A real QEMU takes and refuses the -cpu values that we do, and means the same by them."""

from __future__ import annotations

import pytest
from tools.compare_cpu_strings import DIFFERENCES, INSTALLED, PROGRAM, Qemu, compare, models_of, run, version_of
from tools.table_file import read_rows
from tools.tally import Explanations

from programs import needs
from vcpuid.atlas.dating import known_in
from vcpuid.guest.qemu.properties import load_properties
from vcpuid.terms.feature import Dialect

needs_qemu = needs(PROGRAM, package="qemu-system-x86")
# The kinds of our table in the words of QEMU's object model.
KINDS = {"auto": {"OnOffAuto"}, "string": {"string", "str"}, "int64": {"int"}}

# One string at least for each row of differences, so that no row outlives its reason.
EXPLAINED = {
    "dependency": "Penryn,vmx-vnmi=on",
    "no KVM": "qemu64,+kvm-mmu",
    "enforce": "qemu64,avx512f,enforce",
    "no caches": "Penryn,legacy-cache=off",
    "32 bits": "pentium,phys-bits=40",
    "raised level": "Penryn,min-xlevel=5",
    "no level": "qemu64,level=4294967295",
    "zero": "qemu64,phys-bits=0",
    "48 letters": f"qemu64,model-id={'x' * 60}",
    "whole kHz": "qemu64,tsc-frequency=4096",
    "AVX10 version": "qemu64,avx10-version=5",
    "leading point": "qemu64,tsc-freq=.5M",
}


@needs_qemu
def test_random_strings() -> None:
    tally = run(INSTALLED, 200, seed=2026)
    assert not tally.unexplained, "\n".join(tally.unexplained)
    assert tally.counts["taken"] > 100
    assert tally.counts["refused"] > 20


@needs_qemu
@pytest.mark.parametrize("name", EXPLAINED)
def test_an_explained_difference_is_one(name: str) -> None:
    text, version = EXPLAINED[name], version_of(INSTALLED)
    known = Explanations.load(DIFFERENCES)
    differences = list(compare(text, INSTALLED, version, models_of(INSTALLED)))
    since = {row["since"] for row in read_rows(DIFFERENCES) if row["name"] == name}
    shown = {name} if any(known_in(Dialect.QEMU, first, version) for first in since) else set()
    assert {known.find(text, difference) for difference in differences} == shown


def test_every_explanation_is_shown() -> None:
    assert {name for _, name in Explanations.load(DIFFERENCES).rows} == {*EXPLAINED}


@needs_qemu
def test_the_table_of_properties_is_qemus() -> None:
    qemu, version = Qemu(INSTALLED, "max"), version_of(INSTALLED)
    qemu.ask("qmp_capabilities")
    path = qemu.ask("query-cpus-fast")[0]["qom-path"]
    real = {entry["name"]: entry["type"] for entry in qemu.ask("qom-list", path=path)}
    qemu.end()
    for name, known in load_properties().items():
        assert (name in real) is known.is_known_in(version), name
        if name in real:
            assert real[name] in KINDS.get(known.kind, {known.kind}), name
