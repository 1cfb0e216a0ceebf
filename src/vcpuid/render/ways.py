"""How a feature is asked for in each project's files: what people copy."""

from __future__ import annotations

from textwrap import dedent
from typing import NamedTuple

from vcpuid.answers.map_entry import doubt_map_entry, map_entry
from vcpuid.errors import UsageError
from vcpuid.rules.libvirt.switches import switch_of
from vcpuid.terms.feature import Dialect, Feature


class Way(NamedTuple):
    """One place where a feature is asked for.

    Attributes:
        place: The place, in a word or two.
        text: What to write there, or that nothing serves.
        since: The version that first reads it; may be empty.
    """

    place: str
    text: str
    since: str = ""


def ways_of(feature: Feature) -> list[Way]:
    """Give every way to ask for a feature; none where nobody can."""
    ways = []
    libvirt, qemu = feature.name_in(Dialect.LIBVIRT), feature.name_in(Dialect.QEMU)
    if qemu:
        ways.append(Way("-cpu", f"MODEL,{qemu}=on"))
    if libvirt:
        ways.append(Way("domain XML", f"<feature policy='require' name='{libvirt}'/>"))
        ways.append(Way("nova.conf", f"[libvirt] cpu_model_extra_flags = {libvirt}"))
    elif switch := switch_of(feature):
        ways.append(Way("domain XML", switch.element, switch.since))
    elif qemu and qemu.startswith(("hv-", "kvm")):
        ways.append(Way("domain XML", "no element turns it on"))
    if entry := _map_entry(feature):
        ways.append(Way("libvirt map", entry))
    return ways


def _map_entry(feature: Feature) -> str:
    if doubt_map_entry(feature):
        return ""
    try:
        return dedent(map_entry(feature)).strip()
    except UsageError:
        return ""
