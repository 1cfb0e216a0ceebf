"""A map made ready: bits, models with their ancestors, what a CPU has of it."""

from __future__ import annotations

import pytest

from cpu_maps import FEATURES, MODELS, feature, make_models, model
from cpus import AUTHENTIC_AMD, CENTAUR_HAULS, GENUINE_INTEL, cpu, row
from vcpuid.errors import InputError
from vcpuid.rules.libvirt.map import Signature
from vcpuid.rules.libvirt.models import split_signature
from vcpuid.terms.dump import MissingRow

SMALL = make_models()


def contents(name: str) -> set[str]:
    return set(SMALL.names(SMALL.models[name].bits))


def test_a_model_has_what_its_ancestors_have() -> None:
    assert contents("new") == {"fpu", "vme", "de", "pse", "tsc"}
    assert SMALL.models["new"].vendor == "Intel"


def test_what_a_model_removes_or_adds_is_its_own_affair() -> None:
    assert (SMALL.models["middle"].removed, SMALL.models["new"].removed) == (("msr",), ())
    assert (SMALL.models["new"].added, "sgx" in contents("new")) == (("sgx",), False)


def test_signatures_are_inherited_until_a_model_has_its_own() -> None:
    models = make_models(models=(*MODELS, model("newest", ancestor="new"))).models
    assert models["middle"].signatures == (Signature(6, 23),)
    assert models["newest"].signatures == models["new"].signatures == (Signature(6, 85, 0xF0),)


def test_what_an_ancestor_has_removed_is_not_inherited_bit_by_bit() -> None:
    # Seen with libvirt 11.3: "two" is lost with the bit that it shares with "one".
    features = (feature("fpu", "1.0.edx.0"), feature("two", "1.0.edx.4", "1.0.edx.5"), feature("one", "1.0.edx.4"))
    models = make_models(features, (model("a", "fpu two", removed="one"), model("b", ancestor="a")))
    assert list(models.names(models.models["a"].bits)) == ["fpu", "two"]
    assert list(models.names(models.models["b"].bits)) == ["fpu"]


@pytest.mark.parametrize(
    ("faulty", "message", "found"),
    [
        (model("m", "fpu sgx9"), "unknown CPU feature of model m", "'sgx9'"),
        (model("m", "fpu", removed="sgx9"), "unknown CPU feature of model m", "'sgx9'"),
        (model("m", "fpu", added="sgx9"), "unknown CPU feature of model m", "'sgx9'"),
        (model("m", "fpu", vendor="Cyrix"), "unknown CPU vendor of model m", "'Cyrix'"),
        (model("m", "fpu", ancestor="late"), "unknown CPU ancestor of model m", "'late'"),
        (model("m", "fpu", ancestor="m"), "unknown CPU ancestor of model m", "'m'"),
    ],
)
def test_a_map_that_libvirt_would_refuse_is_refused(faulty: object, message: str, found: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        make_models(models=(faulty, model("late")))  # type: ignore[arg-type]  # parametrize forgets types
    assert caught.value.found == found


def test_a_cpu_is_read_by_the_maps_words() -> None:
    rows = {(1, 0): row(0x506E3, 0, 0, 0x39), (7, 0): row(0, 1 << 2 | 1 << 3)}
    data = SMALL.read(cpu(rows, msrs={0x10A: 3}))
    assert list(SMALL.names(data.bits)) == ["fpu", "pse", "tsc", "msr", "sgx", "rdctl-no"]
    assert (data.vendor, data.signature) == ("Intel", 0x506E3)


def test_leaves_above_the_maximum_are_not_there() -> None:
    rows = {(0, 0): row(1, 0x756E6547, 0x6C65746E, 0x49656E69), (7, 0): row(0, 1 << 2)}
    assert SMALL.read(cpu(rows)).bits == 0


@pytest.mark.parametrize(
    ("missing", "msrs", "untold"),
    [
        (MissingRow.ZERO, {}, {"rdctl-no"}),
        (MissingRow.ZERO, {0x10A: 0}, set()),
        (MissingRow.UNKNOWN, {0x10A: 0}, {"sgx", "invtsc"}),
    ],
)
def test_what_nobody_read_is_untold(missing: MissingRow, msrs: dict[int, int], untold: set[str]) -> None:
    rows = {(0, 0): (7, *GENUINE_INTEL), (1, 0): row(0x506E3)}
    assert untold == set(SMALL.names(SMALL.untold(cpu(rows, missing=missing, msrs=msrs))))


def test_a_vendor_that_the_map_does_not_know_is_none() -> None:
    assert SMALL.read(cpu(letters=AUTHENTIC_AMD)).vendor == "AMD"
    assert SMALL.read(cpu(letters=CENTAUR_HAULS)).vendor is None


@pytest.mark.parametrize(
    ("signature", "parts"), [(0x506E3, (6, 94, 3)), (0x800F12, (23, 1, 2)), (0x06F2, (6, 15, 2)), (0, (0, 0, 0))]
)
def test_the_extended_family_is_always_added(signature: int, parts: tuple[int, int, int]) -> None:
    assert split_signature(signature) == parts


@pytest.mark.parametrize(("stepping", "matches"), [(3, False), (4, True), (7, True), (8, False)])
def test_a_signature_may_want_some_steppings(stepping: int, *, matches: bool) -> None:
    assert SMALL.models["new"].matches(0x50650 | stepping) is matches


def test_a_feature_takes_its_bits_from_those_behind_it() -> None:
    features = (
        feature("two", "1.0.edx.0", "1.0.edx.1"),
        feature("low", "1.0.edx.0"),
        feature("high", "1.0.edx.1"),
    )
    models = make_models(features, ())
    assert not models.is_regular
    both = models.bits_of(["two"])
    assert (list(models.names(both)), models.count(both)) == (["two"], 1)
    low = models.bits_of(["low"])
    assert (list(models.names(low)), models.count(low)) == (["low"], 1)


def test_a_regular_map_is_counted_by_bits() -> None:
    assert SMALL.is_regular
    assert SMALL.count(SMALL.known) == len(FEATURES) == len(list(SMALL.names(SMALL.known)))


def test_unknown_names_are_told_with_the_map() -> None:
    for ask in (SMALL.feature, SMALL.model, SMALL.check_vendor):
        with pytest.raises(InputError, match="unknown CPU") as caught:
            ask("nothing")
        assert caught.value.expected == "a name in the map a test's map"


def test_an_unknown_name_comes_with_the_one_that_was_meant() -> None:
    with pytest.raises(InputError, match="unknown CPU feature") as caught:
        SMALL.feature("invtcs")
    assert caught.value.next_step == "Did you mean invtsc?"
    with pytest.raises(InputError, match="unknown CPU model") as caught:
        SMALL.model("nothing like it")
    assert caught.value.next_step is None
