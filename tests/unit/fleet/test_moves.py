"""Guests that move: against a plain reference over all hosts and guests, one by one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest

from fleets import READER, fleet_rows, ingest
from snapshots import cpu_map, document, domain_capabilities, kvm, libvirt, qemu, rows
from snapshots import row as registers
from vcpuid.answers.baseline import baseline_of
from vcpuid.answers.compare import Comparer, Compatibility
from vcpuid.answers.offer import Offer
from vcpuid.answers.party import Basis, Party, read_parties
from vcpuid.errors import UsageError
from vcpuid.fleet.configuration import configuration_of
from vcpuid.fleet.drain import find_exits
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.guests import GuestRow
from vcpuid.fleet.moving import Step, come_back, leave, migrate, read_guest, start
from vcpuid.fleet.precheck import Move, precheck
from vcpuid.fleet.record import HostRow, read_host
from vcpuid.fleet.store import Store
from vcpuid.fleet.what_if import find_price, find_what_if
from vcpuid.guest.libvirt import parse_cpu, parse_xml

HASWELL: Final = "<cpu mode='custom'><model>Haswell-noTSX</model></cpu>"
PLAIN: Final = "<cpu mode='custom'><model>Penryn</model></cpu>"
HOST_MODEL: Final = "<cpu mode='host-model'/>"
PASSTHROUGH: Final = "<cpu mode='host-passthrough'/>"
GUESTS: Final = (
    GuestRow("haswell", running=True, asked=HASWELL, got=HASWELL),
    GuestRow("off", running=False, asked=PLAIN, got=""),
    GuestRow("expanded", running=True, asked=HOST_MODEL, got=PLAIN),
    GuestRow("model", running=False, asked=HOST_MODEL, got=""),
    GuestRow("passed", running=True, asked=PASSTHROUGH, got=PASSTHROUGH),
    GuestRow("untold", running=False, asked="", got=""),
)
ROWS: Final = tuple(
    row._replace(guests=tuple(GUESTS[number % len(GUESTS) :])) for number, row in enumerate(fleet_rows(120))
)
COMPARER: Final = Comparer(READER)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    store = Store(tmp_path_factory.mktemp("fleet") / "store")
    ingest(store, ROWS)
    return store.fleet()


def offer(row: HostRow) -> Offer:
    return row.configuration.offer(READER, "there")


def custom(cpu: str, there: Offer) -> Compatibility:
    party = Party("g", Basis.DEFINITION, is_guest=True, cpu=parse_cpu(parse_xml(cpu, "t"), "t"))
    return COMPARER.guest_way(party, there).compatibility


def expected(guest: GuestRow, here: Offer, there: Offer) -> Compatibility:
    """Tell in a few words what leaving means."""
    match guest.guest:
        case "untold":
            return Compatibility.UNKNOWN
        case "model":
            return Compatibility.COMPATIBLE
        case "passed":
            return COMPARER.host_way(here, there).compatibility
        case "haswell":
            return custom(HASWELL, there)
        case _:
            return custom(PLAIN, there)


@pytest.mark.parametrize("within", [None, "zone", "rack"])
def test_a_drain_agrees_with_a_loop_over_all_hosts(fleet: Fleet, within: str | None) -> None:
    def place(row: HostRow) -> str:
        return {None: "", "zone": row.zone, "rack": row.labels["rack"]}[within]

    for row in ROWS[::17]:
        answer = find_exits(fleet, row.host, within)
        others = [other for other in ROWS if other.host != row.host and place(other) == place(row)]
        assert answer.targets == len(others)
        assert sorted(one.guest for one in answer.exits) == sorted(guest.guest for guest in row.guests)
        for one in answer.exits:
            guest = next(guest for guest in row.guests if guest.guest == one.guest)
            found = {other.host: expected(guest, offer(row), offer(other)) for other in others}
            states = set(found.values())
            wanted = next(
                (state for state in (Compatibility.COMPATIBLE, Compatibility.UNKNOWN) if state in states),
                Compatibility.INCOMPATIBLE,
            )
            assert one.compatibility is wanted
            able = sorted(host for host, state in found.items() if state is wanted)
            assert list(one.hosts) == ([] if wanted is Compatibility.INCOMPATIBLE else able)
            barred = Counter(found.values())
            assert max((obstacle.hosts for obstacle in one.obstacles), default=0) <= (
                barred[Compatibility.INCOMPATIBLE] + barred[Compatibility.UNKNOWN]
            )


def test_all_kinds_of_answers_were_met(fleet: Fleet) -> None:
    exits = [one for row in ROWS[::17] for one in find_exits(fleet, row.host).exits]
    assert {one.compatibility for one in exits} == {Compatibility.COMPATIBLE, Compatibility.UNKNOWN}
    assert any(one.obstacles for one in exits)


def test_a_host_alone_in_its_place_cannot_be_emptied(fleet: Fleet) -> None:
    lonely = ROWS[0]._replace(host="lonely", zone="island", guests=GUESTS[:1])
    store = Store(fleet.folder.parent / "lonely")
    ingest(store, [*ROWS[1:5], lonely])
    answer = find_exits(store.fleet(), "lonely", "zone")
    assert (answer.targets, answer.within) == (0, "zone island")
    assert answer.compatibility is Compatibility.INCOMPATIBLE
    assert find_exits(store.fleet(), "lonely").exits[0].obstacles is not None


def test_an_unknown_host_is_told(fleet: Fleet) -> None:
    with pytest.raises(UsageError, match="no host of this name"):
        find_exits(fleet, "nobody' OR 1=1")


def upgraded() -> Party:
    """Give a canary that has lost AVX2 and, since libvirt calls it so, Haswell."""
    features = "".join(f"<feature policy='require' name='{name}'/>" for name in ("ss", "vmx"))
    xml = domain_capabilities(f"<model>Penryn</model><vendor>Intel</vendor>{features}")["xml"]
    (party,) = read_parties(xml.encode(), "canary.xml")
    return party


def test_a_precheck_agrees_with_a_loop_over_all_guests(fleet: Fleet) -> None:
    target = upgraded()
    there = READER.read(target)
    wanted: Counter[tuple[Move, Step]] = Counter()
    for row in ROWS:
        here = offer(row)
        for guest in row.guests:
            read = read_guest(guest.asked, guest.got, running=guest.running)
            first = start(COMPARER, read, there)
            steps = [(Move.START, first)]
            if guest.running:
                steps.append((Move.MIGRATE, migrate(COMPARER, read, here, there)))
            if first.compatibility is not Compatibility.INCOMPATIBLE:
                steps.append((Move.COME_BACK, come_back(COMPARER, read, here, there)))
            wanted.update(step for step in steps if step[1].compatibility is not Compatibility.COMPATIBLE)
    answer = precheck(fleet, target)
    found: Counter[tuple[Move, Step]] = Counter()
    for one in answer.troubles:
        found[one.move, Step(one.compatibility, one.reason, one.features)] += one.guests
    assert found == wanted
    assert answer.guests == sum(len(row.guests) for row in ROWS)
    assert answer.compatibility is Compatibility.INCOMPATIBLE
    sure = [one for one in answer.troubles if one.compatibility is Compatibility.INCOMPATIBLE]
    assert list(answer.troubles[: len(sure)]) == sure
    lost = next(one for one in sure if one.move is Move.START)
    assert any(feature.startswith("avx2") for feature in lost.features)
    assert {one.move for one in answer.troubles} == set(Move)
    names = {f"{row.host}/{guest.guest}" for row in ROWS for guest in row.guests}
    assert {one.example for one in answer.troubles} <= names


def test_the_same_host_is_no_trouble(fleet: Fleet) -> None:
    party = upgraded()
    guests, configuration = (GUESTS[2], GUESTS[3], GUESTS[1]), configuration_of(party, READER)
    store = Store(fleet.folder.parent / "same")
    ingest(store, [ROWS[0]._replace(guests=guests, configuration=configuration)])
    answer = precheck(store.fleet(), party)
    assert not answer.troubles
    assert answer.compatibility is Compatibility.COMPATIBLE


def test_a_guest_is_no_target(fleet: Fleet) -> None:
    (guest,) = read_parties(HASWELL.encode(), "guest.xml")
    with pytest.raises(UsageError, match="guest's definition"):
        precheck(fleet, guest)


def test_what_a_running_guest_carries_decides(fleet: Fleet) -> None:
    assert fleet.date
    here = there = READER.read(upgraded())
    started = read_guest(HOST_MODEL, HASWELL, running=True)
    assert leave(COMPARER, started, here, there).compatibility is Compatibility.INCOMPATIBLE
    assert start(COMPARER, started, there).compatibility is Compatibility.COMPATIBLE
    assert come_back(COMPARER, started, here, there).compatibility is Compatibility.COMPATIBLE


@pytest.mark.parametrize("gone", [1, 3, 60])
def test_a_baseline_without_hosts_is_that_of_the_others(fleet: Fleet, gone: int) -> None:
    without = [row.host for row in ROWS[:gone]]
    answer = find_what_if(fleet, without)
    rest = baseline_of(READER, [offer(row) for row in ROWS[gone:]])
    everything = baseline_of(READER, [offer(row) for row in ROWS])
    assert answer.hosts == len(ROWS) - gone
    assert (set(answer.after.start), set(answer.before.start)) == (set(rest.start), set(everything.start))
    assert set(answer.gained) == set(rest.start) - set(everything.start)
    assert not answer.lost


def test_a_baseline_names_no_host_that_is_given_up(fleet: Fleet) -> None:
    alike = [row.host for row in ROWS if row.configuration == ROWS[0].configuration]
    answer = find_what_if(fleet, alike[:-1])
    assert alike[0] in {party.name.partition(" ")[0] for party in answer.before.hosts}
    named = {party.name.partition(" ")[0] for party in answer.after.hosts}
    assert alike[-1] in named
    assert not named & set(alike[:-1])


def test_a_feature_that_is_given_up_does_not_come_back_with_guests(tmp_path: Path) -> None:
    """KVM lists AVX2 beside a host-model that has it: without it there, guests could still bring it along."""
    own = libvirt("<model>Haswell</model><vendor>Intel</vendor>")
    raw = json.dumps(document(libvirt=own, kvm=kvm(rows(_7_0=registers(ebx=0x20))))).encode()
    store = Store(tmp_path / "store")
    ingest(store, [read_host(raw, "f", "h07", READER)])
    answer = find_what_if(store.fleet(), (), ["avx2"])
    assert answer.lost == ("avx2",)
    assert "avx2" not in (*answer.after.start, *answer.after.accept)


@pytest.mark.parametrize(
    "ask",
    [
        lambda fleet: find_exits(fleet, ROWS[0].host),
        lambda fleet: find_exits(fleet, ROWS[0].host, "zone"),
        lambda fleet: find_what_if(fleet, [ROWS[0].host]),
        lambda fleet: find_price(fleet, "EPYC"),
        lambda fleet: find_price(fleet, "Icelake-Server"),
    ],
)
def test_an_answer_looks_up_no_name_of_a_host_that_nobody_looks_at(
    fleet: Fleet, ask: Callable[[Fleet], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    real = fleet.engine.rows

    def counted(query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        found = real(query, parameters)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(fleet.engine, "rows", counted)
    assert ask(fleet)
    assert sizes
    assert max(sizes) < len(ROWS) / 2


def test_a_feature_that_is_given_up_is_lost(fleet: Fleet) -> None:
    name = find_what_if(fleet, [ROWS[0].host]).before.start[-1]
    answer = find_what_if(fleet, (), [name])
    assert answer.lost == (name,)
    assert not answer.gained
    assert answer.hosts == len(ROWS)


def test_no_host_may_stay(fleet: Fleet) -> None:
    with pytest.raises(UsageError, match="no host would stay"):
        find_what_if(fleet, [row.host for row in ROWS])


@pytest.mark.parametrize("model", ["Penryn", "Haswell-noTSX", "Skylake-Server-noTSX-IBRS", "Icelake-Server"])
def test_the_price_of_a_model_is_the_smallest(fleet: Fleet, model: str) -> None:
    bits = READER.models.models[model].bits
    answer = find_price(fleet, model)
    able = {row.host for row in ROWS if not bits & ~offer(row).data.bits}
    assert set(answer.give_up_hosts) == {row.host for row in ROWS} - able
    features = answer.give_up_features
    assert features is not None
    cut = READER.models.bits_of(features)
    assert all(not bits & ~cut & ~offer(row).data.bits for row in ROWS)
    for fewer in combinations(features, len(features) - 1) if features else ():
        assert any(bits & ~READER.models.bits_of(fewer) & ~offer(row).data.bits for row in ROWS)
    assert answer.unknown == len(ROWS)


def test_hosts_of_another_vendor_must_go(fleet: Fleet) -> None:
    answer = find_price(fleet, "EPYC")
    assert answer.give_up_features is None
    assert set(answer.foreign) == set(answer.give_up_hosts) == {row.host for row in ROWS}


@pytest.mark.parametrize(
    "cpu",
    [
        "<cpu mode='custom'><model>Haswel</model></cpu>",
        "<cpu mode='custom'><model>Penryn</model><feature policy='require' name='avx22'/></cpu>",
    ],
)
def test_a_guest_with_a_name_that_no_map_has_does_not_silence_the_others(fleet: Fleet, cpu: str) -> None:
    odd = GuestRow("odd", running=True, asked=cpu, got=cpu)
    store = Store(fleet.folder.parent / f"odd-{len(cpu)}")
    ingest(store, [ROWS[0]._replace(guests=(odd, GUESTS[0])), *ROWS[1:5]])
    word = "Haswel" if "Haswel" in cpu else "avx22"
    drained = {one.guest: one for one in find_exits(store.fleet(), ROWS[0].host).exits}
    assert drained["odd"].compatibility is Compatibility.UNKNOWN
    assert word in drained["odd"].obstacles[0].what
    assert drained["haswell"].compatibility is Compatibility.UNKNOWN
    assert word not in str(drained["haswell"].obstacles)
    answer = precheck(store.fleet(), upgraded())
    unsure = [one for one in answer.troubles if word in one.reason]
    assert {one.move for one in unsure} == set(Move)
    assert all(one.compatibility is Compatibility.UNKNOWN and one.guests == 1 for one in unsure)


def test_another_accelerator_is_not_answered_by_what_kvm_gives(fleet: Fleet) -> None:
    emulated = GuestRow("emulated", running=True, asked=PLAIN, got=PLAIN, accelerator="tcg")
    store = Store(fleet.folder.parent / "emulated")
    ingest(store, [ROWS[0]._replace(guests=(emulated,)), ROWS[1]._replace(guests=())])
    (one,) = find_exits(store.fleet(), ROWS[0].host).exits
    assert one.compatibility is Compatibility.UNKNOWN
    assert "runs under tcg" in one.obstacles[0].what
    answer = precheck(store.fleet(), canary("7.2.22", tcg=True))
    assert {trouble.move for trouble in answer.troubles} == {Move.COME_BACK}
    assert answer.troubles[0].reason == "it runs under tcg, and what its host gives under that is not known"


def canary(version: str, *, tcg: bool = False) -> Party:
    """Give a canary of which a snapshot tells libvirt and QEMU."""
    model = "<model>Penryn</model><vendor>Intel</vendor>"
    given = [domain_capabilities(model)] + ([domain_capabilities(model, "qemu")] if tcg else [])
    versions = {"library": "9.0.0", "daemon": "9.0.0", "hypervisor": f"QEMU {version}" if version else ""}
    source = libvirt(domain_capabilities=given, version=versions)
    raw = json.dumps(document(libvirt=source, qemu=qemu(version or None))).encode()
    (party,) = read_parties(raw, "canary.json")
    return party


@pytest.mark.parametrize(
    ("version", "machine", "reason"),
    [
        ("7.2.22", "pc-q35-7.2", ""),
        ("7.2.22", "pc-q35-8.0", "no such machine type"),
        ("8.2.1", "pc-q35-9.0", "no such machine type"),
        ("8.2.1", "pc-q35-2.4", ""),  # what 8.2 has was not measured
        ("11.1.0", "pc-i440fx-4.2", "no such machine type"),
        ("11.1.0", "pc-q35-5.2", ""),
        ("11.1.0", "pc-q35-rhel9.2.0", ""),  # a distribution's
        ("11.1.0", "q35", ""),
        ("", "pc-q35-99.0", ""),
    ],
)
def test_a_machine_type_that_the_targets_qemu_lacks_is_told(version: str, machine: str, reason: str) -> None:
    there, here = READER.read(canary(version)), offer(ROWS[0])
    guest = read_guest(PLAIN, PLAIN, running=True, machine=machine)
    for step in (start(COMPARER, guest, there), migrate(COMPARER, guest, here, there)):
        assert (reason in step.reason) if reason else ("machine" not in step.reason)
        if reason:
            assert step.compatibility is Compatibility.INCOMPATIBLE
            assert step.features == (machine,)
            assert version in step.reason


@pytest.mark.parametrize(
    ("fallback", "domain", "refused"),
    [(" fallback='forbid'", True, True), (" fallback='allow'", True, False), ("", True, False), ("", False, True)],
)
def test_a_model_that_the_targets_qemu_lacks_is_told(fallback: str, domain: bool, refused: bool) -> None:
    cpu = f"<cpu mode='custom'><model{fallback}>Icelake-Client</model></cpu>"
    guest = read_guest(cpu, "", running=False, domain=domain)
    step = start(COMPARER, guest, READER.read(canary("10.0.13")))
    assert ("no such CPU model" in step.reason) is refused
    assert (step.features == ("Icelake-Client",)) is refused
    assert "no such CPU model" not in start(COMPARER, guest, READER.read(canary("10.1"))).reason  # not measured


def test_names_of_libvirts_map_bind_domains_alone() -> None:
    own = libvirt("<model>qemu64</model><vendor>Intel</vendor>", map_=cpu_map())
    raw = json.dumps(document(libvirt=own)).encode()
    (party,) = read_parties(raw, "canary.json")
    there = READER.read(party)
    for domain in (True, False):
        guest = read_guest(PLAIN, "", running=False, domain=domain)
        step = start(COMPARER, guest, there)
        assert ("has no name for it" in step.reason) is domain
        assert (step.features == ("Penryn",)) is domain


def test_the_upgrade_is_to_blame_for_what_is_not_amiss_already(fleet: Fleet) -> None:
    """A guest that lacks something on its own host too: only a trouble of the same features is old."""
    model = "<model>Penryn</model><vendor>Intel</vendor>"
    off = "".join(f"<feature policy='disable' name='{name}'/>" for name in ("sse4.1", "ssse3"))
    (before,) = read_parties(domain_capabilities(model)["xml"].encode(), "before.xml")
    (after,) = read_parties(domain_capabilities(model + off)["xml"].encode(), "after.xml")
    store = Store(fleet.folder.parent / "blame")
    guest = GuestRow("g", running=True, asked=HASWELL, got=PLAIN, machine="pc-i440fx-1.7")
    ingest(store, [ROWS[0]._replace(guests=(guest,), configuration=configuration_of(before, READER))])
    blame = [[one.is_old for one in precheck(store.fleet(), party).troubles] for party in (before, after)]
    assert blame == [[True], [False, False]]
    machine = precheck(store.fleet(), canary("10.0.13")).troubles
    assert {(one.move, one.features, one.is_old) for one in machine} == {
        (move, ("pc-i440fx-1.7",), False) for move in (Move.START, Move.MIGRATE)
    }


def test_what_the_upgrade_is_to_blame_for_comes_first(fleet: Fleet) -> None:
    impossible = "<cpu mode='custom'><model>EPYC</model></cpu>"
    old = tuple(GuestRow(f"old-{n}", running=False, asked=impossible, got="") for n in range(9))
    store = Store(fleet.folder.parent / "old")
    ingest(store, [ROWS[0]._replace(guests=(*old, GUESTS[0]))])
    answer = precheck(store.fleet(), upgraded())
    sure = [one for one in answer.troubles if one.compatibility is Compatibility.INCOMPATIBLE]
    assert [one.is_old for one in sure] == sorted(one.is_old for one in sure)
    assert {one.is_old for one in sure} == {False, True}
    assert max(sure, key=lambda one: one.guests).is_old


def test_qemu_starts_without_a_word_what_libvirt_refuses() -> None:
    there = READER.read(upgraded())
    steps = [
        start(COMPARER, read_guest(HASWELL, "", running=True, domain=domain), there) for domain in (True, False)
    ]
    assert steps[0].features == steps[1].features
    assert "avx2" in " ".join(steps[1].features)
    assert ["silently" in step.reason for step in steps] == [False, True]
    assert {step.compatibility for step in steps} == {Compatibility.INCOMPATIBLE}


def test_what_a_process_never_had_it_does_not_need_elsewhere() -> None:
    small, whole = READER.read(upgraded()), offer(ROWS[0])
    guest = read_guest(HASWELL, "", running=True, domain=False)
    assert migrate(COMPARER, guest, small, small).compatibility is Compatibility.COMPATIBLE
    lost = migrate(COMPARER, guest, whole, small)
    assert lost.compatibility is Compatibility.INCOMPATIBLE
    assert any(feature.startswith("avx2") for feature in lost.features)
    domain = read_guest(HASWELL, HASWELL, running=True)
    assert migrate(COMPARER, domain, small, small).compatibility is Compatibility.INCOMPATIBLE


def test_the_qemu_that_libvirt_starts_next_outranks_one_that_guests_still_run() -> None:
    guest = read_guest(PLAIN, PLAIN, running=True, machine="pc-i440fx-1.7")
    old = {"path": "/usr/bin/qemu-system-x86_64", "version": "7.2.22"}
    for hypervisor, told in (("QEMU 10.0.13", True), ("", False)):
        source = libvirt(
            "<model>Penryn</model><vendor>Intel</vendor>",
            version={"library": "11.3.0", "daemon": "11.3.0", "hypervisor": hypervisor},
        )
        binaries = {"binaries": [old, {**old, "version": "10.0.13"}]}
        raw = json.dumps(document(libvirt=source, qemu=binaries)).encode()
        (party,) = read_parties(raw, "canary.json")
        step = start(COMPARER, guest, READER.read(party))
        assert ("no such machine type" in step.reason) is told
