"""The QEMU binaries of the host and, where they were asked, their own answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from vcpuid.snapshot.node import Node
from vcpuid.terms.guest import Accelerator

_PROCESS = re.compile(r"process ([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class QemuBinary:
    """One binary.

    Attributes:
        path: Its path.
        version: As the file itself has it; None where it has none.
        pids: The processes that run this very file.
    """

    path: str
    version: str | None
    pids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class QmpAnswer:
    """What one binary answered under one accelerator, on `-machine none`.

    Attributes:
        path: The binary.
        version: As QEMU reports it.
        accelerator: Under which it was asked.
        expansions: Model (`host`, `max`) to property to value, from query-cpu-model-expansion.
        properties: Every property of the CPU device; None where it was not asked.
        sgx_error: QEMU's refusal of query-sgx-capabilities; None where it answered.
        sgx: Whether its answer to that says that the CPU has SGX; None where it refused, or was not asked.
    """

    path: str
    version: str
    accelerator: Accelerator
    expansions: Mapping[str, Mapping[str, bool]]
    properties: frozenset[str] | None
    sgx_error: str | None
    sgx: bool | None = None


def read_qemu(data: Node) -> tuple[QemuBinary, ...]:
    """Read the `qemu` source.

    Raises:
        InputError: The record is damaged.
    """
    return tuple(map(_read_binary, data["binaries"]))


def _read_binary(node: Node) -> QemuBinary:
    version, found_by = node.get("version"), node.get("found_by")
    ways = [_PROCESS.fullmatch(way) for way in found_by.texts()] if found_by else []
    return QemuBinary(
        node["path"].text(),
        version.text() if version else None,
        frozenset(int(way[1]) for way in ways if way),
    )


def read_qmp(data: Node) -> tuple[QmpAnswer, ...]:
    """Read the `qmp` source.

    Raises:
        InputError: The record is damaged.
    """
    return tuple(_read_answer(node) for node in data["binaries"])


def _read_answer(node: Node) -> QmpAnswer:
    properties = node.get("properties")
    sgx_error = node.get("sgx_error")
    sgx = node.get("sgx_capabilities")
    version = node.get("version")
    expansions = node.get("expansions")
    accelerator = node["accel"].text()
    if accelerator not in {known.value for known in Accelerator}:
        raise node["accel"].error(repr(accelerator), "kvm or tcg")
    return QmpAnswer(
        path=node["path"].text(),
        version=version.text() if version else "unknown",
        accelerator=Accelerator(accelerator),
        expansions={
            model: {name: value.value for name, value in props.members() if isinstance(value.value, bool)}
            for model, props in (expansions.members() if expansions else ())
        },
        properties=frozenset(properties.texts()) if properties else None,
        sgx_error=sgx_error.text() if sgx_error else None,
        sgx=sgx["sgx"].truth() if sgx else None,
    )
