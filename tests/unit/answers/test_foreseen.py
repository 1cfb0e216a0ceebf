"""A guest that was asked, held against what QEMU's rules foretell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cpus import cpu, row
from vcpuid.answers.foreseen import Foreseen, foresee
from vcpuid.guest.qemu import parse_cpu
from vcpuid.rules.qemu import load_qemu, predict
from vcpuid.terms.address import CpuidRegister, MsrRegister
from vcpuid.terms.dump import Cpu, Dump, Registers
from vcpuid.terms.guest import Accelerator
from vcpuid.terms.place import Place
from vcpuid.terms.probed import ProbeResult

AVX2 = 1 << 5


def as_foretold(text: str) -> Cpu:
    """Make the guest that the rules of QEMU 7.2 foretell under TCG."""
    foretold = predict(parse_cpu(text, Place("test")), load_qemu("7.2"), accelerator=Accelerator.TCG)
    rows: dict[tuple[int, int], Registers] = {}
    for word, value in foretold.words.items():
        if isinstance(word, CpuidRegister):
            registers = list(rows.get((word.leaf, word.subleaf), row()))
            registers[word.register.position] = value.value
            rows[word.leaf, word.subleaf] = (registers[0], registers[1], registers[2], registers[3])
    msrs = {word.index: value.value for word, value in foretold.words.items() if isinstance(word, MsrRegister)}
    return cpu(rows, msrs=msrs)


def probed(text: str, guest: Cpu | None = None, *, accelerator: Accelerator = Accelerator.TCG) -> ProbeResult:
    dump = Dump((guest or as_foretold(text),), "probe")
    return ProbeResult(text, accelerator, "pc", "1", "/usr/bin/qemu", "7.2.22", (), (), dump, dump, ())


def found(result: ProbeResult, host: Cpu | None = None) -> Foreseen:
    answer = foresee(result, host)
    assert answer is not None
    return answer


def with_leaf_7(guest: Cpu, change: int) -> Cpu:
    eax, ebx, ecx, edx = guest.rows[7, 0]
    return replace(guest, rows={**guest.rows, (7, 0): (eax, ebx ^ change, ecx, edx)})


def test_a_guest_as_foretold_has_no_surprise() -> None:
    answer = found(probed("Haswell,-avx2"))
    assert answer.rules == "QEMU 7.2"
    assert answer.surprises == ()
    assert answer.checked > 10


def test_what_the_guest_shows_besides_is_told_with_the_reason() -> None:
    (one,) = found(probed("Haswell,-avx2", with_leaf_7(as_foretold("Haswell,-avx2"), AVX2))).surprises
    assert (one.feature, one.is_seen, one.reason) == ("avx2", True, "turned off")


def test_what_it_lacks_too() -> None:
    (one,) = found(probed("Haswell", with_leaf_7(as_foretold("Haswell"), AVX2))).surprises
    assert (one.feature, one.is_seen, one.reason) == ("avx2", False, "asked for and given")


@pytest.mark.parametrize(
    "change",
    [{"smp": "2"}, {"version": None}, {"version": "a fork"}, {"machine": "none-such"}, {"cpu": "no-model"}],
    ids=str,
)
def test_what_no_rule_foretells(change: dict[str, str | None]) -> None:
    result = probed("Haswell")
    assert foresee(replace(result, **change), None) is None  # type: ignore[arg-type]


def test_under_kvm_what_is_not_listed_leaves_the_prediction_open() -> None:
    result = probed("Haswell", accelerator=Accelerator.KVM)
    assert all(one.feature != "avx2" for one in found(result, None).surprises)
