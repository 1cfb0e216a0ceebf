"""What a map says of a feature or a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from vcpuid.answers.look_up import look_up
from vcpuid.atlas import Atlas, describe_since
from vcpuid.decode.identity import Signature as CpuSignature
from vcpuid.decode.identity import designs_of
from vcpuid.errors import UnknownNameError, UsageError
from vcpuid.rules.libvirt.map import CpuMap, MapFeature, MapModel, Signature
from vcpuid.rules.libvirt.models import Model, Models
from vcpuid.rules.lint import nearest
from vcpuid.rules.qemu.knowledge import known_versions, load_qemu
from vcpuid.terms.feature import Dialect, Feature

_STEPPINGS = 16
_IN_EVERY_GUEST = frozenset({"hypervisor"})  # QEMU sets it whatever the model


@dataclass(frozen=True, slots=True)
class ShownFeature:
    """A feature of a map.

    Attributes:
        own: As the map has it.
        feature: What the atlas knows of these bits; None where it knows nothing.
        since: The libvirt that brought the name, in words; None where no libvirt that was looked at has it.
        models: The models that have it, by the map's order, without QEMU's versioned names.
        removed_in: The models that disable it in a guest.
        added_in: The models that judge it neither way.
    """

    own: MapFeature
    feature: Feature | None
    since: str | None
    models: tuple[str, ...]
    removed_in: tuple[str, ...]
    added_in: tuple[str, ...]


class NamedSignature(NamedTuple):
    """A signature, and the designs of the CPUs that have it; empty where the atlas does not know."""

    signature: Signature
    designs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Another model beside one: what the one has more, and what it lacks."""

    other: str
    more: tuple[str, ...]
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QemuContents:
    """QEMU's model of the same name beside libvirt's.

    Attributes:
        versions: The measured versions of QEMU in which it is so.
        more: What QEMU's has and libvirt's has not, by the map's names.
        lacks: What libvirt's has and QEMU's has not.
        unnamed: What QEMU's has and the map has no name for, by QEMU's names.
    """

    versions: tuple[str, ...]
    more: tuple[str, ...]
    lacks: tuple[str, ...]
    unnamed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownModel:
    """A model of a map.

    Attributes:
        own: As the map has it.
        model: With what it inherits.
        features: All that it has, by the map's order.
        versions: QEMU's versioned names for it.
        signatures: The CPUs that are this model.
        nearest: The model with other contents from which it differs least; None if it is the only one.
        qemu: QEMU's models of this name, oldest version first; none where no measured QEMU has one.
    """

    own: MapModel
    model: Model
    features: tuple[str, ...]
    versions: tuple[str, ...]
    signatures: tuple[NamedSignature, ...]
    nearest: Difference | None
    qemu: tuple[QemuContents, ...]


Shown = ShownFeature | ShownModel


def show_in_map(name: str, models: Models) -> Shown:
    """Show a feature or model, by the map's own name; a feature by any name or address.

    Raises:
        UsageError: The map has neither, or the name means several bits.
    """
    cpu_map = models.cpu_map
    if name in models.models:
        return _show_model(name, models)
    own = cpu_map.features.get(name)
    if own is None:
        own = _by_other_name(name, cpu_map)
    return _show_feature(own, cpu_map)


def _by_other_name(name: str, cpu_map: CpuMap) -> MapFeature:
    try:
        feature = look_up(name).feature
    except UnknownNameError as error:
        model = nearest(name, cpu_map.models)
        near = ((model,) if model else ()) + error.suggestions
        raise UsageError(
            "no feature and no model of this name",
            source=cpu_map.title,
            found=repr(name),
            next_step=f"Near names: {', '.join(near)}." if near else None,
        ) from None
    named = cpu_map.named(feature.bits) if feature.bits else ()
    if named:
        return named[0]
    since = _since(feature, None)
    raise UsageError(
        f"the map has no {feature.name}",
        source=cpu_map.title,
        found=feature.address,
        next_step=f"libvirt has it since {since}; `vcpuid map entry` writes its entry."
        if since
        else "No libvirt that was looked at has it; `vcpuid map entry` writes an entry or says why not.",
    )


def _since(feature: Feature, name: str | None) -> str | None:
    names = feature.names.get(Dialect.LIBVIRT, ())
    own = next((own for own in names if name in (None, own.text)), None)
    return describe_since(Dialect.LIBVIRT, own.since) if own else None


def _show_feature(own: MapFeature, cpu_map: CpuMap) -> ShownFeature:
    atlas = Atlas.load()
    feature = atlas.named(Dialect.LIBVIRT, own.name) or next(
        (feature for bit in own.bits[:1] for feature in atlas.at(bit) if feature.bits == own.bits), None
    )
    real = [model for model in cpu_map.models.values() if model.canonical_of is None]
    return ShownFeature(
        own=own,
        feature=feature,
        since=_since(feature, own.name) if feature else None,
        models=tuple(
            model.name for model in real if own.name in (cpu_map.model_features(model.name) or frozenset())
        ),
        removed_in=tuple(model.name for model in real if own.name in model.removed),
        added_in=tuple(model.name for model in real if own.name in model.added),
    )


def _show_model(name: str, models: Models) -> ShownModel:
    cpu_map, model = models.cpu_map, models.models[name]
    letters = cpu_map.vendors.get(model.vendor or "", "")
    return ShownModel(
        own=cpu_map.models[name],
        model=model,
        features=tuple(models.names(model.bits)),
        versions=tuple(other.name for other in cpu_map.models.values() if other.canonical_of == name),
        signatures=tuple(NamedSignature(own, _designs(own, letters)) for own in model.signatures),
        nearest=_find_nearest(model, models),
        qemu=_in_qemu(model, models),
    )


def _in_qemu(model: Model, models: Models) -> tuple[QemuContents, ...]:
    """Compare with QEMU's model before an accelerator or a machine type changes it."""
    found: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    own = set(models.names(model.bits))
    for version in known_versions():
        qemu = load_qemu(version)
        if model.name not in qemu.models:
            continue
        named, unnamed = set(), set()
        for name in qemu.model(model.name).features - _IN_EVERY_GUEST:
            entries = models.cpu_map.named(qemu.features[name].bits) if name in qemu.features else ()
            if entries:
                named.add(entries[0].name)
            else:
                unnamed.add(name)
        contents = tuple(tuple(sorted(names)) for names in (named - own, own - named, unnamed))
        found.setdefault(contents, []).append(qemu.version)
    return tuple(QemuContents(tuple(versions), *contents) for contents, versions in found.items())


def _designs(signature: Signature, letters: str) -> tuple[str, ...]:
    """Name the designs of the CPUs of a signature, each once, by ascending stepping."""
    steppings = [step for step in range(_STEPPINGS) if not signature.steppings or signature.steppings >> step & 1]
    designs = [
        design
        for step in steppings
        for design in designs_of(letters, CpuSignature(signature.family, signature.model, step))
    ]
    names = (f"{design.name} ({design.code_name})" if design.code_name else design.name for design in designs)
    return tuple(dict.fromkeys(names))


def _find_nearest(model: Model, models: Models) -> Difference | None:
    others = [
        other
        for other in models.models.values()
        if other.bits != model.bits and models.cpu_map.models[other.name].canonical_of is None
    ]
    if not others:
        return None
    other = min(others, key=lambda other: (other.bits ^ model.bits).bit_count())
    return Difference(
        other.name,
        tuple(models.names(model.bits & ~other.bits)),
        tuple(models.names(other.bits & ~model.bits)),
    )
