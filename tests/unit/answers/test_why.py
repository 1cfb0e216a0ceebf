"""The exact words of the answer: available, asked, got, where the chains break, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from snapshots import (
    ICE_LAKE_SIGNATURE,
    QEMU_PATH,
    SKYLAKE_SIGNATURE,
    Data,
    cpu_map,
    cpuid,
    domain_xml,
    domains,
    evidence,
    failed,
    kernel,
    kvm,
    libvirt,
    monitor,
    msr,
    processes,
    qemu,
    qmp,
    row,
    rows,
    sgx,
    whole_host,
)
from vcpuid.answers.why import Answer, BrokenAt, chain_break, conclude, last_decided, why
from vcpuid.atlas import Atlas
from vcpuid.errors import AmbiguousNameError, InputError, UnknownNameError
from vcpuid.evidence.guest import Guest
from vcpuid.terms.verdict import Layer, State, Verdict

YES, NO, UNKNOWN, NONE = State.PRESENT, State.ABSENT, State.UNKNOWN, State.NOT_APPLICABLE
STATES = {"y": YES, "n": NO, "?": UNKNOWN, "-": NONE}
SGX, AVX2 = 1 << 2, 1 << 5
SUPPLY = (Layer.SILICON, Layer.FIRMWARE, Layer.KERNEL, Layer.KVM, Layer.QEMU, Layer.LIBVIRT)
DEMAND = (Layer.NOVA, Layer.DOMAIN, Layer.PROCESS)


def verdict(layer: Layer, state: State) -> Verdict:
    return Verdict(layer, state, f"{layer.value}.test", "seen", "short", mend=f"mend {layer.value}")


def verdicts(states: str) -> Mapping[Layer, Verdict]:
    """One verdict a layer, from letters in the layers' order; blanks are for the eye."""
    letters = states.replace(" ", "")
    return {layer: verdict(layer, STATES[letter]) for layer, letter in zip(Layer, letters, strict=True)}


def answer(states: str, *, guest: bool = True) -> Answer:
    match = Atlas.load().find("sgx")
    return conclude(match, Guest(label="domain web-1") if guest else None, verdicts(states))


@pytest.mark.parametrize(
    ("states", "available"),
    [
        ("y-yyyy", YES),
        ("ynnnnn", NO),
        ("nnnyy?", YES),
        ("yyyyyn", NO),
        ("yyyn??", NO),
        ("??????", UNKNOWN),
        ("------", NONE),
        ("--?---", UNKNOWN),
    ],
)
def test_available_is_the_last_decided_hop_of_supply(states: str, available: State) -> None:
    chain = [verdict(layer, STATES[letter]) for layer, letter in zip(SUPPLY, states, strict=True)]
    assert last_decided(chain) is available
    assert answer(states + "--- -").available is available


@pytest.mark.parametrize(
    ("states", "broken"),
    [
        ("yyyyyy", None),
        ("nnnnnn", Layer.SILICON),
        ("ynnnnn", Layer.FIRMWARE),
        ("y?nn?n", Layer.KERNEL),
        ("yyyyyn", Layer.LIBVIRT),
        # KVM emulates a bit that silicon lacks: no break.
        ("n-?yyy", None),
        ("n-?yyn", Layer.LIBVIRT),
        ("n?????", Layer.SILICON),
        ("??????", None),
        ("------", None),
        ("nynyny", None),
        ("nynynn", Layer.QEMU),
    ],
)
def test_supply_breaks_at_the_first_hop_from_which_on_all_decided_lack_it(
    states: str, broken: Layer | None
) -> None:
    chain = [verdict(layer, STATES[letter]) for layer, letter in zip(SUPPLY, states, strict=True)]
    assert chain_break(chain) is broken


@pytest.mark.parametrize(
    ("states", "asked", "broken"),
    [
        ("---", NONE, None),
        ("y--", YES, None),
        ("yyy", YES, None),
        ("yny", YES, None),
        ("ynn", NO, Layer.DOMAIN),
        ("yyn", NO, Layer.PROCESS),
        ("-n-", NO, Layer.DOMAIN),
        ("nnn", NO, Layer.NOVA),
        ("-y?", YES, None),
        ("-??", UNKNOWN, None),
    ],
)
def test_demand(states: str, asked: State, broken: Layer | None) -> None:
    found = answer("yyyyyy" + states + "-")
    assert found.asked is asked
    assert found.broken_at == BrokenAt(supply=None, demand=broken)


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        # What the guest shows overrides everything.
        ("nnnnnn nnn y", YES),
        ("yyyyyy yyy n", NO),
        # Available but not asked is a no; asked but not available too.
        ("yyyyyy -n- -", NO),
        ("nnnnnn -y- -", NO),
        ("yyyyyy -y- -", YES),
        ("yyyyyy --- -", UNKNOWN),
        ("yyyyyy -?- -", UNKNOWN),
        ("y??--- -y- -", UNKNOWN),
        # It runs, and nothing tells what it got.
        ("yyyyyy -yy ?", UNKNOWN),
    ],
)
def test_the_outcome_for_a_guest(states: str, outcome: State) -> None:
    assert answer(states).outcome is outcome


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        ("yyyyyy", YES),
        ("nnnnnn", NO),
        ("n--y??", YES),
        ("??????", UNKNOWN),
        # The CPU has it, and nobody could ask the hypervisor.
        ("y-y???", UNKNOWN),
        ("y-y---", UNKNOWN),
    ],
)
def test_without_a_guest_the_outcome_follows_available(states: str, outcome: State) -> None:
    found = answer(states + "--- -", guest=False)
    assert found.outcome is outcome
    assert (found.guest, found.asked, found.got) == (None, NONE, NONE)


@pytest.mark.parametrize(
    ("states", "decisive"),
    [
        ("ynnnnn yyy y", [Layer.GUEST]),
        ("ynnnnn yyy n", [Layer.FIRMWARE]),
        ("ynnnnn -nn n", [Layer.FIRMWARE, Layer.DOMAIN]),
        ("yyyyyy -nn n", [Layer.DOMAIN]),
        ("yyyyyy yyy n", [Layer.GUEST]),
        ("yyyyy? -yy ?", [Layer.GUEST, Layer.LIBVIRT]),
        ("yyyyyy -y- -", []),
    ],
)
def test_the_decisive_verdicts_explain_the_answer(states: str, decisive: list[Layer]) -> None:
    found = answer(states)
    assert [own.layer for own in found.decisive] == decisive
    # A yes needs no mending.
    wanted = () if found.outcome is State.PRESENT else tuple(f"mend {layer.value}" for layer in decisive)
    assert found.mends == wanted


def test_each_mend_is_told_once() -> None:
    same = {layer: Verdict(layer, NO, "a.rule", "seen", "short", mend="do it") for layer in Layer}
    assert conclude(Atlas.load().find("sgx"), Guest(label="x"), same).mends == ("do it",)


ON_BIOS_OFF = {
    "cpuid": cpuid(rows(_7_0=row(ebx=SGX))),
    "msr": msr(_3a=5),
    "kernel": kernel(),
    "sgx": sgx(vepc=False),
    "kvm": kvm(rows(_7_0=row())),
    "qemu": qemu(),
    "qmp": qmp(expansions={"host": {"sgx": False}}),
    "libvirt": libvirt("<model>Skylake</model>", map_=cpu_map()),
}
ASKS = "<cpu mode='custom'><model>Skylake</model><feature policy='require' name='sgx'/></cpu>"
LIVE = "<cpu mode='custom'><model>Skylake</model><feature policy='disable' name='sgx'/></cpu>"


def running(cpu: str, *args: str, live: str | None = None, more: str = "") -> dict[str, Data]:
    xml = domain_xml(cpu, more=more)
    return {
        "domains": domains(inactive=xml, started=xml, live=domain_xml(live or cpu), pid=4711),
        "processes": processes("-accel", "kvm", *args),
    }


def test_sgx_that_is_off_in_the_bios() -> None:
    host = evidence(**ON_BIOS_OFF, **running(ASKS, "-cpu", "Skylake,sgx=on", live=LIVE))
    found = why("sgx", host, "web-1")
    assert (found.asked, found.available, found.got) == (YES, NO, NO)
    assert found.broken_at == BrokenAt(supply=Layer.FIRMWARE, demand=None)
    assert found.outcome is NO
    assert found.mends[0].startswith("Enable SGX (and launch control, bit 17) in the BIOS")
    assert [note.startswith("QEMU dropped at the start: sgx (") for note in found.notes] == [True]


@pytest.mark.parametrize(
    ("signature", "broken"), [(ICE_LAKE_SIGNATURE, Layer.FIRMWARE), (SKYLAKE_SIGNATURE, Layer.SILICON)]
)
def test_silicon_is_blamed_on_firmware_only_where_a_table_says_that_the_cpu_has_it(
    signature: str, broken: Layer
) -> None:
    hidden = rows(_1_0=f"{signature} 00000000 00000000 00000000", _7_0=row())
    found = why("sgx", evidence(cpuid=cpuid(hidden), msr=msr(_3a=5), kvm=kvm(rows(_7_0=row()))))
    assert found.verdicts[Layer.SILICON].state is NO
    assert found.broken_at.supply is broken


def test_kvm_emulates_a_bit_that_silicon_lacks() -> None:
    host = evidence(
        cpuid=cpuid(rows(_7_0=row())),
        kvm=kvm(rows(_7_0=row(edx=1 << 29))),
        qmp=qmp(expansions={"host": {"arch-capabilities": True}}),
    )
    found = why("arch-capabilities", host)
    assert found.verdicts[Layer.SILICON].state is NO
    assert found.available is YES
    assert found.broken_at.supply is None
    assert found.outcome is YES


def test_a_bit_that_only_the_emulated_list_has_is_lost_at_kvm() -> None:
    host = evidence(
        cpuid=cpuid(rows(_1_0=row(ecx=1 << 22))),
        kvm=kvm(rows(_1_0=row()), emulated={"00000001.0": row(ecx=1 << 22)}),
    )
    found = why("movbe", host)
    assert (found.available, found.broken_at.supply) == (NO, Layer.KVM)


def test_a_tcg_guest_does_not_care_for_the_host() -> None:
    xml = domain_xml("<cpu mode='maximum'/>", type_="qemu")
    found = why("avx2", evidence(**(whole_host() | {"domains": domains(inactive=xml)})), "web-1")
    host_layers = (Layer.SILICON, Layer.FIRMWARE, Layer.KERNEL, Layer.KVM)
    assert {found.verdicts[layer].state for layer in host_layers} == {NONE}


def test_a_hybrid_machine_can_give_what_all_its_cpus_have() -> None:
    host = evidence(cpuid=cpuid(rows(_7_0=row(ebx=AVX2)), rows(_7_0=row())), kvm=kvm(rows(_7_0=row())))
    found = why("avx2", host)
    assert found.broken_at.supply is Layer.SILICON
    assert found.verdicts[Layer.SILICON].summary == "on 1 of 2 CPUs"


def test_a_second_cpu_option_is_named_as_the_cause() -> None:
    host = evidence(**running(ASKS, "-cpu", "Skylake,sgx=on", "-cpu", "Nehalem", live=LIVE), qemu=qemu())
    found = why("sgx", host, "web-1")
    assert (found.asked, found.broken_at.demand) == (NO, Layer.PROCESS)
    assert "2 -cpu options. QEMU uses the last (Nehalem)" in found.notes[0]
    assert "choosing Skylake in <cpu> has no effect" in found.notes[0]
    assert any("Remove the -cpu from <qemu:commandline>" in mend for mend in found.mends)


def test_a_cpu_option_in_the_passthrough_is_foretold() -> None:
    more = "<qemu:commandline><qemu:arg value='-cpu'/><qemu:arg value='max'/></qemu:commandline>"
    found = why("sgx", evidence(domains=domains(inactive=domain_xml(ASKS, more=more))), "web-1")
    assert "<qemu:commandline> has a -cpu of its own" in found.notes[0]


def test_a_definition_that_changed_since_the_start_is_noted() -> None:
    xml, later = domain_xml(ASKS), domain_xml("<cpu mode='host-model'/>")
    host = evidence(domains=domains(inactive=later, started=xml, live=xml, pid=4711))
    assert "changed after the start" in why("sgx", host, "web-1").notes[0]


def test_the_guest_overrides_predictions() -> None:
    host = evidence(**ON_BIOS_OFF, **running(ASKS), monitor=monitor({"sgx": True}))
    found = why("sgx", host, "web-1")
    assert (found.available, found.got, found.outcome) == (NO, YES, YES)
    assert found.broken_at.supply is Layer.FIRMWARE
    assert found.lost_at == ()


def test_a_stale_cache_is_blamed_on_libvirt() -> None:
    stale = [{"file": "1.xml", "emulator": QEMU_PATH, "emulator_newer": True}]
    host = evidence(
        kvm=kvm(rows(_7_0=row(ebx=SGX))),
        libvirt=libvirt("<model>Skylake</model>", map_=cpu_map(), cache=stale),
    )
    found = why("sgx", host)
    assert found.broken_at.supply is Layer.LIBVIRT
    assert "cache is older than QEMU" in found.mends[0]


def test_a_host_that_told_nothing_is_undecided() -> None:
    found = why("sgx", evidence())
    assert found.outcome is UNKNOWN
    assert found.broken_at == BrokenAt(None, None)


def test_names_that_lead_nowhere() -> None:
    with pytest.raises(UnknownNameError):
        why("sqx", evidence())
    with pytest.raises(InputError, match="no domain 'web-2'"):
        why("sgx", evidence(domains=domains(inactive=domain_xml(""))), "web-2")


def test_a_snapshot_serves_as_well_as_its_evidence() -> None:
    host = evidence(**whole_host())
    assert why("sgx", host.snapshot, "web-1") == why("sgx", host, "web-1")


def test_a_name_of_two_vendors_is_that_of_the_host_s() -> None:
    intel = evidence(cpuid=cpuid(rows(_1_0=row())))
    assert why("stibp", intel).feature.address == "CPUID.07H.0:EDX[27]"
    assert why("stibp", intel, vendor="amd").feature.address == "CPUID.80000008H:EBX[15]"
    with pytest.raises(AmbiguousNameError):
        why("stibp", evidence(cpuid=failed("cpuid", "not permitted")))
