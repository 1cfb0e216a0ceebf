"""Questions of a fleet, against a plain reference over its hosts, one by one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from fleets import DUMPS, READER, documents, fleet_rows, ingest
from snapshots import cpuid, document, domain_capabilities, kvm, libvirt, row, rows
from vcpuid.answers.baseline import baseline
from vcpuid.answers.compare import Comparer, Compatibility
from vcpuid.answers.look_up import look_up_for_map
from vcpuid.answers.party import Basis, Party, read_parties
from vcpuid.fleet.baseline import find_baselines
from vcpuid.fleet.configuration import EvidenceLayer, configuration_of
from vcpuid.fleet.drift import find_drift
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.missing import find_lacking
from vcpuid.fleet.record import HostRow, read_host
from vcpuid.fleet.store import Store
from vcpuid.fleet.summary import is_scattered, summarise
from vcpuid.fleet.which_hosts import find_places
from vcpuid.guest.libvirt import parse_cpu, parse_xml, render_cpu
from vcpuid.rules.libvirt.shipped import shipped_map

ROWS = fleet_rows()
HASWELL = "<cpu mode='custom'><model>Haswell-noTSX</model></cpu>"


def dumps() -> list[Path]:
    return [path for path in sorted(DUMPS.iterdir()) if path.suffix == ".json"]


@pytest.mark.parametrize("path", dumps(), ids=lambda path: path.name)
def test_a_configuration_gives_what_its_host_gives(path: Path) -> None:
    for party in read_parties(path.read_bytes(), str(path)):
        direct = READER.read(party)
        kept = configuration_of(party, READER).offer(READER, party.name)
        assert (kept.data, kept.model, kept.untold) == (direct.data, direct.model, direct.untold)


def test_a_host_model_gives_what_its_host_gives() -> None:
    model = "<model>Haswell</model><vendor>Intel</vendor><feature policy='require' name='ss'/>"
    xml = domain_capabilities(model)["xml"]
    (party,) = read_parties(xml.encode(), "f")
    direct = READER.read(party)
    configuration = configuration_of(party, READER)
    kept = configuration.offer(READER, party.name)
    assert (kept.data, kept.model, kept.untold) == (direct.data, direct.model, direct.untold)
    assert kept.party.basis is Basis.HOST_MODEL
    assert baseline([party], shipped_map()).is_safe


def test_hosts_whose_kvm_was_asked_on_different_cores_are_one_configuration() -> None:
    told = []
    for core in (1, 2):
        (raw,) = documents(1)
        host = json.loads(raw)
        listed = host["sources"]["kvm"]["data"]["supported_cpuid"]
        eax, ebx, ecx, edx = listed["00000001.0"].split()
        listed["00000001.0"] = f"{eax} {core:02x}{ebx[2:]} {ecx} {edx}"
        told.append(read_host(json.dumps(host).encode(), f"h{core}", "", READER).configuration)
    assert told[0] == told[1]


def test_the_summary_counts(fleet: Fleet) -> None:
    answer = summarise(fleet)
    assert answer.hosts == 200
    assert answer.guests == sum(len(row.guests) for row in ROWS)
    assert answer.running == sum(guest.running for row in ROWS for guest in row.guests) > 0
    for column in ("kernel", "microcode", "brand", "generation"):
        assert Counter(dict(answer.counts[column])) == Counter(getattr(row, column) for row in ROWS)
    models = Counter(row.configuration.offer(READER, "").model or "" for row in ROWS)
    assert dict(answer.models) == models
    assert not answer.is_scattered


def test_many_configurations_are_suspicious() -> None:
    assert is_scattered(20, 11)
    assert not is_scattered(20, 10)
    assert not is_scattered(19, 19)


@pytest.mark.parametrize("name", ["avx2", "hle", "sgx", "7.0.ecx.16", "hypervisor", "rdctl-no"])
@pytest.mark.parametrize("layer", [None, EvidenceLayer.KVM, EvidenceLayer.CPUID])
def test_who_lacks_a_feature(fleet: Fleet, name: str, layer: EvidenceLayer | None) -> None:
    feature = look_up_for_map(name, "intel")
    answer = find_lacking(fleet, feature, layer)
    layers = [layer] if layer else [EvidenceLayer.KVM, EvidenceLayer.CPUID]
    told = {row.host: row.configuration.tells(feature.bits, layers) for row in ROWS}
    assert answer.has == list(told.values()).count(True)
    assert answer.lacks == tuple(sorted(host for host, has in told.items() if has is False))
    assert answer.untold == tuple(sorted(host for host, has in told.items() if has is None))


def test_dropped_features_are_missed_by_kvm_and_not_by_cpuid(fleet: Fleet) -> None:
    umip = look_up_for_map("umip")
    by_kvm = find_lacking(fleet, umip)
    assert set(find_lacking(fleet, umip, EvidenceLayer.CPUID).lacks) < set(by_kvm.lacks)


def test_what_the_system_switches_is_not_asked_of_cpuid(fleet: Fleet) -> None:
    answer = find_lacking(fleet, look_up_for_map("osxsave"), EvidenceLayer.CPUID)
    assert (answer.has, answer.lacks, len(answer.untold)) == (0, (), 200)


def test_who_can_run_a_guest(fleet: Fleet) -> None:
    guest = Party("g", Basis.DEFINITION, is_guest=True, cpu=parse_cpu(parse_xml(HASWELL, "f"), "f"))
    answer = find_places(fleet, guest)
    comparer = Comparer(READER)
    expected: dict[Compatibility, list[str]] = {state: [] for state in Compatibility}
    for one in ROWS:
        way = comparer.guest_way(guest, one.configuration.offer(READER, one.host))
        expected[way.compatibility].append(one.host)
    assert answer.hosts == {state: tuple(sorted(hosts)) for state, hosts in expected.items()}


@pytest.mark.parametrize("by", [None, "zone", "rack", "vendor", "nothing"])
def test_a_baseline_of_distinct_configurations_is_that_of_all_hosts(fleet: Fleet, by: str | None) -> None:
    parties = {row.host: read_parties(raw, "f")[0] for row, raw in zip(ROWS, documents(), strict=True)}
    answers = find_baselines(fleet, by)
    assert sum(answer.hosts for answer in answers) == 200
    for answer in answers:
        own = [parties[row.host] for row in ROWS if place(row, by) == answer.place]
        whole = baseline(own, shipped_map())
        assert len(own) == answer.hosts
        found = answer.baseline
        assert (found.cpu, found.start, found.accept) == (whole.cpu, whole.start, whole.accept)
        assert len(found.hosts) == answer.distinct


def place(host: HostRow, by: str | None) -> str:
    if by == "vendor":
        return host.configuration.offer(READER, host.host).data.vendor or ""
    return "" if by is None else host.zone if by == "zone" else host.labels.get(by, "")


@pytest.mark.parametrize("layer", ["kvm", "cpuid"])
def test_drift_names_what_changed(tmp_path: Path, layer: str) -> None:
    store = Store(tmp_path / "store")
    sources = {"cpuid": cpuid(rows(_7_0=row(ebx=0x24))), "kvm": kvm(rows(_7_0=row(ebx=0x24)))}
    before = read_host(json.dumps(document(**sources)).encode(), "f", "h07", READER)
    sources[layer] = (kvm if layer == "kvm" else cpuid)(rows(_7_0=row(ebx=0x108)))
    after = read_host(json.dumps(document(**sources)).encode(), "f", "h07", READER)._replace(kernel="6.9")
    ingest(store, [before._replace(host="a"), before._replace(host="b"), before._replace(host="c")], "2026-01-01")
    ingest(store, [after._replace(host="b"), after._replace(host="c"), after._replace(host="d")], "2026-01-02")
    answer = find_drift(store.fleet(), "2026-01-01")
    assert (answer.both, answer.gone, answer.new, answer.losing) == (2, ("a",), ("d",), 2)
    (change,) = answer.changes
    assert (change.hosts, change.host) == (2, "b")
    (one,) = change.layers
    assert (one.layer.value, one.lost, one.gained, one.numbers) == (layer, ("sgx", "avx2"), ("bmi1", "bmi2"), ())
    assert [tuple(version) for version in answer.versions["kernel"]] == [("", "6.9", 2, "b")]
    assert answer.versions["qemu"] == ()


def test_drift_tells_other_cpus_and_other_evidence(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    old, new = ({"cpuid": cpuid(rows(_1_0=row(eax=eax)))} for eax in (0x506E3, 0x506E4))
    new["libvirt"] = libvirt("<model>Skylake-Client</model>")
    for date, sources in (("2026-01-01", old), ("2026-01-02", new)):
        ingest(store, [read_host(json.dumps(document(**sources)).encode(), "f", "", READER)], date)
    (change,) = find_drift(store.fleet(), "2026-01-01").changes
    assert change.came == (EvidenceLayer.HOST_MODEL,)
    assert [layer.numbers for layer in change.layers] == [("CPUID.01H:EAX 000506e3 -> 000506e4",)]
    assert not change.has_lost


def test_a_snapshot_does_not_drift_from_itself(fleet: Fleet) -> None:
    answer = find_drift(fleet, fleet.date)
    assert (answer.both, answer.gone, answer.new, answer.changes) == (200, (), (), ())
    assert not any(answer.versions.values())


def test_a_baseline_of_snapshots_is_that_of_the_store(tmp_path: Path) -> None:
    example = (DUMPS.parents[1] / "docs" / "examples" / "h07.json").read_bytes()
    dump = (DUMPS / "intel-coffee-lake.json").read_bytes()
    parties = [*read_parties(example, "h07"), *read_parties(dump, "dump")]
    assert parties[0].basis is Basis.HOST_MODEL
    store = Store(tmp_path / "store")
    for chosen, raws in ((parties[:1], [example]), (parties, [example, dump])):
        ingest(store, [read_host(raw, "f", "dump", READER) for raw in raws])
        (answer,) = find_baselines(store.fleet())
        whole = baseline(chosen, shipped_map())
        found = answer.baseline
        assert (found.start, found.accept, found.allowed) == (whole.start, whole.accept, whole.allowed)
        assert found.is_safe == whole.is_safe
        assert found.cpu is not None
        assert whole.cpu is not None
        assert render_cpu(found.cpu) == render_cpu(whole.cpu)
