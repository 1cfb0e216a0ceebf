"""Laws of libvirt's reasoning, with the map that ships and with maps whose features share bits."""

from __future__ import annotations

from contextlib import suppress
from functools import reduce
from operator import and_

from hypothesis import given
from hypothesis import strategies as st

from cpu_maps import FEATURES, HERE, feature, make_models, model
from vcpuid.errors import VcpuidError
from vcpuid.rules.libvirt.baseline import baseline
from vcpuid.rules.libvirt.compare import Relation, compare
from vcpuid.rules.libvirt.decode import Outcome, Side, best_model, decode
from vcpuid.rules.libvirt.definition import encode, expand
from vcpuid.rules.libvirt.models import CpuData, Model, Models
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.rules.libvirt.update import translate, update
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, Match, Policy

MODELS = Models(shipped_map())
EVERY_NAME = st.sampled_from(list(MODELS.features))
SOME_FEATURES = st.lists(EVERY_NAME, max_size=12, unique=True)


def requests(names: list[str], policies: list[Policy]) -> tuple[FeatureRequest, ...]:
    return tuple(FeatureRequest(name, policy, HERE) for name, policy in zip(names, policies, strict=False))


HOSTS = st.builds(
    lambda model, names: GuestCpu(
        CpuMode.CUSTOM, model, requests(names, [Policy.REQUIRE] * len(names)), HERE, arch="x86_64"
    ),
    # One vendor's and nobody's: what several vendors share is refused.
    st.sampled_from([one.name for one in MODELS.models.values() if one.vendor in {None, "Intel"}]),
    SOME_FEATURES,
)
GUESTS = st.builds(
    lambda model, names, policies, match: GuestCpu(
        CpuMode.CUSTOM, model, requests(names, policies), HERE, match=match
    ),
    st.sampled_from(list(MODELS.models)),
    SOME_FEATURES,
    st.lists(st.sampled_from(Policy), min_size=12, max_size=12),
    st.sampled_from(Match),
)
ANYTHING = st.builds(
    lambda mode, model, names, policies, vendor, arch: GuestCpu(
        mode, model, requests(names, policies), HERE, vendor=vendor, arch=arch
    ),
    st.sampled_from(CpuMode),
    st.sampled_from([None, "", "nothing", *list(MODELS.models)[::20]]),
    st.lists(st.one_of(EVERY_NAME, st.text(max_size=3)), max_size=4),
    st.lists(st.sampled_from(Policy), min_size=4, max_size=4),
    st.sampled_from([None, "", "Intel", "AMD", "Nobody"]),
    st.sampled_from([None, "x86_64", "ppc64"]),
)


def bits(cpu: GuestCpu) -> int:
    return encode(MODELS, cpu).bits


@given(st.lists(HOSTS, min_size=1, max_size=4))
def test_a_baseline_is_what_all_hosts_have(hosts: list[GuestCpu]) -> None:
    shared = bits(baseline(MODELS, hosts).cpu)
    assert shared == reduce(and_, map(bits, hosts))
    for host in hosts:
        assert compare(MODELS, host, baseline(MODELS, hosts).cpu).relation is not Relation.INCOMPATIBLE


SHARING = make_models((*FEATURES, feature("pair", "1.0.edx.0", "1.0.edx.4")))
SIGNATURES = st.sampled_from([0, 0x306C3, 0x306F2, 0x50654, 0x50657, 0x800F12, 0x5A1, 0x633, 0x10671])


@given(
    st.sampled_from(list(MODELS.models.values())),
    SOME_FEATURES,
    SOME_FEATURES,
    st.integers(0, 2**64),
    SIGNATURES,
    st.sampled_from([None, "Intel", "AMD", "Hygon", "nobody"]),
)
def test_the_best_model_is_that_of_the_whole_description(
    like: Model, more: list[str], fewer: list[str], noise: int, signature: int, vendor: str | None
) -> None:
    for models in (MODELS, make_models(), SHARING):
        known = [[name for name in names if name in models.features] for names in (more, fewer)]
        had = like.bits if models is MODELS else 0
        found = CpuData((had | noise | models.bits_of(known[0])) & ~models.bits_of(known[1]), vendor, signature)
        expected = None
        with suppress(VcpuidError):
            expected = decode(models, found, Side.GUEST).cpu.model
        assert best_model(models, found) == expected


@given(st.lists(HOSTS, min_size=1, max_size=4), st.randoms())
def test_the_order_of_hosts_changes_no_bit(hosts: list[GuestCpu], rng: object) -> None:
    shuffled = list(hosts)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random of its own
    assert bits(baseline(MODELS, shuffled).cpu) == bits(baseline(MODELS, hosts).cpu)


@given(st.lists(HOSTS, min_size=1, max_size=3))
def test_a_baseline_of_a_baseline_is_the_same(hosts: list[GuestCpu]) -> None:
    once = baseline(MODELS, hosts).cpu
    again = baseline(MODELS, [once]).cpu
    assert (bits(again), again.model) == (bits(once), once.model)
    assert bits(baseline(MODELS, [*hosts, hosts[0]]).cpu) == bits(once)


@given(HOSTS, st.sampled_from(Side))
def test_a_description_has_the_bits_that_it_describes(host: GuestCpu, side: Side) -> None:
    data = CpuData(bits(host), "Intel")
    try:
        decoded = decode(MODELS, data, side)
    except VcpuidError:
        assert side is Side.HOST  # a host may have too little for any model; a guest's model gives up features
        return
    assert bits(decoded.cpu) == data.bits
    chosen = [trial for trial in decoded.trials if trial.outcome is Outcome.CHOSEN]
    assert [trial.model for trial in chosen] == [decoded.cpu.model]
    assert all(trial.outcome is not Outcome.SCORE or trial.score is not None for trial in decoded.trials)


@given(HOSTS, GUESTS)
def test_a_comparison_is_what_the_bits_say(host: GuestCpu, cpu: GuestCpu) -> None:
    answer = compare(MODELS, host, cpu)
    policies = {request.name: request.policy for request in cpu.requests}
    model = set(MODELS.names(MODELS.models[cpu.model or ""].bits))
    has = set(MODELS.names(bits(host)))
    wanted = {name for name, policy in policies.items() if policy is Policy.REQUIRE} | (model - policies.keys())
    # A feature of the model that is forbidden is asked for and forbidden: no host will do.
    wanted |= {name for name in model if policies.get(name) is Policy.FORBID}
    forbidden = {name for name, policy in policies.items() if policy is Policy.FORBID} & has
    assert set(answer.missing) == wanted - has
    assert set(answer.forbidden) == forbidden
    fits = not answer.missing and not answer.forbidden
    assert (answer.relation is Relation.INCOMPATIBLE) == (
        not fits or (cpu.match is Match.STRICT and bool(answer.extra))
    )


@given(GUESTS)
def test_expanding_twice_is_expanding_once(cpu: GuestCpu) -> None:
    once = expand(MODELS, cpu)
    assert expand(MODELS, once) == once
    assert bits(once) == bits(cpu)


@given(ANYTHING, ANYTHING)
def test_any_definition_is_answered_or_refused_with_reasons(some: GuestCpu, other: GuestCpu) -> None:
    for ask in (
        lambda: compare(MODELS, some, other),
        lambda: baseline(MODELS, [some, other]),
        lambda: update(MODELS, some, other),
        lambda: translate(MODELS, some, {"qemu64": ()}),
        lambda: expand(MODELS, some),
    ):
        with suppress(VcpuidError):  # anything else is a failure
            ask()


SHARED = make_models(
    (
        feature("two", "1.0.edx.0", "1.0.edx.1"),
        feature("low", "1.0.edx.0"),
        feature("three", "1.0.edx.1", "1.0.edx.2", "7.0.ebx.2"),
        *(feature(f"f{bit}", f"1.0.edx.{bit}") for bit in range(8, 14)),
    ),
    (
        model("old", "f8 f9 two"),
        model("new", "f10 three", ancestor="old", removed="low"),
        model("last", "f11", ancestor="new"),
    ),
)


@given(st.lists(st.sampled_from(list(SHARED.features)), unique=True))
def test_where_features_share_bits_only_whole_ones_are_asked_for(names: list[str]) -> None:
    whole = SHARED.bits_of(names)
    try:
        cpu = decode(SHARED, CpuData(whole), Side.HOST).cpu
    except VcpuidError:
        return
    # The model may still have a part of a feature that the CPU has not whole: libvirt does not see that.
    for request in cpu.requests:
        assert SHARED.features[request.name].bits & ~whole == 0
    assert SHARED.count(whole) == len(list(SHARED.names(whole)))
