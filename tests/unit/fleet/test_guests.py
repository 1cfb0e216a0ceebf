"""Guests as the store keeps them: each one once, with the CPU that counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fleets import READER, fleet_rows, ingest, make_old
from snapshots import cpuid, document, domain_xml, domains, monitor, processes, row, rows
from vcpuid.answers.compare import Compatibility
from vcpuid.fleet.drain import find_exits
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.guests import GuestRow
from vcpuid.fleet.record import read_host
from vcpuid.fleet.store import Store
from vcpuid.guest.libvirt import parse_cpu, parse_xml
from vcpuid.terms.guest import CpuMode, Policy

PENRYN = "<cpu mode='custom' match='exact'>\n  <model>Penryn</model>\n</cpu>"


def guests_of(**sources: Any) -> tuple[GuestRow, ...]:  # noqa: ANN401 - raw JSON
    raw = json.dumps(document(cpuid=cpuid(rows(_1_0=row(eax=0x506E3))), **sources)).encode()
    return read_host(raw, "f", "h07", READER).guests


def requests_of(text: str) -> dict[str, Policy]:
    return {one.name: one.policy for one in parse_cpu(parse_xml(text, "f"), "f").requests}


def test_a_process_that_is_no_domains_is_a_guest() -> None:
    arguments = ("-machine", "pc-q35-7.2,accel=kvm", "-cpu", "Haswell,+avx512f,-hle,hv-relaxed,enforce")
    (guest,) = guests_of(processes=processes(*arguments))
    assert (guest.guest, guest.running, guest.domain, guest.got) == ("web-1", True, False, "")
    assert (guest.accelerator, guest.machine) == ("kvm", "pc-q35-7.2")
    assert parse_cpu(parse_xml(guest.asked, "f"), "f").model == "Haswell"
    assert requests_of(guest.asked) == {"avx512f": Policy.REQUIRE, "hle": Policy.DISABLE}


@pytest.mark.parametrize(
    ("argument", "mode"),
    [(("-cpu", "host"), CpuMode.HOST_PASSTHROUGH), (("-cpu", "max"), CpuMode.MAXIMUM), ((), CpuMode.DEFAULT)],
)
def test_a_process_may_name_no_model(argument: tuple[str, ...], mode: CpuMode) -> None:
    (guest,) = guests_of(processes=processes("-accel", "tcg", *argument))
    assert parse_cpu(parse_xml(guest.asked, "f"), "f").mode is mode
    assert (guest.accelerator, guest.machine) == ("tcg", "")


def test_a_process_of_a_domain_is_not_counted_twice() -> None:
    xml = domain_xml(PENRYN)
    found = domains(inactive=xml, live=domain_xml(PENRYN.replace("Penryn", "Nehalem")), pid=4711)
    (guest,) = guests_of(domains=found, processes=processes("-machine", "pc-q35-7.2,accel=kvm", "-cpu", "Penryn"))
    assert guest.domain
    assert guest.asked == PENRYN
    assert "Nehalem" in guest.got
    assert (guest.accelerator, guest.machine) == ("kvm", "pc-q35-7.2")


def test_a_hosts_mode_is_asked_for_though_libvirt_has_made_a_model_of_it() -> None:
    """What libvirt 9.0 tells of a running domain with host-model: only the next start's XML still says so."""
    kept, model = domain_xml("<cpu mode='host-model'/>"), domain_xml(PENRYN)
    found = domains(inactive=kept, started=model, live=model, pid=4711)
    (guest,) = guests_of(domains=found)
    assert parse_cpu(parse_xml(guest.asked, "f"), "f").mode is CpuMode.HOST_MODEL
    assert guest.got == PENRYN
    (transient,) = guests_of(domains=domains(started=model, live=model, pid=4711))
    assert (transient.asked, transient.got) == (PENRYN, PENRYN)
    (unseen,) = guests_of(domains=domains(inactive=kept, started=model, pid=4711))
    assert unseen.got == PENRYN


def test_two_guests_of_one_name_are_two() -> None:
    found = guests_of(domains=domains(inactive=domain_xml(PENRYN)), processes=processes("-cpu", "host"))
    assert [(guest.guest, guest.domain) for guest in found] == [("web-1", True), ("web-1 (4711)", False)]


def test_a_second_cpu_replaces_that_of_the_domain() -> None:
    xml = domain_xml(PENRYN)
    found = domains(inactive=xml, live=xml, pid=4711)
    (guest,) = guests_of(domains=found, processes=processes("-cpu", "Penryn", "-cpu", "Haswell"))
    assert guest.domain
    assert "Haswell" in guest.asked
    assert guest.got == ""


def test_what_qemu_dropped_is_not_needed_elsewhere() -> None:
    dropped = monitor({"avx2": True}, ("hle", "rtm"))
    (guest,) = guests_of(processes=processes("-cpu", "Haswell"), monitor=dropped)
    assert requests_of(guest.asked) == {}
    assert requests_of(guest.got) == {"hle": Policy.DISABLE, "rtm": Policy.DISABLE}


def test_arguments_that_no_xml_can_hold_are_not_told() -> None:
    (guest,) = guests_of(processes=processes("-cpu", "Has\x01well"))
    assert (guest.asked, guest.got) == ("", "")


def test_a_store_without_the_newer_columns_is_read_and_added_to(tmp_path: Path) -> None:
    """Older stores tell of domains alone, neither accelerator nor machine type."""
    store, hosts = Store(tmp_path / "store"), fleet_rows(40)
    ingest(store, hosts[:20])
    before = find_exits(store.fleet(), hosts[0].host)
    make_old(store)
    assert columns_told(store.fleet()) == {(None, None, None)}
    assert find_exits(store.fleet(), hosts[0].host) == before
    ingest(store, hosts)
    fleet = store.fleet()
    assert columns_told(fleet) > {(None, None, None)}
    ((count,),) = fleet.engine.rows("SELECT count(*) FROM guests")
    assert count == sum(len(host.guests) for host in hosts)
    answer = find_exits(fleet, hosts[0].host)
    assert [one.guest for one in answer.exits] == [one.guest for one in before.exits]
    assert {one.compatibility for one in answer.exits} <= set(Compatibility)


def columns_told(fleet: Fleet) -> set[tuple[str | None, str | None, bool | None]]:
    rows = fleet.engine.rows("SELECT DISTINCT accelerator, machine, domain FROM guests")
    return {(accelerator, machine, domain) for accelerator, machine, domain in rows}
