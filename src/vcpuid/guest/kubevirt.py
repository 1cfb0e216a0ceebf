"""KubeVirt's CPU: the `cpu` block of a VirtualMachineInstance, `spec.domain.cpu`, read and written.

Its features have libvirt's names and policies. Source of the form: KubeVirt's API reference, `v1.CPU`; without a
model KubeVirt takes host-model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from vcpuid.errors import InputError, UndecidedError, how_to_install
from vcpuid.terms.guest import CpuMode, FeatureRequest, GuestCpu, Policy, Topology
from vcpuid.terms.place import Place

if TYPE_CHECKING:
    from yaml.nodes import Node

SIZE_LIMIT = 1 << 20
_MODES = {"host-model": CpuMode.HOST_MODEL, "host-passthrough": CpuMode.HOST_PASSTHROUGH}
_MODEL_OF = {mode: name for name, mode in _MODES.items()}
# Where the block stands: in a VM, a VMI, a VMI's domain, or under `cpu:` alone.
_PATHS = (
    ("spec", "template", "spec", "domain", "cpu"),
    ("spec", "domain", "cpu"),
    ("domain", "cpu"),
    ("cpu",),
)
_LEVELS = ("sockets", "cores", "threads")
_KNOWN = frozenset(
    (
        *_LEVELS,
        *("model", "features", "maxSockets", "dedicatedCpuPlacement", "isolateEmulatorThread", "numa", "realtime"),
    )
)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# Plain scalars that YAML 1.1 takes for something else than a text.
_NO_TEXT = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))


class Beside(NamedTuple):
    """Keys of the manifest that touch the guest's CPU and are no part of what is read: their path and place."""

    path: str
    place: Place


class KubevirtCpu(NamedTuple):
    """The CPU of a manifest, and what stands beside it."""

    cpu: GuestCpu
    beside: tuple[Beside, ...]


def parse_kubevirt(text: str, source: str) -> KubevirtCpu:
    """Read the CPU of a manifest (YAML or JSON) of a VM or VMI, or of a block by itself.

    Raises:
        InputError: It is no YAML, has no such block, or one of another form.
        UndecidedError: PyYAML is not installed.
    """
    if len(text) > SIZE_LIMIT:
        raise InputError("too large for a manifest", source=source, found=f"{len(text)} characters")
    found = [pair for root in _compose(text, source) if (pair := _find_block(root)) is not None]
    if len(found) != 1:
        raise InputError(
            "no CPU block" if not found else "several CPU blocks",
            source=source,
            line=None if not found else _line(found[1][0]),
            expected="one of spec.domain.cpu, as `kubectl get vmi NAME -o yaml` prints it",
        )
    block, domain = found[0]
    return KubevirtCpu(_parse_block(block, source), tuple(_beside(block, domain, source)))


def _compose(text: str, source: str) -> list[Node]:
    """Give the trees of the documents; nodes are never made objects, so that no tag or alias does anything."""
    try:
        import yaml  # noqa: PLC0415 - an extra: only this format needs it
    except ImportError:
        raise UndecidedError(
            "KubeVirt's manifests are YAML, and PyYAML is not installed",
            source=source,
            next_step=how_to_install("kubevirt"),
        ) from None
    try:
        return list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise InputError(
            f"not YAML: {error.problem}", source=source, line=None if mark is None else mark.line + 1
        ) from None
    except yaml.YAMLError as error:
        raise InputError(f"not YAML: {str(error).splitlines()[0]}", source=source) from None
    except RecursionError:
        raise InputError("YAML that is nested too deeply", source=source) from None


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _kind(node: Node) -> str:
    """Give what a node is: `mapping`, `sequence` or `scalar`."""
    return str(getattr(node, "id", ""))


def _members(node: Node) -> dict[str, Node]:
    """Give a mapping's members; of another node none."""
    value = node.value if _kind(node) == "mapping" else []
    return {key.value: member for key, member in value if isinstance(key.value, str)}


def _find_block(root: Node) -> tuple[Node, Node | None] | None:
    """Give the block, and the domain around it where there is one."""
    for path in _PATHS:
        node: Node | None = root
        above: Node | None = None
        for name in path:
            above, node = node, None if node is None else _members(node).get(name)
        if node is not None and _kind(node) == "mapping":
            return node, above if len(path) > 1 else None
    members = _members(root)
    is_block = bool(members) and members.keys() <= _KNOWN
    return (root, None) if is_block else None


def _parse_block(block: Node, source: str) -> GuestCpu:
    members = _members(block)
    model = _text(members["model"], source) if "model" in members else "host-model"
    mode = _MODES.get(model, CpuMode.CUSTOM)
    counts = {level: _number(members[level], source) for level in _LEVELS if level in members}
    return GuestCpu(
        mode,
        model if mode is CpuMode.CUSTOM else None,
        tuple(_parse_features(members.get("features"), source)),
        Place(source, _line(block)),
        topology=Topology(**{level: counts.get(level, 1) for level in _LEVELS}) if counts else None,
    )


def _parse_features(node: Node | None, source: str) -> Iterator[FeatureRequest]:
    if node is None or (_kind(node) == "scalar" and node.value in ("", "null", "~")):
        return
    if _kind(node) != "sequence":
        raise InputError("features is no list", source=source, line=_line(node))
    policies = {policy.value: policy for policy in Policy}
    for item in node.value:
        members = _members(item)
        if "name" not in members:
            raise InputError("a feature without a name", source=source, line=_line(item), expected="- name: avx2")
        policy = _text(members["policy"], source) if "policy" in members else ""
        if (policy or Policy.REQUIRE.value) not in policies:
            raise InputError(
                "an unknown policy",
                source=source,
                line=_line(item),
                found=repr(policy[:40]),
                expected=" or ".join(policies),
            )
        asked = policies[policy or Policy.REQUIRE.value]
        yield FeatureRequest(_text(members["name"], source), asked, Place(source, _line(item)))


def _text(node: Node, source: str) -> str:
    if _kind(node) != "scalar" or not node.value:
        raise InputError("no text", source=source, line=_line(node), expected="a name")
    return str(node.value)


def _number(node: Node, source: str) -> int:
    if _kind(node) != "scalar" or not re.fullmatch(r"[0-9]{1,6}", node.value):
        raise InputError("no number", source=source, line=_line(node), expected="a whole number")
    return int(node.value)


def _beside(block: Node, domain: Node | None, source: str) -> Iterator[Beside]:
    for name, node in _members(block).items():
        if name not in (*_LEVELS, "model", "features", "dedicatedCpuPlacement", "isolateEmulatorThread"):
            yield Beside(f"cpu.{name}", Place(source, _line(node)))
    for name, node in _members(domain).items() if domain is not None else ():
        if name in ("features", "clock", "launchSecurity"):
            yield Beside(f"domain.{name}", Place(source, _line(node)))


def render_kubevirt(cpu: GuestCpu) -> str:
    """Write a CPU in libvirt's names as the `cpu` block of a manifest, without a line's end.

    What the block cannot hold is left out: all but the model, features, sockets, cores and threads.
    """
    lines = ["cpu:"]
    if cpu.topology is not None:
        lines += [f"  {level}: {getattr(cpu.topology, level)}" for level in ("cores", "sockets", "threads")]
    model = _MODEL_OF.get(cpu.mode) or cpu.model
    if model is not None:
        lines.append(f"  model: {_scalar(model)}")
    if cpu.requests:
        lines.append("  features:")
        for request in cpu.requests:
            lines += [f"  - name: {_scalar(request.name)}", f"    policy: {request.policy.value}"]
    return "\n".join(lines) if len(lines) > 1 else "cpu: {}"


def _scalar(text: str) -> str:
    """Write a text so that YAML gives back exactly it."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT:
        return text
    shown = (
        letter if letter.isprintable() and letter not in '"\\' else f"\\U{ord(letter):08x}" for letter in text
    )
    return f'"{"".join(shown)}"'
