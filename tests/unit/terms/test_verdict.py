"""The words of verdicts."""

from __future__ import annotations

from vcpuid.terms.verdict import Chain, Layer, State


def test_the_layers_stand_in_the_order_of_their_chains() -> None:
    chains = [layer.chain for layer in Layer]
    assert chains == [Chain.SUPPLY] * 6 + [Chain.DEMAND] * 3 + [Chain.GOT]
    assert [layer.value for layer in Layer][:6] == ["silicon", "firmware", "kernel", "kvm", "qemu", "libvirt"]


def test_only_yes_and_no_are_decided() -> None:
    assert [state for state in State if state.decided] == [State.PRESENT, State.ABSENT]
