"""Messages as answers: which features they name, what is told once, which incidents they are."""

from __future__ import annotations

import pytest

from snapshots import cpuid, evidence, kvm, row, rows
from vcpuid.answers.causes.case import Holding
from vcpuid.answers.diagnose import Diagnosis, diagnose, named
from vcpuid.terms.feature import Dialect

MISSING = "guest CPU doesn't match specification: missing features: {}"
WARNING = "qemu-system-x86_64: warning: host doesn't support requested feature: {}\n"


def only(text: str) -> Diagnosis:
    (diagnosis,) = diagnose(text).diagnoses
    return diagnosis


def causes(diagnosis: Diagnosis) -> set[str]:
    return {judged.cause.name for judged in diagnosis.causes}


@pytest.mark.parametrize(
    ("text", "dialect", "addresses"),
    [
        ("sgx", Dialect.LIBVIRT, ["CPUID.07H.0:EBX[2]"]),
        ("sha_ni", Dialect.LIBVIRT, ["CPUID.07H.0:EBX[29]"]),
        ("CPUID.07H:EBX.sgx [bit 2]", Dialect.QEMU, ["CPUID.07H.0:EBX[2]"]),
        ("CPUID[eax=07h,ecx=00h].EBX.avx512f [bit 16]", Dialect.QEMU, ["CPUID.07H.0:EBX[16]"]),
        ("MSR(48DH).vmx-posted-intr [bit 7]", Dialect.QEMU, ["MSR 48DH[39]"]),
        ("CPUID.0DH:EAX.xsavec [bit 1]", Dialect.QEMU, ["CPUID.0DH.1:EAX[1]"]),
        ("CPUID.0DH:EAX [bit 2]", Dialect.QEMU, ["CPUID.0DH.0:EAX[2]"]),
        ("nosuch", Dialect.LIBVIRT, []),
        ("CPUID.07H:EBX.nosuch [bit 2]", Dialect.QEMU, []),
        ("CPUID.07H:EBX.sgx [bit 99]", Dialect.QEMU, []),
    ],
)
def test_a_name_is_found_as_it_is_written(text: str, dialect: Dialect, addresses: list[str]) -> None:
    assert [str(feature.bits[0]) for feature in named(text, dialect).features] == addresses


def test_a_message_is_told_once_with_all_its_features() -> None:
    bits = ["CPUID.01H:ECX.fma [bit 12]", "CPUID.07H:EBX.avx2 [bit 5]", "CPUID.01H:ECX.fma [bit 12]"]
    diagnosis = only("".join(map(WARNING.format, bits)))
    assert diagnosis.count == 3
    assert [name.features[0].name for name in diagnosis.names] == ["fma", "avx2"]


def test_messages_that_tell_different_things_are_told_apart() -> None:
    text = "unable to find CPU model 'a'\nunable to find CPU model 'b'\nunable to find CPU model 'a'\n"
    assert [(one.values["model"], one.count) for one in diagnose(text).diagnoses] == [("a", 2), ("b", 1)]


def test_what_is_missing_beside_what_is_extra_is_read_too() -> None:
    text = "guest CPU doesn't match specification: extra features: x2apic,ht, missing features: hle,rtm"
    diagnosis = only(text)
    assert [name.text for name in diagnosis.names] == ["x2apic", "ht", "hle", "rtm"]
    assert {"ht-qemu-10", "tsx-taken", "cpu-lacks"} <= causes(diagnosis)


def test_what_fits_the_name_is_told_before_what_fits_any() -> None:
    for told, incident in (("extra features: ht", "ht-qemu-10"), ("missing features: waitpkg", "waitpkg-new")):
        assert only(f"guest CPU doesn't match specification: {told}").causes[0].cause.name == incident
    renamed = only("unsupported configuration: unknown CPU feature: arch-facilities")
    assert renamed.causes[0].tested == (Holding.HOLDS, "write arch-capabilities", "")
    assert "misspelt" not in causes(renamed)


def test_a_wrapper_is_told_only_where_nothing_else_is() -> None:
    wrapper = "error: internal error: process exited while connecting to monitor: "
    assert not diagnose(wrapper).is_explained
    assert only(wrapper + "invalid object type: memory-backend-epc").message.name == "sgx.no-epc-backend"


def test_labels_of_kubernetes_are_features() -> None:
    text = (
        "no node is suitable to run the required CPU model / required features: "
        "map[cpu-feature.node.kubevirt.io/avx2:true cpu-feature.node.kubevirt.io/amd-ssbd:true]"
    )
    diagnosis = only(f"Migration cannot proceed since {text}")
    assert [name.text for name in diagnosis.names] == ["avx2", "amd-ssbd"]


@pytest.mark.parametrize(
    ("features", "incident"),
    [
        ("hle,rtm", "tsx-taken"),
        ("vmx-rdrand-exit,vmx-posted-intr", "vmx-capabilities"),
        ("pdcm", "pdcm-pmu"),
        ("waitpkg", "waitpkg-new"),
        ("mpx", "mpx-removed"),
        ("svm", "svm-vmx"),
        ("ssbd", "speculation-microcode"),
        ("amx-tile", "amx-permission"),
        ("sgx1", "sgx-dropped"),
    ],
)
def test_an_incident_is_known_by_its_features_and_no_others(features: str, incident: str) -> None:
    assert incident in causes(only(MISSING.format(features)))
    assert incident not in causes(only(MISSING.format("popcnt")))


def test_what_holds_is_told_first() -> None:
    basic = rows(_1_0=row(), _7_0=row(ebx=1 << 2))
    host = evidence(cpuid=cpuid(basic), kvm=kvm({**basic, "00000007.0": row()}))
    diagnosis = diagnose(MISSING.format("sgx"), host).diagnoses[0]
    order = [judged.tested.holding for judged in diagnosis.causes]
    assert order[0] is Holding.HOLDS
    ranks = {Holding.HOLDS: 0, Holding.UNKNOWN: 1, Holding.UNTESTED: 1, Holding.HOLDS_NOT: 2}
    assert order == sorted(order, key=ranks.__getitem__)
    holds = {one.cause.name for one in diagnosis.causes if one.tested.holding is Holding.HOLDS}
    assert holds == {"kvm-lacks"}


def test_programs_and_versions_are_read_without_a_message() -> None:
    report = diagnose("Linux version 6.1.0-18-amd64 (x@y)\nlibvirtd (libvirt) 9.0.0\nnova.virt.libvirt.driver\n")
    assert report.programs == {"libvirt": "9.0.0", "Nova": None, "Linux": "6.1.0-18-amd64"}
    assert not report.diagnoses
