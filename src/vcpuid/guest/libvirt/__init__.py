"""libvirt's domain XML: the <cpu> element and its neighbours that change the guest's CPU, read and written.

Source of the format: libvirt's documentation, "Domain XML format": CPU model and topology, memory devices, and the
QEMU driver's command-line passthrough. What the daemon makes of it was measured with libvirt 9.0.
"""

from vcpuid.guest.libvirt.cpu import parse_cpu
from vcpuid.guest.libvirt.domain import DomainDefinition, parse_domain
from vcpuid.guest.libvirt.edit import set_cpu, set_epc
from vcpuid.guest.libvirt.elements import render_cpu
from vcpuid.guest.libvirt.values import SIZE_LIMIT_BYTES, parse_xml

__all__ = [
    "SIZE_LIMIT_BYTES",
    "DomainDefinition",
    "parse_cpu",
    "parse_domain",
    "parse_xml",
    "render_cpu",
    "set_cpu",
    "set_epc",
]
