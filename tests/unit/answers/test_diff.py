"""What differs between two dumps, and what only seems to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cpus import AUTHENTIC_AMD, CENTAUR_HAULS, Rows, apic_rows, brand_rows, cpu, dump, row
from vcpuid.answers.diff import Diff, Weight, diff
from vcpuid.terms.dump import Cpu, MissingRow, Registers

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


L1 = row(0x1C004121, 0x01C0003F, 0x3F)
L2_SMALL, L2_BIG = row(0x1C004143, 0x01C0003F, 0x7FF), row(0x1C004143, 0x03C0003F, 0x7FF)
L3 = row(0x1C03C163, 0x03C0003F, 0x1FFF, 6)
BROADCAST = row(0x1C004143, 0x01C0003F, 0x7FF, 1)


def meanings(answer: Diff, topic: str) -> dict[str, tuple[str, str]]:
    (kind,) = answer.kinds
    return {meaning.name: (meaning.before, meaning.after) for meaning in kind.meanings if meaning.topic == topic}


def listed(*caches: Registers) -> Rows:
    return {**BASE, **{(4, subleaf): cache for subleaf, cache in enumerate(caches)}}


def untold_by_meanings(answer: Diff) -> list[str]:
    (kind,) = answer.kinds
    return [change.field.name for change in kind.changes if change.field and not change.is_told]


def test_a_cache_by_what_it_is() -> None:
    answer = compare(listed(L1, L2_SMALL), listed(L1, L2_BIG))
    assert meanings(answer, "caches") == {"L2 unified": ("1 MiB, 8-way", "2 MiB, 16-way")}
    assert list(fields(answer)) == ["cache_nways"]
    assert untold_by_meanings(answer) == []


def test_a_cache_that_one_side_has() -> None:
    answer = compare(listed(L1, L2_SMALL), listed(L1, L2_SMALL, L3))
    new = "8 MiB, 16-way, lines of 64 bytes, for up to 16 threads"
    assert meanings(answer, "caches") == {"L3 unified": ("none", new)}


def test_who_shares_a_cache_is_told_where_it_differs() -> None:
    answer = compare(listed(L1), listed(row(0x1C000121, *L1[1:])))
    expected = ("32 KiB, 8-way, for up to 2 threads", "32 KiB, 8-way, of one thread")
    assert meanings(answer, "caches") == {"L1 data": expected}


def test_bits_that_no_cache_tells_are_still_shown() -> None:
    answer = compare(listed(L1, L2_SMALL), listed(L1, BROADCAST))
    assert meanings(answer, "caches") == {}
    assert untold_by_meanings(answer) == ["wbinvd_rll_no_guarantee"]


def test_a_list_that_a_dump_cuts_short_takes_no_cache_away() -> None:
    answer = compare(listed(L1, L2_SMALL, L3), listed(L1, L2_BIG), MissingRow.UNKNOWN)
    assert meanings(answer, "caches") == {"L2 unified": ("1 MiB, 8-way", "2 MiB, 16-way")}
    assert answer.kinds[0].untold == ((4, 2),)


def test_older_leaves_are_not_compared_with_newer_ones_that_a_dump_lacks() -> None:
    old: Rows = {**BASE, (2, 0): row(0x665B5101, 0, 0, 0x007B7040)}
    answer = compare(old, {**old, **listed(L1, L2_BIG)}, MissingRow.UNKNOWN)
    assert meanings(answer, "caches") == {}


def test_tlbs_by_what_one_side_alone_has() -> None:
    first, big, small = row(2), row(0, 0x0008_0003, 0x20, 0x4022), row(0, 0x0004_0001, 0x10, 0x4021)
    more = row(0, 0x0008_0001, 0x10, 0x4021)
    before: Rows = {**BASE, (0x18, 0): first, (0x18, 1): big, (0x18, 2): small}
    answer = compare(before, {**before, (0x18, 2): more})
    assert meanings(answer, "tlbs") == {"TLB L1 data": ("64 of 4 KiB 4-way", "128 of 4 KiB 8-way")}
    assert untold_by_meanings(answer) == []


def test_subleaves_beyond_the_last_are_not_there() -> None:
    before: Rows = {**BASE, (0x18, 0): row(1), (0x18, 1): row(0, 0x0008_0003, 0x20, 0x4022)}
    answer = compare(before, {**BASE, (0x18, 0): row(0)}, MissingRow.UNKNOWN)
    assert answer.kinds[0].untold == ()
    assert meanings(answer, "tlbs") == {"TLB L1 code": ("256 of 4 KiB or 2 MiB 8-way", "none")}


def test_the_type_of_a_processor_is_no_part_of_its_model() -> None:
    answer = compare(BASE, {**BASE, (1, 0): row(0x526E3)})
    assert untold_by_meanings(answer) == ["cpu_type"]


def test_errata_are_mended_before_features_are_compared() -> None:
    before, after = (cpu({(1, 0): row(0x660, 0, ecx, 0x8031B5)}, letters=CENTAUR_HAULS) for ecx in (0xC1705F8C, 0))
    (kind,) = diff(dump(before), dump(after)).kinds
    assert (kind.gained, kind.lost) == ((), ())


def test_what_the_sides_are_called() -> None:
    one = dump(cpu(BASE), origin="as the file says")
    answer = diff(one, one, names=("a.json", "b.json"))
    assert (answer.before, answer.after) == ("a.json", "b.json")
    assert answer.origins == ("as the file says", "as the file says")
    assert diff(one, one).before == "as the file says"
