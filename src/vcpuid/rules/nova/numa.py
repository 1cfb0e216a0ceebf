"""A guest's NUMA nodes, as Nova lays them out.

Rules read in Nova 34's nova/virt/hardware.py (Apache-2.0). Which of the host's CPUs a guest is pinned to is no
part of its own CPU and not here; nor are the settings for real-time guests and emulator threads, which Nova may
refuse too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

from vcpuid.rules.nova.refusal import NovaRefusalError, When
from vcpuid.rules.nova.values import Wishes, numbered, parse_cpus
from vcpuid.terms.guest import NumaCell

_MIB = 1 << 20
_POLICIES = ("dedicated", "shared", "mixed")
_THREAD_POLICIES = ("prefer", "isolate", "require")
_PAGES = ("any", "large", "small")
_PAGE_SIZE = re.compile(r"[-+]?\d*\.?\d+(?:[KMGTPEZYRQ]i?)?(?:b|bit|B)")


def lay_out(wishes: Wishes) -> tuple[NumaCell, ...]:
    """Give the guest's NUMA nodes; none where nothing asks for any.

    Raises:
        NovaRefusalError: What is asked for does not hold together.
    """
    is_pinned = _is_pinned(wishes)
    nodes = _node_count(wishes)
    has_pages = _wants_pages(wishes)
    has_pmem = any(label.strip() for label in wishes.flavor.specs.get("hw:pmem", "").split(","))
    if not (nodes or has_pages or has_pmem or is_pinned):
        return ()
    specs, place = wishes.flavor.specs, wishes.flavor_place
    flavors_cpus = [parse_cpus(text, When.SCHEDULE, place) for text in numbered(specs, "hw:numa_cpus")]
    cpus = _only_one(wishes, "hw_numa_cpus", flavors_cpus, wishes.cpus)
    memories = _only_one(wishes, "hw_numa_mem", _flavors_memories(wishes), wishes.memories_mib)
    count = nodes or 1
    if cpus is None and memories is None:
        return tuple(_even(wishes, count))
    if cpus is None or memories is None or not len(cpus) == len(memories) == count:
        raise _refused(
            wishes, "ImageNUMATopologyIncomplete", "CPU and memory allocation must be provided for all NUMA nodes"
        )
    _check_cells(wishes, cpus, memories)
    return tuple(
        NumaCell(number, render_cpus(own), memory * _MIB)
        for number, (own, memory) in enumerate(zip(cpus, memories, strict=True))
    )


def render_cpus(cpus: set[int]) -> str:
    """Write a set of CPUs as Nova does: ranges joined by commas."""
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and ranges[-1][-1] == cpu - 1:
            ranges[-1][1:] = [cpu]
        else:
            ranges.append([cpu])
    return ",".join("-".join(map(str, ends)) for ends in ranges)


def _refused(wishes: Wishes, kind: str, words: str) -> NovaRefusalError:
    return NovaRefusalError(kind, words, When.SCHEDULE, wishes.flavor_place)


def _flavors_memories(wishes: Wishes) -> list[int]:
    try:
        return [int(text) for text in numbered(wishes.flavor.specs, "hw:numa_mem")]
    except ValueError as error:
        raise _refused(wishes, "ValueError", f"hw:numa_mem: {error}") from None


_Item = TypeVar("_Item")


def _only_one(wishes: Wishes, name: str, flavors: list[_Item], images: list[_Item] | None) -> list[_Item] | None:
    if not flavors:
        return images
    if images is not None:
        raise _refused(wishes, "ImageNUMATopologyForbidden", _overrides(name))
    return flavors


def _overrides(name: str) -> str:
    return f"Image property '{name}' is not permitted to override NUMA configuration set against the flavor"


def _even(wishes: Wishes, count: int) -> Iterator[NumaCell]:
    vcpus, memory = wishes.flavor.vcpus, wishes.flavor.memory_mib
    if vcpus % count or memory % count:
        words = (
            "Instance CPUs and/or memory cannot be evenly distributed across instance NUMA nodes. Explicit "
            "assignment "
            "of CPUs and memory to nodes is required"
        )
        raise _refused(wishes, "ImageNUMATopologyAsymmetric", words)
    share = vcpus // count
    for number in range(count):
        own = set(range(number * share, (number + 1) * share))
        yield NumaCell(number, render_cpus(own), memory // count * _MIB)


def _check_cells(wishes: Wishes, cpus: list[set[int]], memories: list[int]) -> None:
    vcpus = wishes.flavor.vcpus
    free = set(range(vcpus))
    for own in cpus:
        for cpu in sorted(own):
            if cpu >= vcpus:
                words = f"CPU number {cpu} is larger than max {vcpus - 1}"
                raise _refused(wishes, "ImageNUMATopologyCPUOutOfRange", words)
            if cpu not in free:
                words = f"CPU number {cpu} is assigned to two nodes"
                raise _refused(wishes, "ImageNUMATopologyCPUDuplicates", words)
            free.discard(cpu)
    if free:
        words = f"CPU number {free} is not assigned to any node"
        raise _refused(wishes, "ImageNUMATopologyCPUsUnassigned", words)
    if sum(memories) != wishes.flavor.memory_mib:
        words = f"{sum(memories)} MB of memory assigned, but expected {wishes.flavor.memory_mib} MB"
        raise _refused(wishes, "ImageNUMATopologyMemoryOutOfRange", words)


def _node_count(wishes: Wishes) -> int | None:
    flavors, images = wishes.flavor.specs.get("hw:numa_nodes"), wishes.numbers.get("hw_numa_nodes")
    if flavors and images:
        raise _refused(wishes, "ImageNUMATopologyForbidden", _overrides("hw_numa_nodes"))
    nodes = flavors or images
    if nodes is None:
        return None
    text = str(nodes)
    if not _is_int_like(text) or int(text) < 1:
        words = f"The property 'numa_nodes' cannot be '{nodes}'. It must be a number greater than 0"
        raise _refused(wishes, "InvalidNUMANodesNumber", words)
    return int(text)


def _is_int_like(text: str) -> bool:
    try:
        return str(int(text)) == text
    except ValueError:
        return False


def _wants_pages(wishes: Wishes) -> bool:
    """Tell whether a page size is asked for."""
    flavors, images = wishes.flavor.specs.get("hw:mem_page_size"), wishes.texts.get("hw_mem_page_size")
    if not flavors and images:
        raise _refused(wishes, "MemoryPageSizeForbidden", f"Page size {images} forbidden against '<empty>'")
    if not flavors:
        return False
    has_size = _check_page_size(wishes, flavors)
    if images:
        if flavors not in ("any", "large"):
            raise _refused(wishes, "MemoryPageSizeForbidden", f"Page size {images} forbidden against '{flavors}'")
        return _check_page_size(wishes, images)
    return has_size


def _check_page_size(wishes: Wishes, text: str) -> bool:
    if text in _PAGES:
        return True
    if text.isdigit():
        return int(text) > 0
    if not _PAGE_SIZE.fullmatch(text):
        raise _refused(wishes, "MemoryPageSizeInvalid", f"Invalid memory page size '{text}'")
    return re.search("[1-9]", text) is not None


def _is_pinned(wishes: Wishes) -> bool:
    """Tell whether CPUs are dedicated to the guest, in Nova's order of checks."""
    policy = _policy(wishes)
    threads = _thread_policy(wishes)
    mask = _dedicated_mask(wishes)
    policy = "dedicated" if _has_dedicated_resources(wishes, policy) else policy
    trait = _hyperthreading(wishes)
    if threads and trait:
        words = (
            "It is not possible to use the 'trait:HW_CPU_HYPERTHREADING' extra spec in combination with the "
            "'hw:cpu_thread_policy' extra spec or 'hw_cpu_thread_policy' image metadata property; use one or the "
            "other"
        )
        raise _refused(wishes, "InvalidRequest", words)
    if policy in (None, "shared") and (threads or trait in ("required", "forbidden")):
        words = "Cannot set cpu thread pinning policy in a non dedicated cpu pinning policy"
        raise _refused(wishes, "CPUThreadPolicyConfigurationInvalid", words)
    if policy != "mixed" and mask:
        words = "A mask of dedicated CPUs needs the policy 'mixed'"
        raise _refused(wishes, "RequiredMixedInstancePolicy", words)
    if policy == "mixed" and not mask:
        words = "The policy 'mixed' needs a mask of dedicated or real-time CPUs"
        raise _refused(wishes, "RequiredMixedOrRealtimeCPUMask", words)
    return policy in ("dedicated", "mixed")


def _has_dedicated_resources(wishes: Wishes, policy: str | None) -> bool:
    """Tell whether the flavor asks for dedicated CPUs by their resource class."""
    shared, dedicated = (
        sum(
            int(value)
            for key, value in wishes.flavor.specs.items()
            if re.match(rf"resources([1-9][0-9]*)?:{name}", key) and re.fullmatch(r"\s*[-+]?\d+\s*", value)
        )
        for name in ("VCPU", "PCPU")
    )
    if policy and (shared or dedicated):
        words = (
            "It is not possible to use the 'resources:VCPU' or 'resources:PCPU' extra specs in combination with "
            "the 'hw:cpu_policy' extra spec or 'hw_cpu_policy' image metadata property; use one or the other"
        )
        raise _refused(wishes, "InvalidRequest", words)
    if shared and dedicated:
        words = (
            "It is not possible to specify both 'resources:VCPU' and 'resources:PCPU' extra specs; use one or the "
            "other"
        )
        raise _refused(wishes, "InvalidRequest", words)
    if dedicated and dedicated != wishes.flavor.vcpus:
        words = (
            "There is a mismatch between the number of PCPUs requested via 'resourcesNN:PCPU' and the flavor); "
            "you must allocate exactly flavor.vcpus PCPUs"
        )
        raise _refused(wishes, "InvalidRequest", words)
    return bool(dedicated)


def _policy(wishes: Wishes) -> str | None:
    flavors, images = wishes.flavor.specs.get("hw:cpu_policy"), wishes.texts.get("hw_cpu_policy")
    if flavors and flavors not in _POLICIES:
        words = f"CPU policy requested from 'flavor extra specs' is invalid, given: '{flavors}'"
        raise _refused(wishes, "InvalidCPUAllocationPolicy", words)
    if (flavors, images) in (("mixed", "dedicated"), ("shared", "mixed"), ("shared", "dedicated")):
        words = (
            "Image property 'hw_cpu_policy' is not permitted to override CPU pinning policy set against the flavor"
        )
        raise _refused(wishes, "ImageCPUPinningForbidden", words)
    return flavors or images


def _dedicated_mask(wishes: Wishes) -> set[int]:
    mask = wishes.flavor.specs.get("hw:cpu_dedicated_mask")
    if not mask:
        return set()
    everyone = set(range(wishes.flavor.vcpus))
    text = f"0-{wishes.flavor.vcpus - 1},{mask}" if mask.strip().startswith("^") else mask
    chosen = parse_cpus(text, When.SCHEDULE, wishes.flavor_place)
    if not chosen or not everyone - chosen or not chosen <= everyone:
        words = "The mask of dedicated CPUs takes none or all of the guest's CPUs, or others"
        raise _refused(wishes, "InvalidMixedInstanceDedicatedMask", words)
    return chosen


def _thread_policy(wishes: Wishes) -> str | None:
    flavors, images = wishes.flavor.specs.get("hw:cpu_thread_policy"), wishes.texts.get("hw_cpu_thread_policy")
    if flavors and flavors not in _THREAD_POLICIES:
        words = f"CPU thread policy requested from 'flavor extra specs' is invalid, given: '{flavors}'"
        raise _refused(wishes, "InvalidCPUThreadAllocationPolicy", words)
    if flavors not in (None, "prefer") and images and images != flavors:
        words = (
            "Image property 'hw_cpu_thread_policy' is not permitted to override CPU thread pinning policy set "
            "against the flavor"
        )
        raise _refused(wishes, "ImageCPUThreadPolicyForbidden", words)
    return flavors or images


def _hyperthreading(wishes: Wishes) -> str | None:
    for key, value in wishes.flavor.specs.items():
        if re.match(r"trait([1-9][0-9]*)?:HW_CPU_HYPERTHREADING", key):
            return value
    return "required" if wishes.texts.get("trait:HW_CPU_HYPERTHREADING") == "required" else None
