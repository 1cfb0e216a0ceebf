"""The QEMU binaries of the host and, where they were asked, their own answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vcpuid.snapshot.node import Node
from vcpuid.terms.guest import Accelerator


@dataclass(frozen=True, slots=True)
class QemuBinary:
    """One binary; its version by the package manager, None where no package owns it."""

    path: str
    version: str | None


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
    return tuple(
        QemuBinary(node["path"].text(), version.text() if (version := node.get("version")) else None)
        for node in data["binaries"]
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
