"""What SGX a host has, by libvirt's domain capabilities."""

from __future__ import annotations

from typing import NamedTuple

from lxml import etree

from nova_sgx.request import STEP_MIB

_KIB_IN_STEP = STEP_MIB * 1024


class SgxCapabilities(NamedTuple):
    """The `<sgx>` of domain capabilities (libvirt 8.10 and newer).

    Attributes:
        missing: Why there is none, in a few words; empty where there is SGX.
        launch_control: Enclaves of any signer may start, as Linux's own driver in a guest needs (`flc`).
        sgx2: Enclaves may change their memory.
        sections_kib: The EPC of each NUMA node of the host.
    """

    missing: str
    launch_control: bool = False
    sgx2: bool = False
    sections_kib: tuple[int, ...] = ()

    @property
    def size_mib(self) -> int:
        """The EPC that guests can have, in whole steps."""
        return sum(self.sections_kib) // _KIB_IN_STEP * STEP_MIB


def parse_capabilities(xml: str) -> SgxCapabilities:
    """Read what `virsh domcapabilities` prints."""
    sgx = etree.fromstring(xml, etree.XMLParser(resolve_entities=False)).find("features/sgx")
    if sgx is None:
        return SgxCapabilities("libvirt says nothing of SGX; that is older than 8.10")
    if sgx.get("supported") != "yes":
        return SgxCapabilities("libvirt says <sgx supported='no'/>")
    sizes = [element.get("size") for element in sgx.iterfind("sections/section")] or [sgx.findtext("section_size")]
    capabilities = SgxCapabilities(
        missing="",
        launch_control=sgx.findtext("flc") == "yes",
        sgx2=sgx.findtext("sgx2") == "yes",
        sections_kib=tuple(int(size or 0) for size in sizes),
    )
    if not capabilities.size_mib:
        return capabilities._replace(missing=f"libvirt reports SGX with less than {STEP_MIB} MiB of EPC")
    return capabilities
