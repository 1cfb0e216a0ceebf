"""Source `qmp`, only with --active: QEMU started without a guest and asked what it can give."""

import os
from typing import IO, Dict, Iterator, List, Optional, Tuple

from .look import Look
from .options import Options
from .processes import find_qemu_processes, model_names
from .qemu import candidates, is_trusted
from .qmp import MISSHAPEN, MISSHAPEN_TEXT, Qmp, QmpError, Query, Reply
from .record import Data, Json, NothingFoundError, Problems

ACCELERATORS = ("kvm", "tcg")
CPU_TYPE = "max-x86_64-cpu"
_DEFINITION_FIELDS = ("name", "unavailable-features", "static", "migration-safe", "alias-of", "deprecated")

Models = Dict[str, Dict[str, Json]]

_EXPANSIONS: Models = {
    "host": {"name": "host"},
    "host,migratable=off": {"name": "host", "props": {"migratable": False}},
    "max": {"name": "max"},
}
_HOST_LIKE = frozenset(["host", "max"])


def command_line(path: str, accelerator: str) -> List[str]:
    """Return how QEMU is started: no machine, no devices, no configuration, stopped, QMP on standard streams."""
    return [
        path,
        *("-machine", "none", "-accel", accelerator, "-S", "-display", "none"),
        *("-nodefaults", "-no-user-config", "-qmp", "stdio"),
    ]


def gather(look: Look, options: Options, problems: Problems) -> Data:
    """Ask each trusted binary under KVM and under TCG, also for the contents of the models that guests use."""
    asked = []
    in_use = {name for process in find_qemu_processes(look) for name in model_names(process.arguments)}
    models = dict(_EXPANSIONS)
    models.update((name, {"name": name}) for name in sorted(in_use - _HOST_LIKE))
    for path, resolved in _trusted_binaries(look, options, problems):
        for accelerator in ACCELERATORS:
            try:
                asked.append({"path": path, **_ask(look, resolved, accelerator, models)})
            except (OSError, QmpError) as error:
                problems.add("%s under %s" % (path, accelerator), str(error), _remedy(str(error)))
    if not asked:
        raise NothingFoundError
    return {"binaries": asked}


def _remedy(said: str) -> str:
    return "see that /dev/kvm may be opened" if "kvm" in said.lower() else ""


def _trusted_binaries(look: Look, options: Options, problems: Problems) -> Iterator[Tuple[str, str]]:
    """Yield path and real path of each binary that may be started: in our file system, writable by root alone."""
    seen = set()
    for candidate in candidates(look, options):
        if candidate.deleted or not look.exists(candidate.path):
            if candidate.found_by != "usual place":
                problems.add(candidate.path, "not in this file system (replaced, or a container's): not started")
            continue
        resolved = look.real_path(candidate.path)
        if resolved in seen:
            continue
        seen.add(resolved)
        objection = is_trusted(look, resolved)
        if objection:
            problems.add(
                candidate.path, "not started: %s" % objection, "let root own it, and nobody else write it"
            )
        else:
            yield candidate.path, resolved
    if not seen:
        problems.add("QEMU", "no binary found", "install QEMU, or give --qemu")


def _ask(look: Look, path: str, accelerator: str, models: Models) -> Data:
    process = look.commands.start(command_line(path, accelerator), given=True)
    try:
        if process.stdin is None or process.stdout is None:
            raise QmpError("it has no standard streams")
        qmp = Qmp(process.stdout.fileno(), process.stdin.fileno(), look.remaining_s())
        try:
            version = qmp.greet()
            replies = qmp.ask(_queries(models))
        except QmpError as error:
            raise QmpError(_last_words(process.stderr) or str(error)) from error
    finally:
        look.commands.stop(process)
    try:
        return _report(accelerator, version, models, replies)
    except MISSHAPEN as error:
        raise QmpError(MISSHAPEN_TEXT) from error


def _report(accelerator: str, version: str, models: Models, replies: List[Reply]) -> Data:
    definitions, properties, sgx = replies[:3]
    expansions = dict(zip(models, replies[3:]))  # noqa: B905  # strict= came with Python 3.10
    return {
        "accel": accelerator,
        "version": version,
        "definitions": [_definition(one) for one in definitions.value or ()],
        "expansions": {name: _properties(reply) for name, reply in expansions.items() if not reply.error},
        "expansion_errors": {name: reply.error for name, reply in expansions.items() if reply.error},
        "sgx_capabilities": sgx.value,
        "sgx_error": sgx.error,
        "properties": sorted(one["name"] for one in properties.value or ()),
    }


def _queries(models: Models) -> List[Query]:
    return [
        ("query-cpu-definitions", {}),
        ("device-list-properties", {"typename": CPU_TYPE}),
        ("query-sgx-capabilities", {}),
        *(("query-cpu-model-expansion", {"type": "full", "model": model}) for model in models.values()),
    ]


def _definition(one: Dict[str, Json]) -> Dict[str, Json]:
    return {field: one[field] for field in _DEFINITION_FIELDS if field in one}


def _properties(reply: Reply) -> Dict[str, Json]:
    properties: Dict[str, Json] = reply.value["model"].get("props", {})
    return properties


def _last_words(stream: Optional[IO[bytes]]) -> Optional[str]:
    """Return the last line that QEMU printed before it ended."""
    if stream is None:
        return None
    try:
        os.set_blocking(stream.fileno(), False)
        lines = os.read(stream.fileno(), 4096).decode("utf-8", "replace").strip().splitlines()
    except (OSError, ValueError):
        return None
    return lines[-1] if lines else None
