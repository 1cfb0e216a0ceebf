"""What differs between two dumps, and what only seems to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cpus import AUTHENTIC_AMD, Rows, apic_rows, brand_rows, cpu, dump, row
from vcpuid.answers.diff import Diff, Weight, diff
from vcpuid.terms.dump import Cpu, MissingRow

AVX2, SGX = 1 << 5, 1 << 2
BASE: Rows = {(1, 0): row(0x506E3), (7, 0): row(0, AVX2 | SGX), (0xD, 0): row(7, 576, 832), (0x16, 0): row(2400)}


def compare(before: Rows, after: Rows, missing: MissingRow = MissingRow.ZERO) -> Diff:
    return diff(dump(cpu(before, missing=missing)), dump(cpu(after, missing=missing)))


def fields(answer: Diff) -> dict[str, tuple[str, str, Weight]]:
    return {
        change.field.name if change.field else f"{change.register}[{change.low}]": (
            change.before,
            change.after,
            change.weight,
        )
        for kind in answer.kinds
        for change in kind.changes
    }


def test_a_dump_does_not_differ_from_itself() -> None:
    answer = compare(BASE, BASE)
    assert not answer.is_real
    assert (answer.kinds[0].changes, answer.kinds[0].untold) == ((), ())


def test_features_by_name() -> None:
    answer = compare(BASE, {**BASE, (7, 0): row(0, AVX2, 1 << 30)})
    (kind,) = answer.kinds
    assert (kind.gained, kind.lost) == (("sgxlc",), ("sgx",))
    assert [change.feature for change in kind.changes] == ["sgx", "sgxlc"]
    assert answer.is_real


def test_numbers_by_meaning() -> None:
    answer = compare(BASE, {**BASE, (0x16, 0): row(3600)})
    assert fields(answer) == {"cpu_base_mhz": ("2400 MHz", "3600 MHz", Weight.REAL)}
    assert answer.is_real


@pytest.mark.parametrize(
    ("key", "registers"),
    [
        ((1, 0), row(0x506E3, 7 << 24)),
        ((1, 0), row(0x506E3, 0, 1 << 27)),
        ((7, 0), row(0, AVX2 | SGX, 1 << 4)),
        ((0xD, 0), row(7, 832, 832)),
        ((0xB, 0), row(edx=5)),
    ],
    ids=["APIC id", "OSXSAVE", "OSPKE", "XCR0", "x2APIC id"],
)
def test_dynamic_fields_are_no_real_difference(key: tuple[int, int], registers: tuple[int, int, int, int]) -> None:
    answer = compare({**BASE, (0xB, 0): row()}, {**BASE, (0xB, 0): row(), key: registers})
    assert not answer.is_real
    assert {weight for _, _, weight in fields(answer).values()} == {Weight.DYNAMIC}
    assert (answer.kinds[0].gained, answer.kinds[0].lost) == ((), ())


def test_bits_without_a_name_are_real() -> None:
    answer = compare(BASE, {**BASE, (0x16, 0): row(2400, 0, 0, 1 << 31)})
    assert fields(answer) == {"edx[31]": ("0", "1", Weight.REAL)}


def test_vendor_brand_and_model_in_words() -> None:
    before = cpu({**BASE, **brand_rows(b"Intel CPU")})
    after = cpu({**BASE, (1, 0): row(0xA00F11), **brand_rows(b"AMD CPU")}, letters=AUTHENTIC_AMD)
    (kind,) = diff(dump(before), dump(after)).kinds
    meanings = {meaning.name: (meaning.before, meaning.after) for meaning in kind.meanings}
    assert meanings["vendor"] == ("GenuineIntel", "AuthenticAMD")
    assert meanings["brand"] == ("Intel CPU", "AMD CPU")
    assert meanings["model"][1] == "family 0x19, model 0x1, stepping 1"


def test_what_one_dump_does_not_tell_is_no_difference() -> None:
    less = {key: value for key, value in BASE.items() if key != (7, 0)}
    answer = compare(BASE, less, MissingRow.UNKNOWN)
    assert not answer.is_real
    assert answer.kinds[0].untold == ((7, 0),)


def test_a_row_that_means_zero_where_it_is_missing() -> None:
    less = {key: value for key, value in BASE.items() if key != (7, 0)}
    assert set(compare(BASE, less).kinds[0].lost) == {"avx2", "sgx"}


def test_a_leaf_above_the_maximum_is_not_there() -> None:
    lower: Rows = {**BASE, (0, 0): row(6, 0x756E6547, 0x6C65746E, 0x49656E69)}
    (kind,) = compare(BASE, lower, MissingRow.UNKNOWN).kinds
    assert set(kind.lost) == {"avx2", "sgx"}
    assert kind.untold == ()


def machine(count: int, rows: Rows = BASE) -> tuple[Cpu, ...]:
    return tuple(cpu({**rows, **apic_rows(number)}, number=number) for number in range(count))


def test_counts() -> None:
    answer = diff(dump(*machine(8)), dump(*machine(4)))
    assert answer.counts == {"thread": (8, 4), "core": (4, 2)}
    assert answer.is_real


def test_one_cpu_says_nothing_of_its_machine() -> None:
    answer = diff(dump(*machine(8)), dump(*machine(1)))
    assert (answer.counts, answer.is_real) == ({}, False)


def hybrid(kind: int, number: int, ebx: int = AVX2) -> Cpu:
    return cpu({(7, 0): row(0, ebx, 0, 1 << 15), (0x1A, 0): row(kind << 24)}, number=number)


def test_hybrid_cpus_stand_beside_their_like() -> None:
    answer = diff(dump(hybrid(0x40, 0), hybrid(0x20, 1)), dump(hybrid(0x20, 0), hybrid(0x40, 1)))
    assert not answer.is_real
    assert [(kind.before, kind.after) for kind in answer.kinds] == [((0,), (1,)), ((1,), (0,))]


def test_a_kind_of_cpu_that_has_gone() -> None:
    answer = diff(dump(hybrid(0x40, 0), hybrid(0x20, 1)), dump(hybrid(0x40, 0), hybrid(0x40, 1)))
    assert (answer.only_before, answer.only_after) == (((1,),), ())
    assert answer.is_real


def test_unlike_kinds_are_compared_where_nobody_else_is_there() -> None:
    assert len(diff(dump(hybrid(0x40, 0)), dump(hybrid(0x20, 5))).kinds) == 1


def test_the_number_of_a_cpu_does_not_count() -> None:
    one = cpu(BASE)
    assert not diff(dump(one), dump(replace(one, number=9))).is_real
