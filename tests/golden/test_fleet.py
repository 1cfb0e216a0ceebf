"""The whole text of the questions about guests that move, of a fleet made by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from fleets import READER, fleet_rows, ingest
from snapshots import domain_capabilities
from vcpuid.answers.party import Party, read_parties
from vcpuid.fleet.configuration import configuration_of
from vcpuid.fleet.drain import find_exits
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.guests import GuestRow
from vcpuid.fleet.precheck import precheck
from vcpuid.fleet.store import Store
from vcpuid.fleet.what_if import find_price, find_what_if
from vcpuid.render.fleet.drain import render_drain
from vcpuid.render.fleet.precheck import render_precheck
from vcpuid.render.fleet.what_if import render_price, render_what_if
from vcpuid.render.page import Page

Check = Callable[[str, str], None]

HASWELL: Final = "<cpu mode='custom'><model>Haswell</model></cpu>"
PENRYN: Final = "<cpu mode='custom'><model>Penryn</model></cpu>"
PASSTHROUGH: Final = "<cpu mode='host-passthrough'/>"
ODD: Final = "<cpu mode='custom'><model>Penryn</model><feature policy='require' name='avx22'/></cpu>"
GUESTS: Final = (
    GuestRow("haswell", running=True, asked=HASWELL, got=HASWELL),
    GuestRow("old", running=False, asked=PENRYN, got=""),
    GuestRow("model", running=False, asked="<cpu mode='host-model'/>", got=""),
    GuestRow("passed", running=True, asked=PASSTHROUGH, got=PASSTHROUGH),
    GuestRow("epyc", running=False, asked="<cpu mode='custom'><model>EPYC</model></cpu>", got=""),
    GuestRow("odd", running=True, asked=ODD, got=ODD),
    GuestRow("emulated", running=True, asked=PENRYN, got=PENRYN, accelerator="tcg"),
    GuestRow("process", running=True, asked=HASWELL, got="", domain=False),
    GuestRow("untold", running=False, asked="", got=""),
)
REQUIRED: Final = "<feature policy='require' name='{}'/>"


def host(model: str, *features: str) -> Party:
    """Give a host by libvirt's host-model."""
    more = "".join(REQUIRED.format(name) for name in features)
    xml = domain_capabilities(f"<model>{model}</model><vendor>Intel</vendor>{more}")["xml"]
    (party,) = read_parties(xml.encode(), "canary.xml")
    return party


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Give four hosts by host-model, two of them equal and one in another zone, and one by KVM's list."""
    told = [host("Haswell", "vmx"), host("Haswell", "vmx"), host("Skylake-Client-IBRS", "vmx"), host("Penryn")]
    rows = [
        row._replace(host=f"h{number}", zone="south" if number == 3 else "north", labels={})
        for number, row in enumerate(fleet_rows()[:5], 1)
    ]
    for place, party in enumerate(told):
        rows[place] = rows[place]._replace(configuration=configuration_of(party, READER))
    rows = [row._replace(guests=GUESTS if row.host in {"h1", "h3"} else GUESTS[:1]) for row in rows]
    store = Store(tmp_path_factory.mktemp("fleet") / "store")
    ingest(store, rows)
    return store.fleet()


ANSWERS: Final[dict[str, Callable[[Fleet], Page]]] = {
    "drain": lambda fleet: render_drain(find_exits(fleet, "h1")),
    "drain-within-a-zone": lambda fleet: render_drain(find_exits(fleet, "h1", "zone")),
    "drain-of-a-host-alone-in-its-zone": lambda fleet: render_drain(find_exits(fleet, "h3", "zone")),
    "what-if-without-hosts": lambda fleet: render_what_if(find_what_if(fleet, ["h4", "h5"])),
    "what-if-without-a-feature": lambda fleet: render_what_if(find_what_if(fleet, ["h4"], ["ssse3", "avx2"])),
    "what-if-want": lambda fleet: render_price(find_price(fleet, "Haswell")),
    "what-if-want-what-all-give": lambda fleet: render_price(find_price(fleet, "Conroe")),
    "what-if-want-of-another-vendor": lambda fleet: render_price(find_price(fleet, "EPYC")),
    "precheck": lambda fleet: render_precheck(precheck(fleet, host("Penryn", "vmx"))),
    "precheck-of-a-better-host": lambda fleet: render_precheck(
        precheck(fleet, host("Skylake-Client-IBRS", "vmx"))
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_fleets_answer(name: str, fleet: Fleet, golden: Check) -> None:
    golden(f"fleet/{name}", ANSWERS[name](fleet).plain())
