"""What all parts of the linter of nova.conf share: its rules, and the configuration with its map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vcpuid.guest.nova import (
    Item,
    NovaConfig,
    NovaEntry,
    NovaFile,
    Settings,
    UnseenValueError,
    ValueRefusedError,
    read_config,
)
from vcpuid.rules.libvirt.map import CpuMap
from vcpuid.rules.lint import LintRule, load_rules
from vcpuid.terms.guest import CpuMode
from vcpuid.terms.place import Place

RULES = str(Path(__file__).parents[1] / "tables" / "lint_rules.toml")


def rule(name: str) -> LintRule:
    """Give a rule by its row."""
    return load_rules(RULES, "nova")[name]


@dataclass(frozen=True)
class Subject:
    """A configuration and what its linters need to know.

    Attributes:
        files: Its files in the order in which Nova reads them.
        config: Its CPU options; None where Nova fails at one of them, or cannot read a file.
        fault: Why it fails at one.
        cpu_map: The map that names and models are judged by.
    """

    files: tuple[NovaFile, ...]
    config: NovaConfig | None
    fault: ValueRefusedError | UnseenValueError | None
    cpu_map: CpuMap

    @property
    def entries(self) -> tuple[NovaEntry, ...]:
        """All entries in the order in which Nova reads them."""
        return tuple(entry for file in self.files for entry in file.entries)

    @cached_property
    def settings(self) -> Settings:
        """The values."""
        return Settings(self.entries)

    @cached_property
    def spellings(self) -> dict[str, str]:
        """The map's models by their names in lower case."""
        return {name.lower(): name for name in self.cpu_map.models}

    @cached_property
    def models(self) -> dict[str, Item]:
        """The models of mode custom that the map has, in their order, by its names."""
        if self.config is None or self.config.mode != "custom":
            return {}
        found: dict[str, Item] = {}
        for item in self.config.models:
            if (name := self.spellings.get(item.text.lower())) is not None:
                found.setdefault(name, item)
        return found

    def contents(self, model: str) -> frozenset[str]:
        """Give the features of a model of the map."""
        return self.cpu_map.model_features(model) or frozenset()

    def vendor(self, model: str) -> str | None:
        """Give the vendor of a model of the map, or None."""
        return next((own.vendor for own in reversed(self.cpu_map.lineage(model)) if own.vendor), None)

    @property
    def gives_flags(self) -> bool:
        """Whether the flags reach libvirt."""
        return self.config is not None and self.config.effective_mode not in (None, CpuMode.DEFAULT)

    @property
    def compares_at_start(self) -> bool:
        """Whether Nova has libvirt look at the flags when it starts."""
        config = self.config
        return (
            config is not None
            and config.mode == "custom"
            and config.virt_type == "kvm"
            and not config.skips_start
            and config.contradiction is None
        )


def read_subject(files: Sequence[NovaFile], cpu_map: CpuMap) -> Subject:
    """Read a configuration of one or several files, in the order in which Nova reads them."""
    entries = [entry for file in files for entry in file.entries]
    place = Place(files[0].source, 1)
    config, fault = None, None
    if any(file.fault for file in files):
        return Subject(tuple(files), None, None, cpu_map)
    try:
        config = read_config(Settings(entries), place)
    except (ValueRefusedError, UnseenValueError) as error:
        fault = error
    return Subject(tuple(files), config, fault, cpu_map)
