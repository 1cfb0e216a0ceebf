"""Whether a host can run a CPU, with the features that stand between them."""

from __future__ import annotations

import pytest

from cpu_maps import feature, guest, host, make_models, model
from vcpuid.errors import InputError
from vcpuid.rules.libvirt.compare import Relation, compare
from vcpuid.terms.guest import CpuMode, GuestCpu, Match

SMALL = make_models()
HOST = host("middle", "sgx", vendor="Intel")  # fpu vme de pse sgx


@pytest.mark.parametrize(
    ("cpu", "relation", "missing", "forbidden", "extra"),
    [
        (guest("middle", "+sgx"), Relation.IDENTICAL, (), (), ()),
        (guest("old"), Relation.SUPERSET, (), (), ("de", "pse", "sgx")),
        (guest("new"), Relation.INCOMPATIBLE, ("tsc",), (), ("sgx",)),
        (guest("new", "!tsc ?sgx"), Relation.IDENTICAL, (), (), ()),
        (guest("new", "-tsc -sgx"), Relation.IDENTICAL, (), (), ()),
        (guest("old", "~sgx"), Relation.INCOMPATIBLE, (), ("sgx",), ("de", "pse", "sgx")),
        (guest("old", "~tsc"), Relation.SUPERSET, (), (), ("de", "pse", "sgx")),
        (guest("old", match=Match.STRICT), Relation.INCOMPATIBLE, (), (), ("de", "pse", "sgx")),
        (guest("old", "!de ?pse -sgx", match=Match.STRICT), Relation.IDENTICAL, (), (), ()),
        (host("old"), Relation.SUPERSET, (), (), ("de", "pse", "sgx")),
        (host("middle", "tsc"), Relation.INCOMPATIBLE, ("tsc",), (), ("sgx",)),
    ],
)
def test_features_decide(
    cpu: GuestCpu, relation: Relation, missing: tuple[str, ...], forbidden: tuple[str, ...], extra: tuple[str, ...]
) -> None:
    answer = compare(SMALL, HOST, cpu)
    assert (answer.relation, answer.missing, answer.forbidden, answer.extra) == (
        relation,
        missing,
        forbidden,
        extra,
    )
    assert bool(answer.reason) == (relation is Relation.INCOMPATIBLE)


@pytest.mark.parametrize(
    ("cpu", "reason"),
    [
        (host("old", arch="ppc64"), "ppc64 is another architecture"),
        (guest("old", vendor="AMD"), "the CPU is to be from AMD, the host is from Intel"),
        (guest("nothing", vendor="Nobody"), "the CPU is to be from Nobody, the host is from Intel"),
    ],
)
def test_architecture_and_vendor_go_before_features(cpu: GuestCpu, reason: str) -> None:
    assert compare(SMALL, HOST, cpu)[:2] == (Relation.INCOMPATIBLE, reason)


def test_a_vendor_needs_a_host_that_names_one() -> None:
    answer = compare(SMALL, host("old"), guest("old", vendor="Intel"))
    assert answer.reason == "the CPU is to be from Intel, the host names no vendor"


def test_a_model_of_another_vendor_is_no_obstacle_by_itself() -> None:
    assert compare(SMALL, HOST, guest("other")).relation is Relation.SUPERSET


@pytest.mark.parametrize("mode", [CpuMode.HOST_MODEL, CpuMode.HOST_PASSTHROUGH, CpuMode.MAXIMUM])
def test_the_hosts_own_cpu_asks_for_its_features_only(mode: CpuMode) -> None:
    assert compare(SMALL, HOST, guest(None, mode=mode)).relation is Relation.SUPERSET
    assert compare(SMALL, HOST, guest(None, "+tsc", mode=mode)).missing == ("tsc",)
    assert compare(SMALL, HOST, guest(None, "~sgx", mode=mode)).forbidden == ("sgx",)


def test_a_faulty_definition_is_refused_before_anything_is_compared() -> None:
    with pytest.raises(InputError, match="named twice"):
        compare(SMALL, HOST, guest("old", "+sgx -sgx", vendor="AMD"))
    with pytest.raises(InputError, match="unknown CPU feature"):
        compare(SMALL, HOST, guest("old", "-nothing"))


def test_a_host_with_a_part_of_a_feature_lacks_it_by_name() -> None:
    # libvirt lists nothing here, since no whole feature is missing.
    features = (feature("fpu", "1.0.edx.0"), feature("low", "1.0.edx.4"), feature("two", "1.0.edx.4", "1.0.edx.5"))
    models = make_models(features, (model("base", "fpu"),))
    answer = compare(models, host("base", "low"), guest("base", "+two"))
    assert (answer.relation, answer.missing) == (Relation.INCOMPATIBLE, ("two",))
