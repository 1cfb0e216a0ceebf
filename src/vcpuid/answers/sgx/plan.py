"""Which guests fit into a host's enclave memory, on which NUMA node, and what is left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from vcpuid.answers.sgx.doctor import Diagnosis, examine
from vcpuid.answers.sgx.memory import Memory
from vcpuid.answers.sgx.packing import Part, pack
from vcpuid.decode.words import describe_size
from vcpuid.errors import InputError, UndecidedError, UsageError
from vcpuid.evidence import Evidence
from vcpuid.guest.nova.flavor import Flavor
from vcpuid.snapshot import Snapshot

MIB = 1 << 20
RESOURCE, TRAIT = "resources:CUSTOM_SGX_EPC_MB", "trait:HW_CPU_X86_SGX"
# QEMU takes whole pages. libvirt 9.0 makes whole 2 MiB of them: 1 MiB becomes 2 MiB, 63 MiB becomes 64 MiB.
PAGE_BYTES, LIBVIRT_BYTES = 4096, 2 * MIB
MOST_GUESTS = 4096
_REQUEST = re.compile(
    r"(?:(?P<name>[\w.-]+)=)?(?P<size>\d{1,9})\s*(?P<unit>[kmgt])(?:i?b)?(?:x(?P<copies>\d{1,6}))?", re.IGNORECASE
)
_UNITS = {"k": 10, "m": 20, "g": 30, "t": 40}


class Request(NamedTuple):
    """Guests of one kind.

    Attributes:
        name: What they are called: a flavor's name, or their size.
        size_bytes: The enclave memory of each, as it was asked for.
        copies: How many.
        memory_bytes: Their other memory; None where nothing is said.
        vcpus: Their CPUs; None where nothing is said.
        asks_for_trait: Whether it is a flavor that asks for a host with SGX already.
        is_flavor: Whether it is a flavor that is there.
    """

    name: str
    size_bytes: int
    copies: int = 1
    memory_bytes: int | None = None
    vcpus: int | None = None
    asks_for_trait: bool = False
    is_flavor: bool = False


def requests_of_flavors(flavors: Sequence[Flavor]) -> tuple[Request, ...]:
    """Give one guest for each flavor that asks for enclave memory; the others are passed over.

    Raises:
        InputError: None of them asks, or one asks for what is no number of MiB.
    """
    asking = [flavor for flavor in flavors if RESOURCE in flavor.specs]
    if not asking:
        raise InputError(
            "no flavor here asks for enclave memory",
            source=flavors[0].source if flavors else None,
            expected=f"a flavor with the property {RESOURCE}",
            next_step=f"`openstack flavor set FLAVOR --property {RESOURCE}=64`; `flavor list` shows it by --long.",
        )
    return tuple(
        Request(
            name=flavor.name,
            size_bytes=_epc_mib(flavor) * MIB,
            memory_bytes=flavor.memory_mib * MIB,
            vcpus=flavor.vcpus,
            asks_for_trait=flavor.specs.get(TRAIT) == "required",
            is_flavor=True,
        )
        for flavor in asking
    )


def _epc_mib(flavor: Flavor) -> int:
    text = flavor.specs[RESOURCE]
    if not re.fullmatch(r"[0-9]{1,9}", text) or not int(text):
        raise InputError(
            f"{RESOURCE} of {flavor.name} is no number",
            source=flavor.source,
            found=repr(text[:40]),
            expected="a number above 0",
        )
    return int(text)


class Placed(NamedTuple):
    """A guest that fits: its kind, and the parts that its memory is made of."""

    request: Request
    parts: tuple[Part, ...]


class Outcome(NamedTuple):
    """What becomes of one request.

    Attributes:
        request: The request.
        size_bytes: What each guest takes, in whole granules.
        placed: Its guests that fit.
        why: Why the others do not; empty where all do.
        alone: How many guests of this kind fit, if there were no others to be placed.
    """

    request: Request
    size_bytes: int
    placed: tuple[Placed, ...]
    why: str
    alone: int


class Plan(NamedTuple):
    """A plan for one host.

    Attributes:
        diagnosis: How the host is.
        granule_bytes: What memory is given in whole numbers of.
        reserved_bytes: What is kept on each node.
        outcomes: Each request's, in the order in which they were made.
        left: Node to what is left.
    """

    diagnosis: Diagnosis
    granule_bytes: int
    reserved_bytes: int
    outcomes: tuple[Outcome, ...]
    left: dict[int, int]

    @property
    def memory(self) -> Memory:
        """The host's enclave memory."""
        return self.diagnosis.memory

    @property
    def fits(self) -> bool:
        """Whether every guest fits."""
        return not any(outcome.why for outcome in self.outcomes)


def parse_request(text: str) -> Request:
    """Read `[NAME=]SIZE[xCOUNT]`, as in `64M`, `64MiBx10` or `vault=128Mx2`.

    Raises:
        UsageError: It is none, or of a size or number that makes no sense.
    """
    found = _REQUEST.fullmatch(text.strip())
    size_bytes = int(found["size"]) << _UNITS[found["unit"].lower()] if found else 0
    copies = int(found["copies"] or 1) if found else 0
    if found is None or not size_bytes or not 0 < copies <= MOST_GUESTS:
        raise UsageError(
            "no size of enclave memory",
            source="--guest",
            found=repr(text[:60]),
            expected=f"SIZE[xCOUNT] with a unit, as in 64M, 1GiB or 64Mx10; at most {MOST_GUESTS} guests",
        )
    return Request(found["name"] or f"{found['size']}{found['unit'].upper()}", size_bytes, copies)


def parse_size(text: str, source: str) -> int:
    """Read a size with a unit, or 0.

    Raises:
        UsageError: It is none.
    """
    found = _REQUEST.fullmatch(text.strip())
    if text.strip() == "0":
        return 0
    if found is None or found["name"] or found["copies"]:
        raise UsageError("no size", source=source, found=repr(text[:60]), expected="a number and a unit, as in 8M")
    return int(found["size"]) << _UNITS[found["unit"].lower()]


def make_plan(
    snapshot: Snapshot | Evidence,
    requests: Sequence[Request],
    *,
    granule_bytes: int = LIBVIRT_BYTES,
    reserved_bytes: int = 0,
    one_node: bool = False,
) -> Plan:
    """Place guests into what is free.

    Args:
        snapshot: The host's evidence.
        requests: The guests.
        granule_bytes: What memory is given in whole numbers of.
        reserved_bytes: What is to be kept free on each node.
        one_node: Whether a guest's memory must come from one node.

    Raises:
        InputError: The evidence is damaged.
        UndecidedError: Nobody told of the host's enclave memory.
        UsageError: There are more guests than can be planned for.
    """
    if sum(request.copies for request in requests) > MOST_GUESTS:
        raise UsageError("too many guests", expected=f"at most {MOST_GUESTS} in all")
    diagnosis = examine(snapshot)
    memory = diagnosis.memory
    if memory.known_by is None and any(one.rule == "epc.unread" for one in diagnosis.steps):
        raise UndecidedError(
            "nobody told of this host's enclave memory",
            source=diagnosis.host,
            next_step="`vcpuid sgx doctor` says what would show it.",
        )
    free = {
        node.number: max(node.free_bytes - reserved_bytes, 0) // granule_bytes * granule_bytes
        for node in memory.nodes
    }
    _bound(free, memory.free_bytes // granule_bytes * granule_bytes)
    sizes = [-(-request.size_bytes // granule_bytes) * granule_bytes for request in requests]
    guests = [index for index, request in enumerate(requests) for _ in range(request.copies)]
    packing = pack([sizes[index] for index in guests], free, one_node=one_node)
    outcomes = []
    for index, request in enumerate(requests):
        own = [parts for kind, parts in zip(guests, packing.parts, strict=True) if kind == index]
        placed = [Placed(request, parts) for parts in filter(None, own)]
        missing = request.copies - len(placed)
        why = _why(missing, sizes[index], free, dict(packing.left), one_node=one_node) if missing else ""
        outcomes.append(
            Outcome(request, sizes[index], tuple(placed), why, _alone(sizes[index], free, one_node=one_node))
        )
    return Plan(diagnosis, granule_bytes, reserved_bytes, tuple(outcomes), dict(packing.left))


def _bound(free: dict[int, int], total: int) -> None:
    """Take from the nodes with the most what guests that may be on any node have of the whole."""
    over = sum(free.values()) - total
    for node in sorted(free, key=lambda number: (-free[number], number)):
        taken = min(max(over, 0), free[node])
        free[node] -= taken
        over -= taken


def _alone(size: int, free: dict[int, int], *, one_node: bool) -> int:
    return sum(room // size for room in free.values()) if one_node else sum(free.values()) // size


def _why(missing: int, size: int, free: dict[int, int], left: dict[int, int], *, one_node: bool) -> str:
    subject = f"{missing} of them" if missing > 1 else "one of them"
    total = sum(left.values())
    if not free:
        return f"no room for {subject}: the host has no enclave memory"
    if one_node and total >= size:
        most = describe_size(max(left.values()))
        return f"no room for {subject}: no node has {describe_size(size)} left, the most is {most}"
    return f"no room for {subject}: each takes {describe_size(size)}, and {describe_size(total)} are left"
