"""The table of elements that turn on what is no <feature>, and libvirt's own opinion of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lxml import etree

from programs import LIBVIRT_URI, needs_libvirt
from vcpuid.atlas import Atlas
from vcpuid.rules.libvirt.switches import Switch, load_switches, switch_of
from vcpuid.terms.feature import Dialect

SWITCHES = load_switches()
# QEMU has these on, and libvirt writes them only to turn them off.
OFF = {
    "kvm": "<features><kvm><hidden state='on'/></kvm></features>",
    "kvm-pv-ipi": "<features><kvm><pv-ipi state='off'/></kvm></features>",
}
ALIASES = {"hv-apicv": "hv-avic"}
OLDEST_LIBVIRT = 9  # the oldest that runs these tests
DOMAIN = """<domain type='qemu'><name>switches</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><features>{features}</features>
<cpu mode='custom' check='none'><model>qemu64</model>{cpu}</cpu><clock offset='utc'>{clock}</clock>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{devices}</devices></domain>"""


@pytest.mark.parametrize("switch", SWITCHES.values(), ids=lambda switch: switch.name)
def test_each_switch_is_a_property_of_qemu_and_no_feature_of_libvirt(switch: Switch) -> None:
    feature = Atlas.load().named(Dialect.QEMU, switch.name)
    assert feature is not None
    assert feature.name_in(Dialect.LIBVIRT) is None
    assert switch_of(feature) in (switch, SWITCHES[ALIASES.get(switch.name, switch.name)])
    assert etree.fromstring(switch.element).tag in {"features", "cpu", "clock", "devices"}


def test_rows_are_sorted() -> None:
    assert list(SWITCHES) == sorted(SWITCHES)


def test_other_features_have_no_switch() -> None:
    assert switch_of(Atlas.load().find("sgx").feature) is None


def cpu_of(element: str, path: Path) -> list[str]:
    """The properties of the -cpu that libvirt makes of a domain with an element."""
    parent, _, rest = element.removeprefix("<").partition(">")
    parts = dict.fromkeys(("features", "cpu", "clock", "devices"), "") | {parent: rest.rpartition("</")[0]}
    path.write_text(DOMAIN.format(**parts), encoding="utf-8")
    done = subprocess.run(
        ["virsh", "--connect", LIBVIRT_URI, "domxml-to-native", "qemu-argv", str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    (cpu,) = [argument for argument in done.stdout.split() if argument.startswith("qemu64")]
    return cpu.split(",")


@needs_libvirt()
def test_libvirt_writes_the_property(tmp_path: Path) -> None:
    for switch in SWITCHES.values():
        if switch.since and int(switch.since.partition(".")[0]) > OLDEST_LIBVIRT:
            continue
        properties = cpu_of(OFF.get(switch.name, switch.element), tmp_path / "domain.xml")
        name = ALIASES.get(switch.name, switch.name)
        wanted = {f"{name}=off"} if name in OFF else {f"{name}=on", name}
        assert wanted & set(properties), switch
