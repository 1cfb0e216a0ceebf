"""Laws of dumps, chains and features."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vcpuid.answers.why import chain_break, last_decided
from vcpuid.layers.words import has_all
from vcpuid.terms.address import Bits, CpuidRegister, Register
from vcpuid.terms.dump import Cpu, MissingRow
from vcpuid.terms.feature import Feature
from vcpuid.terms.verdict import Layer, State, Verdict

U32 = st.integers(0, 0xFFFFFFFF)
LEAVES = st.sampled_from([0, 1, 7, 0xD, 0x12, 0x40000000, 0x40000001, 0x80000000, 0x80000001, 0xC0000000])
ROWS = st.dictionaries(st.tuples(LEAVES, st.integers(0, 2)), st.tuples(U32, U32, U32, U32), max_size=8)
CPUS = st.builds(Cpu, st.just(0), ROWS, missing=st.sampled_from(MissingRow))
BITS = st.builds(
    lambda leaf, subleaf, register, bit: Bits(CpuidRegister(leaf, subleaf, register), bit, bit),
    LEAVES,
    st.integers(0, 2),
    st.sampled_from(Register),
    st.integers(0, 31),
)
FEATURES = st.lists(BITS, max_size=4).map(lambda bits: Feature("f", tuple(bits)))
CHAINS = st.lists(st.tuples(st.sampled_from(Layer), st.sampled_from(State)), max_size=8).map(
    lambda hops: [Verdict(layer, state, "a.rule", "", "") for layer, state in hops]
)


@given(CPUS, BITS)
def test_a_word_is_32_bits_or_unknown(cpu: Cpu, bits: Bits) -> None:
    value = cpu.read(bits.word)
    assert value is None or 0 <= value <= 0xFFFFFFFF
    assert cpu.has(bits) is (None if value is None else bool(value & bits.mask))


@given(CPUS, BITS)
def test_no_leaf_above_the_maximum_has_a_bit(cpu: Cpu, bits: Bits) -> None:
    assert isinstance(bits.word, CpuidRegister)
    maximum = cpu.maximum(bits.word.leaf)
    if maximum is not None and bits.word.leaf > maximum:
        assert cpu.has(bits) is False


@given(CPUS, BITS)
def test_evidence_that_omits_nothing_is_never_less_sure(cpu: Cpu, bits: Bits) -> None:
    sure = Cpu(cpu.number, cpu.rows, cpu.msrs, MissingRow.ZERO)
    unsure = Cpu(cpu.number, cpu.rows, cpu.msrs, MissingRow.UNKNOWN)
    assert unsure.has(bits) in (None, sure.has(bits))


@given(CPUS, FEATURES)
def test_a_feature_is_there_only_if_all_its_bits_are(cpu: Cpu, feature: Feature) -> None:
    found = [cpu.has(bits) for bits in feature.bits]
    has = has_all(cpu, feature)
    assert (has is True) == (bool(found) and all(found))
    assert (has is False) == (False in found)


@given(CPUS, FEATURES)
def test_the_order_of_bits_does_not_matter(cpu: Cpu, feature: Feature) -> None:
    assert has_all(cpu, feature) is has_all(cpu, Feature("f", feature.bits[::-1]))


@given(CPUS, FEATURES, BITS)
def test_a_further_bit_never_turns_no_into_yes(cpu: Cpu, feature: Feature, bits: Bits) -> None:
    if has_all(cpu, feature) is False:
        assert has_all(cpu, Feature("f", (*feature.bits, bits))) is False


@given(CHAINS)
def test_a_chain_breaks_just_where_it_ends_in_no(chain: list[Verdict]) -> None:
    broken = chain_break(chain)
    assert (broken is not None) == (last_decided(chain) is State.ABSENT)


@given(CHAINS)
def test_from_the_break_on_nobody_has_it(chain: list[Verdict]) -> None:
    broken = chain_break(chain)
    states = [verdict.state for verdict in chain]
    if broken is not None:
        starts = [number for number, verdict in enumerate(chain) if verdict.layer is broken]
        assert any(states[start] is State.ABSENT and State.PRESENT not in states[start:] for start in starts)


@given(CHAINS, CHAINS)
def test_undecided_hops_change_no_answer(chain: list[Verdict], more: list[Verdict]) -> None:
    undecided = [verdict for verdict in more if not verdict.state.decided]
    if any(verdict.state.decided for verdict in chain):
        assert last_decided([*chain, *undecided]) is last_decided(chain)
    assert chain_break([*undecided, *chain, *undecided]) is chain_break(chain)
