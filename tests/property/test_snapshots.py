"""Snapshots from strangers: any bytes and any change of a sound one are read or refused, never a crash."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshots import document, whole_host
from vcpuid.answers.why import why
from vcpuid.errors import VcpuidError
from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import guest_of_domain, guest_of_process
from vcpuid.render.why import render_why, why_document
from vcpuid.snapshot import Snapshot

WHOLE = document(**whole_host())
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.from_regex(r"[0-9a-f ]{1,40}")
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)),
    max_leaves=6,
)
FEATURES = st.sampled_from(["sgx", "avx2", "vmx", "vmx-ept", "rdctl-no", "kvmclock", "pmu", "amx-tile", "sgx1"])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*path, key)
        yield from places(member, (*path, key))


PLACES = list(places(WHOLE))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("snapshots") / "host.json"


@given(raw=st.one_of(st.binary(), VALUES.map(lambda value: json.dumps(value).encode())))
def test_any_bytes_are_a_snapshot_or_an_error(file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
    with pytest.raises(VcpuidError) as caught:
        Snapshot.read(file)
    assert caught.value.source == str(file)


def changed(changes: list[tuple[tuple[Any, ...], Any]]) -> dict[str, Any]:
    whole = copy.deepcopy(WHOLE)
    for path, value in changes:
        place: Any = whole
        try:
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = copy.deepcopy(value)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took this place away
    return whole


@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=4), FEATURES)
def test_a_changed_snapshot_is_answered_or_refused(
    changes: list[tuple[tuple[Any, ...], Any]], feature: str
) -> None:
    try:
        snapshot = Snapshot.of(changed(changes), "host.json")
        evidence = Evidence(snapshot)
        guests = [None, guest_of_domain(evidence, "web-1"), guest_of_process(evidence, 4711)]
        answers = [why(feature, evidence, guest) for guest in guests]
        written = json.dumps(why_document(answers, snapshot.host_name, snapshot.taken_at))
        shown = render_why(answers, verbose=True).plain().encode()
    except VcpuidError:
        return
    assert written
    assert shown


@given(st.sets(st.sampled_from(sorted(WHOLE["sources"]))), FEATURES)
def test_less_evidence_never_turns_a_hop_around(left_out: set[str], feature: str) -> None:
    less = copy.deepcopy(WHOLE)
    for source in left_out:
        del less["sources"][source]
    whole, part = (why(feature, Snapshot.of(made, "host.json")) for made in (WHOLE, less))
    for layer, verdict in part.verdicts.items():
        if verdict.state.decided and whole.verdicts[layer].state.decided:
            assert verdict.state is whole.verdicts[layer].state


def test_a_snapshot_of_nothing_decides_nothing() -> None:
    answer = why("sgx", Snapshot.of(document(), "host.json"))
    assert not any(verdict.state.decided for verdict in answer.verdicts.values())
