"""Writing what was measured of one QEMU as the tables of its version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.qemu.binary import Binary
from tools.qemu.features import BASE, Bench, Features, measure_features
from tools.qemu.models import OF_THE_HOST, Change, Machine, Model, Models, measure_machines, text_of
from tools.table_file import render_table

FOLDER = Path(__file__).resolve().parents[2] / "src" / "vcpuid" / "rules" / "qemu" / "tables"
SETTINGS = {
    "vendor": "vendor",
    "family": "family",
    "model": "model",
    "stepping": "stepping",
    "level": "level",
    "xlevel": "xlevel",
    "xlevel2": "xlevel2",
    "level-func7": "func7",
    "model-id": "model_id",
}

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Everything that was measured of one binary."""

    banner: str
    properties: Mapping[str, tuple[str, str]]
    features: Features
    models: Sequence[Model]
    defaults: Sequence[Change]
    machines: Sequence[Machine]

    @property
    def version(self) -> str:
        """The version that names the tables, without the number of the bug-fix release."""
        return ".".join(self.banner.split()[0].split(".")[:2])


def measure(binary: Binary) -> Measurement:
    """Measures a binary; it needs /dev/kvm, for what QEMU does only under KVM.

    Raises:
        QemuError: The binary does not start or does not answer.
        ValueError: What it answers does not add up.
    """
    tcg, kvm = Bench(binary, "tcg"), Bench(binary, "kvm")
    found = measure_features(tcg, kvm)
    models = Models(tcg, kvm, found)
    arguments = ("-machine", "none", "-accel", "tcg")
    listed = binary.ask(arguments, [("device-list-properties", {"typename": "max-x86_64-cpu"})]).value(0)
    kinds = {name: "bool" for name, value in tcg.base.items() if isinstance(value, bool) and name != "realized"}
    kinds |= {one["name"]: one["type"] for one in listed}
    properties = {
        name: (kind, text_of(tcg.base.get(name, "")))
        for name, kind in kinds.items()
        if name not in found.aliases and not found.bits.get(name)
    }
    machines = measure_machines(binary, models)
    return Measurement(binary.banner, properties, found, models.models(), models.defaults, machines)


def render_tables(measured: Measurement, date: str) -> dict[str, str]:
    """The text of every table by its name."""
    tables = {
        "features": _features(measured),
        "xsave": _xsave(measured.features),
        "mirrors": _mirrors(measured.features),
        "models": _models(measured.models),
        "machines": _machines(measured.machines),
        "changes": _changes(measured),
        "properties": _properties(measured.properties),
    }
    return {
        name: render_table(_notes(title.format(len(rows)), measured, date, legend), columns, rows)
        for name, (title, legend, columns, rows) in tables.items()
    }


Table = tuple[str, Sequence[str], Row, Sequence[Row]]


def _notes(title: str, measured: Measurement, date: str, legend: Iterable[str]) -> list[str]:
    return [
        title,
        "",
        f"Origin: measured on the binary of QEMU {measured.banner}, {date}.",
        "Terms: Apache-2.0, as this project; names, numbers and positions are facts.",
        "Made by: python -m tools.measure_qemu; do not edit by hand.",
        f"version: {measured.banner.split()[0]}",
        "",
        *legend,
    ]


def _features(measured: Measurement) -> Table:
    found = measured.features
    maximum = next(model.features for model in measured.models if model.name == "max")
    rows = []
    for name in sorted({*found.bits, *found.aliases}):
        bits = found.bits.get(name, ())
        given = [bit for bit in bits if bit in found.tcg]
        if given and len(given) < len(bits):
            raise ValueError(f"{name}: TCG gives a part of its bits")
        if not bits and not found.bits.get(found.aliases.get(name, "")):
            continue
        accelerators = "kvm" if name in found.kvm_only else "tcg" if given else ""
        rows.append(
            (
                *(name, "+".join(bits), found.aliases.get(name, "")),
                " ".join(found.needs.get(name, ())),
                " ".join(found.conflicts.get(name, ())),
                " ".join(found.raises.get(name, ())),
                " ".join(found.raises_anyway.get(name, ())),
                accelerators,
                "no" if given and name not in maximum else "",
            )
        )
    legend = (
        "bits: addresses (leaf.subleaf.register.bit, msr.index.bit) joined by +; an MSR bit is the hardware's.",
        "alias_of: the feature that this is another spelling of.",
        "needs: what has to be on too, or QEMU drops the feature. conflicts: what must not be on beside it.",
        "raises: the maximum leaf (hexadecimal) that it brings unless a level is given; 7.N: leaf 7's subleaf.",
        "raises_anyway: what it raises even with full-cpuid-auto-level=off, as old machine types have it.",
        "accelerator: tcg: TCG gives it; kvm: it exists under KVM only; empty: KVM may give it, if the host can.",
        "max: no: the model `max` leaves it out, though the accelerator gives it.",
    )
    columns = ("name", "bits", "alias_of", "needs", "conflicts", "raises", "raises_anyway", "accelerator", "max")
    return "The features of QEMU's x86 CPUs and their spellings: {} names.", legend, columns, rows


def _xsave(found: Features) -> Table:
    rows = [
        (bit, " ".join(names), "tcg" if bit in found.tcg else "")
        for bit, names in sorted(
            {**found.kvm_components, **found.components}.items(), key=lambda row: _place(row[0])
        )
    ]
    legend = (
        "features: any of them sets the bit, if xsave is on too.",
        "accelerator: tcg: TCG gives it. Rows without may be incomplete: newer QEMUs know a component only where",
        "  their host has it.",
    )
    return (
        "The XSAVE components in leaf 0xD and what brings them: {} bits.",
        legend,
        ("bit", "features", "accelerator"),
        rows,
    )


def _place(bit: str) -> tuple[str, int]:
    word, _, number = bit.rpartition(".")
    return word, int(number)


def _mirrors(found: Features) -> Table:
    rows = [(vendor, bit, of) for vendor, bits in sorted(found.mirrors.items()) for bit, of in bits.items()]
    title = "Bits that repeat another bit in CPUs of a vendor: {} bits."
    return (
        title,
        ("bit is what the CPU shows for repeats, whatever the model says.",),
        ("vendor", "bit", "repeats"),
        rows,
    )


def _models(models: Sequence[Model]) -> Table:
    by_name = {model.name: model for model in models}
    rows = []
    for model in models:
        ancestor = _ancestor(model, by_name)
        before = by_name[ancestor].features if ancestor else frozenset()
        settings = dict(model.settings)
        known = [_setting(key, settings.pop(key, "")) for key in SETTINGS]
        rows.append(
            (
                *(model.name, ancestor),
                "static" if model.static else "host" if model.name in OF_THE_HOST else "",
                *known,
                " ".join(f"{key}={text_of(value)}" for key, value in sorted(settings.items())),
                " ".join(sorted(model.features - before)),
                " ".join(sorted(before - model.features)),
            )
        )
    legend = (
        "ancestor: the model of whose features it has all but `removed`, and `added` besides.",
        "kind: static: no accelerator and no machine type changes it; host: what the accelerator gives: the row",
        "  is TCG's.",
        "vendor: under KVM a model has the host's instead. level, xlevel, xlevel2: the maxima before features",
        "  raise them, hexadecimal; func7: the highest subleaf of leaf 7. other: further settings.",
        "Contents are a model's own, before accelerator and machine type change them (changes.csv).",
    )
    columns = (
        *("name", "ancestor", "kind"),
        *(*SETTINGS.values(), "other", "added", "removed"),
    )
    return "The CPU models of QEMU: {} models.", legend, columns, rows


def _setting(key: str, value: object) -> str:
    return f"{value:x}" if isinstance(value, int) and key.endswith(("level", "level2")) else str(value)


def _ancestor(model: Model, by_name: Mapping[str, Model]) -> str:
    stem, _, number = model.name.rpartition("-v")
    if model.alias_of:
        return model.alias_of
    if number.isdigit() and int(number) > 1 and f"{stem}-v1" in by_name:
        return f"{stem}-v1"
    return f"{model.name}-v1" if f"{model.name}-v1" in by_name else ""


def _machines(machines: Sequence[Machine]) -> Table:
    rows = [(one.name, one.alias_of, one.newer, one.cpu, one.versions) for one in machines]
    legend = (
        "also: another name. cpu: the model without -cpu.",
        "newer: the machine type whose changes it has all, its own besides (changes.csv).",
        "versions: which version a model's name without one means: v1, latest; empty: the name is a model itself.",
        "Machine types that do not start by themselves are left out.",
    )
    columns = ("name", "also", "newer", "cpu", "versions")
    return "The machine types of QEMU, as far as they concern the CPU: {} types.", legend, columns, rows


def _changes(measured: Measurement) -> Table:
    rows = [
        (machine, one.accelerator, one.name, one.value, " ".join(one.models))
        for machine, changes in [("", measured.defaults), *((one.name, one.changes) for one in measured.machines)]
        for one in changes
    ]
    legend = (
        "machine: empty for what an accelerator sets on every machine type, before the machine type does.",
        "accelerator: empty for both. models: * for every model that is neither static nor the host's (those are",
        "  named besides); a setting that is no feature then is every model's.",
        "property: min-level and the like are maxima that features may raise, level and the like are final.",
    )
    columns = ("machine", "accelerator", "property", "value", "models")
    return "What accelerators and machine types set on CPU models: {} settings.", legend, columns, rows


def _properties(properties: Mapping[str, tuple[str, str]]) -> Table:
    rows = [(name, kind, default) for name, (kind, default) in sorted(properties.items())]
    legend = (
        f"default: as the model `{BASE}` has it, on no machine; empty where it is not set or cannot be read.",
    )
    return "What -cpu takes besides features: {} properties.", legend, ("name", "type", "default"), rows
