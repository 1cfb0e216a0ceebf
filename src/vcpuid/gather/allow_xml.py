"""The allow-lists of libvirt's XML: what a domain, domain capabilities and host capabilities may bring along."""

from typing import Dict

from .allow_qemu import filter_qemu_arguments
from .xml_filter import WHOLE, Element


def _text(attributes: str = "") -> Element:
    return Element(attributes, text=True)


_NUMA = Element(
    children={
        "cell": Element(
            "id cpus memory unit memAccess discard",
            {"distances": Element(children={"sibling": Element("id value")})},
        )
    }
)
_CPU = Element(
    "mode match check migratable deprecated_features",
    {
        "model": _text("fallback vendor_id"),
        "vendor": _text(),
        "topology": Element("sockets dies clusters modules cores threads"),
        "feature": Element("policy name"),
        "cache": Element("level mode"),
        "maxphysaddr": Element("mode bits limit"),
        "numa": _NUMA,
    },
)
_SWITCH = "state eoi mode value retries unit policy driver unknown fault size period"


def _switches(names: str) -> Dict[str, Element]:
    return {name: Element(_SWITCH) for name in names.split()}


_FEATURES = Element(
    children={
        **_switches(
            "acpi apic pae hap viridian privnet pmu vmport smm ioapic pvspinlock msrs ibs vmcoreinfo ps2"
            " async-teardown"
        ),
        "hyperv": Element(
            _SWITCH,
            {
                **_switches(
                    "relaxed vapic spinlocks vpindex runtime synic reset vendor_id frequencies reenlightenment"
                    " ipi avic evmcs emsr_bitmap xmm_input"
                ),
                "stimer": Element(_SWITCH, _switches("direct")),
                "tlbflush": Element(_SWITCH, _switches("direct extended")),
            },
        ),
        "kvm": Element(_SWITCH, _switches("hidden hint-dedicated poll-control pv-ipi dirty-ring")),
        "xen": Element(_SWITCH, _switches("e820_host passthrough")),
    }
)
_DEVICES_XML = Element(
    children={
        "emulator": _text(),
        "memory": Element(
            "model access discard",
            {
                "source": Element(
                    children={"nodemask": _text(), "pagesize": _text("unit"), "alignsize": _text("unit")}
                ),
                "target": Element(
                    children={
                        "size": _text("unit"),
                        "node": _text(),
                        "block": _text("unit"),
                        "requested": _text("unit"),
                        "label": Element(children={"size": _text("unit")}),
                    }
                ),
            },
        ),
        "iommu": Element("model", {"driver": Element("intremap caching_mode eim iotlb aw_bits")}),
    }
)
_LAUNCH_SECURITY = Element(
    "type kernelHashes",
    {name: _text() for name in ("cbitpos", "reducedPhysBits", "policy")},
)
_MEMORY_BACKING = Element(
    children={
        "hugepages": Element(children={"page": Element("size unit nodeset")}),
        "nosharepages": Element(),
        "locked": Element(),
        "source": Element("type"),
        "access": Element("mode"),
        "allocation": Element("mode threads"),
        "discard": Element(),
    }
)

DOMAIN = Element(
    children={
        "domain": Element(
            "type id xmlns:qemu",
            {
                "name": _text(),
                "uuid": _text(),
                "maxMemory": _text("slots unit"),
                "memory": _text("unit dumpCore"),
                "currentMemory": _text("unit"),
                "memoryBacking": _MEMORY_BACKING,
                "vcpu": _text("placement cpuset current"),
                "vcpus": Element(children={"vcpu": Element("id enabled hotpluggable order")}),
                "cputune": Element(children={"vcpupin": Element("vcpu cpuset"), "emulatorpin": Element("cpuset")}),
                "numatune": Element(
                    children={
                        "memory": Element("mode nodeset placement"),
                        "memnode": Element("cellid mode nodeset"),
                    }
                ),
                "os": Element("firmware", {"type": _text("arch machine")}),
                "features": _FEATURES,
                "cpu": _CPU,
                "clock": Element(
                    "offset",
                    {"timer": Element("name present tickpolicy mode frequency track")},
                ),
                "launchSecurity": _LAUNCH_SECURITY,
                "devices": _DEVICES_XML,
                "qemu:commandline": Element(arguments=filter_qemu_arguments),
                "qemu:capabilities": Element(
                    children={"qemu:add": Element("capability"), "qemu:del": Element("capability")}
                ),
            },
        )
    }
)

_SUPPORTED = "supported"
_ENUM = {"enum": Element("name", {"value": _text()})}
DOMAIN_CAPABILITIES = Element(
    children={
        "domainCapabilities": Element(
            children={
                "path": _text(),
                "domain": _text(),
                "machine": _text(),
                "arch": _text(),
                "vcpu": Element("max"),
                "cpu": WHOLE,
                "features": Element(
                    children={
                        # A SEV host's cpu0Id names one piece of silicon: it stays out.
                        "sev": Element(
                            _SUPPORTED,
                            {name: _text() for name in ("cbitpos", "reducedPhysBits", "maxGuests", "maxESGuests")},
                        ),
                        "sgx": WHOLE,
                        "hyperv": WHOLE,
                        "tdx": Element(_SUPPORTED),
                        "launchSecurity": Element(_SUPPORTED, _ENUM),
                        "genid": Element(_SUPPORTED),
                        "vmcoreinfo": Element(_SUPPORTED),
                    }
                ),
            }
        )
    }
)

CAPABILITIES = Element(children={"capabilities": Element(children={"host": Element(children={"cpu": WHOLE})})})
