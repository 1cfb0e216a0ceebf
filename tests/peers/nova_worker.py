"""Drives the real Nova: runs in an environment that has one, answers one JSON line for each on standard input.

Real are Nova's configuration, its reading of flavors and images, its start check, the guest's <cpu>, its report of
traits and its check before a live migration, with the libvirt connection that Nova itself opens. There is no
database, no message bus and no instance: the methods of nova-compute's driver are called by themselves.

A question is `{"files": [TEXT...], "flavor": {...} | null, "image": {...} | null, "source": CPU_INFO | null}`, the
answer holds for each step its value, or `{"refused": CLASS, "words": MESSAGE}`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nova import conf, objects
from nova.virt import hardware
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import utils as libvirt_utils

CONF = conf.CONF


def configure(files: list[str], folder: Path) -> None:
    """Read configuration files in their order, as `nova-compute --config-file A --config-file B` does."""
    arguments = []
    for number, text in enumerate(files):
        path = folder / f"{number}.conf"
        path.write_text(text, encoding="utf-8")
        arguments += ["--config-file", str(path)]
    CONF.clear()
    CONF(arguments, project="nova", default_config_files=[])


def step(run: Callable[[], Any]) -> Any:  # noqa: ANN401 - JSON
    """Give what a step gives, or how Nova refuses."""
    try:
        return run()
    except Exception as error:  # noqa: BLE001 - whatever Nova raises is its answer
        return {"refused": type(error).__name__, "words": str(error)}


class Nova:
    """One nova-compute's driver, with the configuration of a question."""

    def __init__(self) -> None:
        self._driver = libvirt_driver.LibvirtDriver(None)

    def start(self) -> None:
        """Check the configuration as nova-compute does when it starts."""
        self._driver._check_cpu_compatibility()

    def traits(self) -> list[str]:
        """Give the traits of the CPU that Nova reports to placement."""
        found = self._driver._get_cpu_feature_traits()
        return sorted(name for name, is_set in found.items() if is_set)

    def cpu(self, flavor: dict[str, Any], image: dict[str, Any]) -> str | None:
        """Give the <cpu> of a guest."""
        cpu = self._make(flavor, image)
        return None if cpu is None else str(cpu.to_xml())

    def move(self, flavor: dict[str, Any], image: dict[str, Any]) -> None:
        """Check whether such a guest of this host may come to this host, as before a live migration."""
        cpu = self._driver._cpu_config_to_vcpu_model(self._make(flavor, image), None)
        if cpu is None or not cpu.model:
            self.migrate(self.info())
        else:
            self._driver._compare_cpu(cpu, None, None)

    def _make(self, flavor: dict[str, Any], image: dict[str, Any]) -> Any:  # noqa: ANN401 - Nova's own type
        meta = objects.ImageMeta.from_dict({"name": "image", **image})
        asked = objects.Flavor(
            name="flavor",
            flavorid="f",
            vcpus=flavor["vcpus"],
            memory_mb=flavor["ram"],
            root_gb=0,
            ephemeral_gb=0,
            swap=0,
            extra_specs=flavor.get("properties", {}),
        )
        topology = hardware.numa_get_constraints(asked, meta)
        hardware.get_maxphysaddr_mode(asked, meta)
        cells = self._driver._get_cpu_numa_config_from_instance(topology, False)  # noqa: FBT003
        return self._driver._get_guest_cpu_config(asked, meta, cells, topology)

    def migrate(self, source: dict[str, Any]) -> None:
        """Check whether a guest of a host with that CPU may come here."""
        self._driver._compare_cpu(None, json.dumps(source), None)

    def info(self) -> dict[str, Any]:
        """Give what this host tells of its CPU to a host that it migrates to."""
        found = self._driver._get_cpu_info()
        return {**found, "features": sorted(found["features"])}


def tables() -> dict[str, Any]:
    """Give the traits with their flags, and the names of the options of [libvirt]."""
    return {
        "traits": dict(libvirt_utils.TRAITS_CPU_MAPPING),
        "options": sorted(name for name in CONF.libvirt),
    }


OPTIONS = {
    "libvirt": ("virt_type", "cpu_mode", "cpu_models", "cpu_model_extra_flags"),
    "workarounds": ("skip_cpu_compare_at_startup", "skip_cpu_compare_on_dest"),
}


def read(files: list[str], folder: Path) -> dict[str, Any]:
    """Give each of the options by itself, as oslo.config reads it."""
    configured = step(lambda: configure(files, folder))
    if configured is not None:
        return {"configured": configured}
    return {
        f"{section}.{name}": step(lambda: getattr(getattr(CONF, section), name))  # noqa: B023 - called at once
        for section, names in OPTIONS.items()
        for name in names
    }


def answer(question: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Answer one question."""
    if "tables" in question:
        return {"tables": tables()}
    if "read" in question:
        return read(question["read"], folder)
    configured = step(lambda: configure(question["files"], folder))
    if configured is not None:
        return {"configured": configured}
    made = step(Nova)
    if not isinstance(made, Nova):
        return {"start": made}
    nova = made
    result = {"start": step(nova.start), "traits": step(nova.traits)}
    if question.get("flavor"):
        image = question.get("image") or {}
        result["cpu"] = step(lambda: nova.cpu(question["flavor"], image))
        result["move"] = step(lambda: nova.move(question["flavor"], image))
    if question.get("source"):
        result["migrate"] = step(lambda: nova.migrate(question["source"]))
    if question.get("info"):
        result["info"] = step(nova.info)
    return result


def main() -> None:
    """Answer until the input ends."""
    objects.register_all()
    # Nova and what it imports may write where they like, but not between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            answers.write(f"{json.dumps(answer(json.loads(line), Path(folder)))}\n")
            answers.flush()


if __name__ == "__main__":
    main()
