"""What the CPU models of a QEMU are made of, and what accelerators and machine types change about them."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from tools.qemu.binary import Binary, Json, QemuError
from tools.qemu.features import AUTO_LEVEL, CPU, Bench, Features, Properties, expansion, properties, turn

OF_THE_HOST = ("host", "max")
"""Models whose contents are what the accelerator can give."""
NO_CONTENT = frozenset({"memory", "host-cache-info", "migratable", "pmu", AUTO_LEVEL})
"""Properties that differ between models and are no part of what a model is."""
LEVELS = ("level", "xlevel", "xlevel2", "level-func7")
EVERY_MODEL = "*"


@dataclass(frozen=True, slots=True)
class Model:
    """One model: `settings` holds what is no feature (vendor, family, maxima), `alias_of` the version it is."""

    name: str
    alias_of: str
    static: bool
    features: frozenset[str]
    settings: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Change:
    """A property that an accelerator or a machine type sets on models, for one accelerator or (empty) for each."""

    accelerator: str
    models: tuple[str, ...]
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine type.

    Attributes:
        newer: The machine type of which it has all changes besides its own; empty for none.
        cpu: Its default model.
        versions: What a model's name without a version means: `v1`, `latest`, or empty where it is a model itself.
        changes: What it sets on models, beyond `newer`.
    """

    name: str
    alias_of: str
    newer: str
    cpu: str
    versions: str
    changes: tuple[Change, ...]


def text_of(value: Json) -> str:
    """A property's value as -cpu takes it."""
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)


class Models:
    """The models of a binary as its two accelerators expand them, on no machine."""

    def __init__(self, tcg: Bench, kvm: Bench, found: Features) -> None:
        self.benches = {bench.accelerator: bench for bench in (tcg, kvm)}
        self.features = frozenset(name for name in tcg.names if found.bits.get(name))
        self._found = found
        self._ignored = NO_CONTENT | found.aliases.keys()
        answer = tcg.binary.ask(("-machine", "none", "-accel", "tcg"), [("query-cpu-definitions", {})])
        self.definitions = {one["name"]: one for one in answer.value(0)}
        self.names = sorted(self.definitions)
        queries = [expansion(name, {}) for name in self.names]
        self.contents = {
            accelerator: dict(zip(self.names, bench.expand(queries), strict=True))
            for accelerator, bench in self.benches.items()
        }
        bare = turn(self.features, on=False)
        self._bare = dict(zip(self.names, tcg.expand([expansion(name, bare) for name in self.names]), strict=True))
        self.defaults = tuple(self._find_defaults())

    @property
    def ordinary(self) -> list[str]:
        """The models that accelerators and machine types change."""
        return [name for name in self.names if name not in OF_THE_HOST and not self.definitions[name]["static"]]

    def _find_defaults(self) -> Iterator[Change]:
        """Find what each accelerator sets on every model, whatever the model says."""
        for accelerator, other in (("tcg", "kvm"), ("kvm", "tcg")):
            uniform = {}
            for name in sorted(self.features):
                seen, elsewhere = (
                    {self.contents[one][model][name] for model in self.ordinary} for one in (accelerator, other)
                )
                if len(seen) == 1 and seen != elsewhere:
                    (uniform[name],) = seen
            for name, value in uniform.items():
                follows = any(uniform.get(need) is False for need in self._found.needs.get(name, ()))
                if value or not (follows or name in self._found.kvm_only):
                    yield Change(accelerator, (EVERY_MODEL,), name, text_of(value))

    def _contents(self, model: str) -> frozenset[str]:
        """What a model is by itself, before the accelerator's defaults."""
        if model in OF_THE_HOST:
            return frozenset(name for name in self.features if self.contents["tcg"][model][name])
        if self.definitions[model]["static"]:
            return frozenset()
        defaulted = {(change.accelerator, change.name): change.value for change in self.defaults}
        tcg, kvm = (self.contents[accelerator][model] for accelerator in ("tcg", "kvm"))
        return frozenset(name for name in self.features if (kvm if ("tcg", name) in defaulted else tcg)[name])

    def models(self) -> list[Model]:
        """Every model, without what accelerator and machine type set.

        Raises:
            ValueError: Contents and defaults do not add up to what an accelerator expands a model to.
        """
        made = [self._model(name) for name in self.names]
        defaults = {
            accelerator: {one.name: one.value == "on" for one in self.defaults if one.accelerator == accelerator}
            for accelerator in self.benches
        }
        for model in made:
            if model.name in OF_THE_HOST or model.static:
                continue
            for accelerator, changes in defaults.items():
                expected = (model.features - {name for name, on in changes.items() if not on}) | {
                    name for name, on in changes.items() if on
                }
                expected = frozenset(name for name in expected if set(self._found.needs.get(name, ())) <= expected)
                props = self.contents[accelerator][model.name]
                if differing := expected ^ {name for name in self.features if props[name]}:
                    raise ValueError(f"{model.name} under {accelerator}: {sorted(differing)} cannot be explained")
        return made

    def _model(self, name: str) -> Model:
        definition, props, bare = self.definitions[name], self.contents["tcg"][name], self._bare[name]
        base = self.benches["tcg"].base
        settings = {
            key: value
            for key, value in props.items()
            if key not in self._ignored
            and key not in self.features
            and not key.startswith(("hv-", "x-", "min-"))
            and key not in LEVELS
            and value != base[key]
        }
        settings |= {key: bare[key] for key in LEVELS if bare[key] != base[key]}
        settings["vendor"] = props["vendor"]
        meant = definition.get("alias-of", "")
        alias_of = meant if meant.rpartition("-v")[0] != name else ""
        return Model(name, alias_of, definition["static"], self._contents(name), settings)

    def is_content(self, name: str) -> bool:
        """Whether a property is part of what a guest's CPU is."""
        if name in self._ignored or name.startswith(("hv-", "x-hv-")):
            return name == AUTO_LEVEL
        return True


def measure_machines(binary: Binary, models: Models) -> list[Machine]:
    """Measures what every machine type that starts changes about the models, newest version of a family first."""
    named = {name: text for name, text in binary.machines.items() if name != "none" and "(alias of" not in text}
    aliases = {
        text.partition("(alias of ")[2].partition(")")[0]: name
        for name, text in binary.machines.items()
        if "(alias of" in text
    }
    measured: dict[str, _Board] = {}
    made = []
    for name in sorted(named, key=_machine_order):
        board = _Board.measure(binary, name, models)
        if board is None:
            continue
        newer = next((other for other in reversed(measured) if _family(other) == _family(name)), "")
        before = measured.get(newer)
        measured[name] = board
        changes = tuple(board.changes_from(before or _Board.nowhere(models), models))
        made.append(
            Machine(
                name,
                aliases.get(name, ""),
                newer if before else "",
                board.cpu,
                board.versions(models),
                changes,
            )
        )
    return made


def _family(machine: str) -> str:
    head, _, tail = machine.rpartition("-")
    return head if head and tail.replace(".", "").isdigit() else machine


def _machine_order(machine: str) -> tuple[str, list[int]]:
    tail = machine.rpartition("-")[2]
    numbers = [int(part) for part in tail.split(".")] if tail.replace(".", "").isdigit() else []
    return _family(machine), [-number for number in [*numbers, 0, 0][:3]]


Contents = Mapping[str, Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class _Board:
    """A machine type's answers.

    Attributes:
        cpu: Its default model.
        meant: The version that each model's name without a version means.
        contents: By accelerator, the lines that tell each model's contents.
        auto_level: The switch that `_ask` turns off, as it is by itself.
    """

    cpu: str
    meant: Mapping[str, str]
    contents: Contents
    auto_level: bool

    def versions(self, models: Models) -> str:
        """Say what a name without a version means."""
        if not self.meant:
            return ""
        numbers = {name: int(version.rpartition("-v")[2]) for name, version in self.meant.items()}
        if set(numbers.values()) == {1}:
            return "v1"
        latest = {name: max(n for n in range(1, 100) if f"{name}-v{n}" in models.definitions) for name in numbers}
        if numbers != latest:
            raise ValueError(f"names of models mean neither the first nor the latest versions: {self.meant}")
        return "latest"

    @staticmethod
    def nowhere(models: Models) -> "_Board":
        """What stands for no machine."""
        boards = {a: _ask(bench.binary, "none", a, models) for a, bench in models.benches.items()}
        return _Board("", {}, {a: board.contents[a] for a, board in boards.items()}, auto_level=True)

    @staticmethod
    def measure(binary: Binary, machine: str, models: Models) -> "_Board | None":
        """Ask one machine type; None where it does not start by itself (Xen's, remote ones)."""
        boards = {}
        for accelerator in models.benches:
            try:
                boards[accelerator] = _ask(binary, machine, accelerator, models)
            except QemuError:
                return None
        one = boards["tcg"]
        contents = {a: board.contents[a] for a, board in boards.items()}
        return _Board(one.cpu, one.meant, contents, one.auto_level) if one.cpu else None

    def changes_from(self, before: "_Board", models: Models) -> Iterator[Change]:
        """What differs from another machine type, as changes that both accelerators share where they can."""
        if before.auto_level != self.auto_level:
            yield Change("", (EVERY_MODEL,), AUTO_LEVEL, text_of(self.auto_level))
        skipped = set(self.meant) if self.versions(models) == "latest" else set()
        now = {a: _parsed(self.contents[a], before.contents[a], skipped) for a in self.contents}
        old = {a: _parsed(before.contents[a], self.contents[a], skipped) for a in self.contents}
        found: dict[tuple[str, Json], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for accelerator, contents in now.items():
            for model, props in contents.items():
                for name, value in props.items():
                    if name in LEVELS and value == props.get(f"min-{name}"):
                        continue  # it follows from the other, which features may still raise
                    if models.is_content(name) and old[accelerator][model].get(name) != value:
                        found[name, value][accelerator].append(model)
        for (name, value), changed in sorted(found.items(), key=lambda item: (item[0][0], str(item[0][1]))):
            yield from self._spread(name, value, changed, models, skipped)

    def _spread(
        self, name: str, value: Json, changed: Mapping[str, Sequence[str]], models: Models, skipped: set[str]
    ) -> Iterator[Change]:
        """Write a change once where the other accelerator has the value anyway, `*` where all models have it."""
        parsed = {a: _parsed(self.contents[a], {}, set()) for a in self.contents}
        everyone = sorted({model for some in changed.values() for model in some})
        has = {a: {model for model, props in parsed[a].items() if props.get(name) == value} for a in parsed}
        shared = all(has[a] >= set(everyone) for a in has)
        groups = {"": everyone} if shared else changed
        for accelerator, some in groups.items():
            holders = skipped.union(set.intersection(*has.values()) if shared else has[accelerator])
            every = holders >= set(models.ordinary) and len(some) > len(models.ordinary) // 4
            special = sorted(set(some).difference(models.ordinary)) if name in models.features else ()
            listed = (EVERY_MODEL, *special) if every else tuple(sorted(some))
            yield Change(accelerator, listed, name, text_of(value))


def _parsed(
    lines: Mapping[str, bytes], others: Mapping[str, bytes], skipped: Collection[str]
) -> dict[str, Properties]:
    return {
        model: _read(line) for model, line in lines.items() if model not in skipped and line != others.get(model)
    }


@cache
def _read(line: bytes) -> Properties:
    """Read an answer; machine types share most of them, to the letter."""
    return properties(json.loads(line)["return"])


def _ask(binary: Binary, machine: str, accelerator: str, models: Models) -> _Board:
    """Ask for every model's contents, with their own maxima rather than what their features raise them to."""
    arguments = ("-machine", machine, "-accel", accelerator, "-m", "64M")
    auto = {AUTO_LEVEL: False} if AUTO_LEVEL in models.benches["tcg"].base else {}
    queries = [expansion(name, auto) for name in models.names]
    rest = [
        ("qom-get", {"path": CPU, "property": "type"}),
        expansion("qemu64", {}),
        ("query-cpu-definitions", {}),
    ]
    answers = binary.ask(arguments, [*queries, *rest])
    cpu, ordinary, definitions = (answers.value(len(queries) + number) for number in range(3))
    return _Board(
        (cpu or "").removesuffix("-x86_64-cpu"),
        {
            one["name"]: one["alias-of"]
            for one in definitions
            if one.get("alias-of", "").rpartition("-v")[0] == one["name"]  # others mean one version for ever
        },
        {accelerator: dict(zip(models.names, answers.lines, strict=False))},
        auto_level=properties(ordinary).get(AUTO_LEVEL, True),
    )
