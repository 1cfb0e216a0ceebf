"""The kernel's SGX devices, who may use them, the enclave memory of each NUMA node, and what quotes need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vcpuid.snapshot.node import Node

_OWNER, _GROUP, _OTHERS = 6, 3, 0
_READ_AND_WRITE = 0o6
_MODE_DIGITS = 6
_LIMIT_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Device:
    """A device node.

    Attributes:
        mode: Its permission bits.
        uid: Its owner.
        gid: Its group.
        group: The group's name; None where it has none.
        openable: Whether the collecting process may open it.
    """

    mode: int
    uid: int
    gid: int
    group: str | None
    openable: bool

    def opens_for(self, uid: int, gids: frozenset[int]) -> bool:
        """Tell whether a user without privileges may read and write it, by owner, group and mode alone."""
        shift = _OWNER if uid == self.uid else _GROUP if self.gid in gids else _OTHERS
        return self.mode >> shift & _READ_AND_WRITE == _READ_AND_WRITE

    def __str__(self) -> str:
        """Give mode, owner and group as `ls -ln` would."""
        return f"{self.mode:04o}, owner {self.uid}, group {self.group or self.gid}"


@dataclass(frozen=True, slots=True)
class User:
    """A user that libvirt's packages start QEMU as."""

    name: str
    uid: int
    gids: frozenset[int]


@dataclass(frozen=True, slots=True)
class QuoteEvidence:
    """What attestation needs on the host.

    Attributes:
        settings: Those of the quote provider library, by key; None where it has no configuration.
        sockets: Path of a service's socket to whether it is there.
        registration: Firmware's variables about the registration of packages; None on a host without EFI.
    """

    settings: Mapping[str, str] | None
    sockets: Mapping[str, bool]
    registration: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class SgxEvidence:
    """SGX as the kernel offers it.

    Attributes:
        devices: Path to the device (`/dev/sgx_vepc` is the one for guests); None where it is not there.
        epc_bytes: NUMA node to the bytes of enclave memory; empty where the kernel does not tell.
        limit_bytes: The misc control group's capacity of EPC; None where there is no such limit.
        users: Whom QEMU may run as, of the users that there are; None where nobody looked.
        quotes: What attestation needs; None where nobody looked.
    """

    devices: Mapping[str, Device | None]
    epc_bytes: Mapping[int, int]
    limit_bytes: int | None = None
    users: tuple[User, ...] | None = None
    quotes: QuoteEvidence | None = None


def read_sgx(data: Node) -> SgxEvidence:
    """Read the `sgx` source.

    Raises:
        InputError: The record is damaged.
    """
    numa, users, quotes, misc = (data.get(name) for name in ("numa", "users", "quotes", "misc_cgroup"))
    limit = misc.get("sgx_epc") if misc else None
    return SgxEvidence(
        devices={path: _read_device(data["devices"].get(path)) for path, _ in data["devices"].members()},
        epc_bytes={
            Node(node, size.path, size.source).decimal(): size.number()
            for node, size in (numa.members() if numa else ())
        },
        limit_bytes=_read_limit(limit) if limit else None,
        users=tuple(_read_user(name, user) for name, user in users.members()) if users else None,
        quotes=_read_quotes(quotes) if quotes else None,
    )


def _read_device(node: Node | None) -> Device | None:
    if node is None:
        return None
    mode, group = node["mode"].text(), node.get("group")
    if not 0 < len(mode) <= _MODE_DIGITS or set(mode) - set("01234567"):
        raise node["mode"].error(repr(mode[:20]), "permission bits in octal")
    return Device(
        mode=int(mode, 8),
        uid=node["uid"].number(),
        gid=node["gid"].number(),
        group=group.text() if group else None,
        openable=node["openable"].truth(),
    )


def _read_limit(node: Node) -> int | None:
    text = node.text()
    if text == "max":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _LIMIT_DIGITS):
        raise node.error(repr(text[:40]), "decimal digits")
    return int(text)


def _read_user(name: str, node: Node) -> User:
    return User(name, node["uid"].number(), frozenset(gid.number() for gid in node["gids"]))


def _read_quotes(node: Node) -> QuoteEvidence:
    settings, registration = node.get("qcnl"), node.get("registration")
    return QuoteEvidence(
        settings={key: value.text() for key, value in settings.members()} if settings else None,
        sockets={path: there.truth() for path, there in node["sockets"].members()},
        registration=registration.texts() if registration else None,
    )
