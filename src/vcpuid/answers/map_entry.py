"""The entry of libvirt's CPU map for a feature, written as libvirt writes it."""

from __future__ import annotations

from vcpuid.errors import UsageError
from vcpuid.rules.libvirt.entry import Entry, write_entry
from vcpuid.rules.libvirt.switches import switch_of
from vcpuid.terms.address import CpuidRegister
from vcpuid.terms.feature import Dialect, Feature

_HYPERVISOR_LEAVES = range(0x40000000, 0x50000000)


def map_entry(feature: Feature) -> str:
    """Write the `<feature>` element, indented as in libvirt's own x86_features.xml.

    The form follows the map of libvirt 9.0: one mask, `ecx_in` only for leaves with subleaves, only the register
    that has the bit; MSRs with both halves.

    Raises:
        UsageError: As `entry_of`.
    """
    return write_entry(entry_of(feature))


def entry_of(feature: Feature) -> Entry:
    """Give a feature's entry, by libvirt's own name where it has one.

    Raises:
        UsageError: The feature has no bit, or several, which libvirt's maps never have.
    """
    if not feature.bits:
        raise _no_entry(feature, "a CPUID or MSR bit", _where_to_set(feature))
    if len(feature.bits) != 1:
        raise _no_entry(
            feature, "one bit of a CPUID register or MSR", "Write one entry for each bit, by its address."
        )
    own = next(iter(feature.names.get(Dialect.LIBVIRT, ())), None)
    return Entry(own.text if own else feature.name, feature.bits[0], own is None or own.migratable)


def doubt_map_entry(feature: Feature) -> str | None:
    """Say why an entry would be of no use, or None where nothing speaks against it."""
    if any(isinstance(bits.word, CpuidRegister) and bits.word.leaf in _HYPERVISOR_LEAVES for bits in feature.bits):
        return f"libvirt does not read the leaves of hypervisors. {_where_to_set(feature)}"
    if not feature.name_in(Dialect.QEMU):
        return "QEMU has no property for this bit: a domain that requires it would not start."
    return None


def _where_to_set(feature: Feature) -> str:
    if switch := switch_of(feature):
        since = f" (since libvirt {switch.since})" if switch.since else ""
        return f"The domain XML turns it on by {switch.element}{since}."
    if name := feature.name_in(Dialect.QEMU):
        return f"The domain XML has no element for it; QEMU takes it as -cpu MODEL,{name}=on."
    return "No -cpu property of QEMU and no element of the domain XML sets it."


def _no_entry(feature: Feature, expected: str, next_step: str) -> UsageError:
    return UsageError(
        "libvirt's map has no entry of this kind",
        found=f"{feature.name}: {feature.address}",
        expected=expected,
        next_step=next_step,
    )
