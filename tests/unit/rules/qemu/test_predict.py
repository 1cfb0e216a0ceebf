"""Predictions: what is asked for, met with what can be given. Every expectation was seen on a real QEMU."""

from __future__ import annotations

import pytest

from cpus import GENUINE_INTEL
from vcpuid.errors import InputError
from vcpuid.guest.qemu import parse_cpu
from vcpuid.rules.qemu import Fate, Prediction, Reason, known_versions, load_qemu, predict
from vcpuid.rules.qemu.definition import Asker
from vcpuid.terms.address import parse_bit
from vcpuid.terms.dump import Cpu
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.place import Place
from vcpuid.terms.verdict import State

TCG, KVM = Accelerator.TCG, Accelerator.KVM
SGX = parse_bit("7.0.ebx.2")


def foretell(
    cpu: str, version: str = "7.2", *, machine: str = "pc", accelerator: Accelerator = TCG, host: Cpu | None = None
) -> Prediction:
    argument = parse_cpu(cpu, Place("-cpu"))
    return predict(argument, load_qemu(version), machine=machine, accelerator=accelerator, host=host)


def fate(cpu: str, name: str, version: str = "7.2", machine: str = "pc") -> Fate:
    return foretell(cpu, version, machine=machine).fates[name]


def host(*bits: str, level: int = 0x24, msrs: dict[int, int] | None = None) -> Cpu:
    """A KVM that can give these bits alone, of an Intel host."""
    rows = {
        (0, 0): (level, *GENUINE_INTEL),
        (0x80000000, 0): (0x80000008, 0, 0, 0),
        (0x40000000, 0): (0x40000001, 0, 0, 0),
    }
    for leaf in (
        (1, 0),
        (6, 0),
        (7, 0),
        (7, 1),
        (0xD, 0),
        (0xD, 1),
        (0x40000001, 0),
        (0x80000001, 0),
        (0x80000007, 0),
    ):
        rows.setdefault(leaf, (0, 0, 0, 0))
    for address in map(parse_bit, bits):
        place = address.word.leaf, address.word.subleaf  # type: ignore[union-attr]
        values = list(rows.get(place, (0, 0, 0, 0)))
        values[address.word.register.position] |= address.mask  # type: ignore[union-attr]
        rows[place] = (values[0], values[1], values[2], values[3])
    return Cpu(0, rows, msrs or {})


# What is asked for -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpu", "state", "reason", "asker"),
    [
        ("Haswell", State.PRESENT, Reason.GIVEN, Asker.MODEL),
        ("Haswell,-avx2", State.ABSENT, Reason.TURNED_OFF, Asker.DEFINITION),
        ("Haswell,+avx2,-avx2", State.ABSENT, Reason.TURNED_OFF, Asker.DEFINITION),
        ("Haswell,-avx2,avx2=on", State.ABSENT, Reason.TURNED_OFF, Asker.DEFINITION),
        ("qemu64", State.ABSENT, Reason.NOT_ASKED, None),
        ("qemu64,+avx2", State.PRESENT, Reason.GIVEN, Asker.DEFINITION),
    ],
)
def test_who_asks(cpu: str, state: State, reason: Reason, asker: Asker | None) -> None:
    got = fate(cpu, "avx2")
    assert (got.state, got.reason, got.asker) == (state, reason, asker)


def test_a_value_turns_underscores_and_a_sign_does_not() -> None:
    assert foretell("qemu64,spec_ctrl=on").fates["spec-ctrl"].asker is Asker.DEFINITION
    with pytest.raises(InputError, match="no CPU property"):
        foretell("qemu64,+spec_ctrl")


@pytest.mark.parametrize(
    "cpu", ["NoSuch", "qemu64,nosuch=on", "qemu64,+nosuch", "qemu64,nosuch=3", "host", "qemu64,level=x"]
)
def test_with_what_qemu_does_not_start_nothing_is_predicted(cpu: str) -> None:
    with pytest.raises(InputError):
        foretell(cpu)


def test_without_an_option_the_machine_type_has_its_default() -> None:
    qemu = load_qemu("7.2")
    for machine, model in (("pc", "qemu64"), ("isapc", "486")):
        found = predict(None, qemu, machine=machine, accelerator=TCG)
        assert found.words == foretell(model, machine=machine).words


# What is dropped -------------------------------------------------------------------------------------


def test_what_tcg_cannot_give_is_dropped() -> None:
    assert fate("qemu64,+sgx", "sgx") == Fate(State.ABSENT, Reason.SUPPLY, Asker.DEFINITION)
    assert foretell("qemu64,+sgx").has(SGX) is State.ABSENT


def test_what_needs_another_feature_is_dropped_and_named() -> None:
    dropped = fate("qemu64,+sgx1", "sgx1", "11.1")
    assert (dropped.reason, dropped.others) == (Reason.DEPENDENCY, ("sgx",))
    quiet = fate("EPYC,-svm", "npt")
    assert (quiet.reason, quiet.others) == (Reason.DEPENDENCY, ("svm",))


def test_what_cannot_stand_side_by_side_falls_together() -> None:
    both = foretell("base,+mpx,+apxf", "11.1").fates
    assert both["mpx"].reason is both["apxf"].reason is Reason.CONFLICT
    assert both["mpx"].others == ("apxf",)
    assert fate("base,+mpx", "mpx", "11.1").state is State.PRESENT


@pytest.mark.parametrize(
    ("cpu", "starts"),
    [
        ("qemu64,+avx2,enforce", True),
        ("qemu64,+sgx,enforce", False),
        ("qemu64,+sgx", True),
        ("base,+sgx1,enforce", True),
    ],
)
def test_enforce_refuses_what_cannot_be_given_only(cpu: str, starts: bool) -> None:
    assert foretell(cpu, "11.1" if "sgx1" in cpu else "7.2").starts is starts


def test_forced_features_stay() -> None:
    assert foretell("base,+sgx,x-force-features=on").has(SGX) is State.PRESENT


# Maxima ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpu", "basic", "extended"),
    [
        ("base", 0, 0),
        ("base,+xsave", 1, 0),
        ("base,+avx2", 7, 0),
        ("base,+arat", 6, 0),
        ("base,+xsaveopt", 0xD, 0),
        ("base,+intel-pt", 0x14, 0),
        ("base,+sgx", 0x12, 0),
        ("base,+svm", 0, 0x8000000A),
        ("base,+ibpb", 0, 0x80000008),
        ("base,+sgx,level=7", 7, 0),
        ("Haswell,level=0x20", 0x20, 0x80000008),
        ("Haswell,min-level=0x20", 0x20, 0x80000008),
        ("pentium2,min-level=1", 1, 0),
        ("pentium2,min-level=1,+sgx", 0x12, 0),
        ("pentium2,level=3,min-level=9", 3, 0),
    ],
)
def test_features_raise_the_maxima_unless_they_are_given(cpu: str, basic: int, extended: int) -> None:
    maxima = foretell(cpu).maxima
    assert (maxima[0], maxima[0x80000000]) == (basic, extended)


def test_old_machine_types_raise_less() -> None:
    assert foretell("base,+xsaveopt", machine="pc-i440fx-2.7").maxima[0] == 0
    assert foretell("base,+avx2", machine="pc-i440fx-2.7").maxima[0] == 7
    assert foretell("base,+xsaveopt", machine="pc-i440fx-2.8").maxima[0] == 0xD


@pytest.mark.parametrize("version", ["7.2", "10.0"])
def test_processor_trace_that_old_machine_types_drop_raises_to_its_own_leaf(version: str) -> None:
    seen = foretell("pentium2,+intel-pt", version, machine="pc-i440fx-2.4")
    assert (seen.maxima[0], seen.fates["intel-pt"].reason) == (7, Reason.LEVEL)
    assert foretell("pentium2,+intel-pt,level=4", version, machine="pc-i440fx-2.4").maxima[0] == 4
    least = foretell("pentium2,+intel-pt,min-level=0x14", version, machine="pc-i440fx-2.4")
    assert least.fates["intel-pt"].reason is not Reason.LEVEL


def test_a_leaf_above_the_maximum_has_nothing() -> None:
    low = foretell("Haswell,level=4")
    assert low.fates["avx2"].reason is Reason.LEVEL
    assert low.has(parse_bit("7.0.ebx.5")) is State.ABSENT
    assert parse_bit("7.0.ebx.5").word not in low.words


# Words -----------------------------------------------------------------------------------------------


def test_xsave_brings_components_and_leaf_d_is_empty_without_it() -> None:
    word = parse_bit("d.0.eax.0").word
    assert foretell("max").words[word].value & 7 == 7
    without = foretell("max,-xsave")
    assert without.words[word].value == 0
    assert without.fates["xsaveopt"] == Fate(State.ABSENT, Reason.DEPENDENCY, Asker.MODEL, ("xsave",))


def test_amd_repeats_bits_and_intel_does_not() -> None:
    fpu_again = parse_bit("80000001.0.edx.0")
    assert foretell("EPYC").has(fpu_again) is State.PRESENT
    assert foretell("EPYC,vendor=GenuineIntel").has(fpu_again) is State.ABSENT
    assert foretell("EPYC,-fpu").has(fpu_again) is State.ABSENT


# KVM -------------------------------------------------------------------------------------------------


def test_kvm_gives_what_the_host_has() -> None:
    able = foretell("qemu64,+sgx", accelerator=KVM, host=host("7.0.ebx.2"))
    assert able.fates["sgx"].state is State.PRESENT
    assert able.vendor == "GenuineIntel"
    unable = foretell("qemu64,+sgx", accelerator=KVM, host=host())
    assert unable.fates["sgx"] == Fate(State.ABSENT, Reason.SUPPLY, Asker.DEFINITION)


def test_kvm_sets_its_own_defaults() -> None:
    fates = foretell(
        "EPYC", accelerator=KVM, host=host("1.0.ecx.21", "40000001.0.eax.0", "40000001.0.eax.3")
    ).fates
    assert fates["x2apic"] == Fate(State.PRESENT, Reason.GIVEN, Asker.ACCELERATOR)
    assert fates["kvmclock"].state is State.PRESENT
    assert fates["svm"] == Fate(State.ABSENT, Reason.TURNED_OFF, Asker.ACCELERATOR)
    assert fates["npt"].others == ("svm",)


def test_kvm_turned_off_takes_its_features_along() -> None:
    fates = foretell("qemu64,kvm=off", accelerator=KVM, host=host("40000001.0.eax.7")).fates
    assert fates["kvm-pv-unhalt"].reason is Reason.NOT_ASKED
    assert fates["kvmclock"].others == ("kvm",)


def test_without_a_host_what_it_decides_is_unknown() -> None:
    blind = foretell("qemu64,+sgx", accelerator=KVM)
    assert blind.fates["sgx"] == Fate(State.UNKNOWN, Reason.UNDECIDED, Asker.DEFINITION)
    assert blind.has(SGX) is State.UNKNOWN
    assert blind.vendor is None
    assert foretell("qemu64,+sgx,enforce", accelerator=KVM).starts is None
    assert foretell("qemu64,-sgx", accelerator=KVM).has(SGX) is State.ABSENT


def test_feature_msrs_are_met_with_the_hosts() -> None:
    cpu = "Cascadelake-Server-v2"
    asked = host("7.0.edx.29", msrs={0x10A: 1})
    assert foretell(cpu, accelerator=KVM, host=asked).fates["rdctl-no"].state is State.PRESENT
    assert foretell(cpu, accelerator=KVM, host=asked).fates["mds-no"].reason is Reason.SUPPLY
    assert foretell(cpu, accelerator=KVM, host=host("7.0.edx.29")).fates["rdctl-no"].state is State.UNKNOWN


def test_the_host_model_is_what_kvm_gives_but_for_what_cannot_migrate() -> None:
    given = host("7.0.ebx.2", "80000007.0.edx.8", level=0x12)
    assert foretell("host", accelerator=KVM, host=given).has(SGX) is State.PRESENT
    assert foretell("host", accelerator=KVM, host=given).fates["invtsc"].state is State.ABSENT
    assert foretell("host,migratable=off", accelerator=KVM, host=given).fates["invtsc"].state is State.PRESENT
    assert foretell("host,-sgx", accelerator=KVM, host=given).has(SGX) is State.ABSENT
    assert foretell("host", accelerator=KVM).has(SGX) is State.UNKNOWN


def test_an_xsave_component_that_no_table_has_is_unknown() -> None:
    given = host("1.0.ecx.26", "d.0.eax.0", "d.0.eax.19")
    prediction = foretell("qemu64,+xsave,level=13", accelerator=KVM, host=given)
    assert prediction.has(parse_bit("d.0.eax.0")) is State.PRESENT
    assert prediction.has(parse_bit("d.0.eax.19")) is State.UNKNOWN


# Laws ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", known_versions())
def test_every_model_is_predicted_and_nothing_is_unknown_under_tcg(version: str) -> None:
    qemu = load_qemu(version)
    for name in qemu.models:
        if name == "host":
            continue
        prediction = foretell(name, version)
        assert State.UNKNOWN not in {fate.state for fate in prediction.fates.values()}, name
        assert not any(word.unknown for word in prediction.words.values()), name
        assert prediction.rules == f"QEMU {version}"


def test_what_a_machine_type_takes_from_every_model_max_lacks_too() -> None:
    assert fate("max", "arat").state is State.PRESENT
    assert fate("max", "arat", machine="pc-i440fx-2.3") == Fate(State.ABSENT, Reason.TURNED_OFF, Asker.ACCELERATOR)
