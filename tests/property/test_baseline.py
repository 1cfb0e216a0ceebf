"""Laws of baselines and comparisons, over definitions of the shipped map."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from vcpuid.answers.baseline import baseline
from vcpuid.answers.compare import Compatibility, compare
from vcpuid.answers.offer import OfferReader
from vcpuid.answers.party import Basis, Party
from vcpuid.rules.libvirt.shipped import shipped_map
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, Policy
from vcpuid.terms.place import Place

HERE = Place("test")
MAP = shipped_map()
READER = OfferReader([], MAP)
# Features that libvirt leaves out of a CPU that is to migrate would make a baseline differ from its hosts.
FEATURES = [name for name, feature in MAP.features.items() if feature.migratable]
REQUESTS = st.lists(st.sampled_from(FEATURES), max_size=12, unique=True)
MODELS = st.sampled_from(
    [name for name, model in MAP.models.items() if READER.models.model(name).vendor == "Intel"]
)


@st.composite
def hosts(draw: st.DrawFn) -> Party:
    requests = [
        FeatureRequest(name, draw(st.sampled_from([Policy.REQUIRE, Policy.DISABLE])), HERE)
        for name in draw(REQUESTS)
    ]
    cpu = GuestCpu(CpuMode.CUSTOM, draw(MODELS), tuple(requests), HERE, vendor="Intel", arch="x86_64")
    return Party(f"host {draw(st.integers(0, 99))}", Basis.DEFINITION, cpu=cpu)


@given(st.lists(hosts(), min_size=1, max_size=5))
def test_every_host_can_run_the_baseline(parties: list[Party]) -> None:
    answer = baseline(parties, MAP)
    if answer.cpu is None:
        return
    guest = Party("guest", Basis.DEFINITION, is_guest=True, cpu=answer.cpu)
    for party in parties:
        assert compare(guest, party, MAP).compatibility is Compatibility.COMPATIBLE


@given(st.lists(hosts(), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_hosts_does_not_matter(parties: list[Party], random: Random) -> None:
    shuffled = list(parties)
    random.shuffle(shuffled)
    assert set(baseline(parties, MAP).start) == set(baseline(shuffled, MAP).start)


@given(st.lists(hosts(), min_size=1, max_size=4))
def test_a_host_twice_changes_nothing(parties: list[Party]) -> None:
    assert baseline(parties, MAP).start == baseline([*parties, parties[0]], MAP).start


@given(st.lists(hosts(), min_size=2, max_size=5))
def test_a_cost_is_what_the_baseline_of_the_others_has_more(parties: list[Party]) -> None:
    named = [Party(f"h{number}", party.basis, cpu=party.cpu) for number, party in enumerate(parties)]
    answer = baseline(named, MAP)
    for cost in answer.costs:
        others = [party for party in named if party.name not in cost.hosts]
        assert set(baseline(others, MAP).start) - set(answer.start) == set(cost.features)


@given(hosts(), hosts())
def test_there_and_back_agree_with_the_bits(first: Party, second: Party) -> None:
    answer = compare(first, second, MAP)
    one, other = (READER.read(party).data.bits for party in (first, second))
    ignored = READER.beside_cpuid
    assert (answer.there.compatibility is Compatibility.COMPATIBLE) == (not one & ~other & ~ignored)
    assert answer.back is not None
    assert (answer.back.compatibility is Compatibility.COMPATIBLE) == (not other & ~one & ~ignored)
