"""Which feature do people mean by a text?"""

from __future__ import annotations

from vcpuid.atlas import Atlas, Match
from vcpuid.errors import UnknownNameError
from vcpuid.terms.feature import Dialect, Feature

_MOST_SUGGESTIONS = 20


def look_up(text: str, vendor: str | None = None, atlas: Atlas | None = None) -> Match:
    """Look a feature up by name or address; blanks around the text do not count.

    A miss is never read as another spelling. It suggests the same name with dashes for underscores, as QEMU
    reads `hv_vapic=on`, the features of a level (x86-64-v2: popcnt...), or else the names that begin with the
    text as a word of its own (amx: amx-tile...). Of a CPU model it says where that is answered.

    Raises:
        UnknownNameError, AmbiguousNameError, UsageError: As `Atlas.find`.
    """
    atlas = atlas or Atlas.load()
    text = text.strip()
    try:
        return atlas.find(text, vendor)
    except UnknownNameError as error:
        if error.name != text:
            raise  # a name within an address
        from vcpuid.decode.levels import features_of_level  # noqa: PLC0415 - only a miss needs it

        if (model := _model(text)) is not None:
            raise UnknownNameError(text, (), model) from None
        dashed = text.replace("_", "-")
        better = (
            (dashed,)
            if dashed != text and atlas.has_name(dashed)
            else features_of_level(text) or _family(text, atlas)
        )
        if not better:
            raise
        raise UnknownNameError(text, better) from None


def look_up_for_map(name: str, vendor: str | None = None) -> Feature:
    """Find a feature, by libvirt's own name first: what is exact there is not ambiguous in libvirt's map.

    Raises:
        UnknownNameError, AmbiguousNameError, UsageError: As `look_up`.
    """
    named = Atlas.load().named(Dialect.LIBVIRT, name.strip()) if vendor is None else None
    return named or look_up(name, vendor).feature


def _model(text: str) -> str | None:
    """Give the CPU model of libvirt or QEMU that a text names, as it is written; None for none."""
    # Only a miss needs the models: a look-up that hits does without the packages that read maps and guests.
    from vcpuid.rules.libvirt.shipped import shipped_map  # noqa: PLC0415
    from vcpuid.rules.qemu.knowledge import known_versions, load_qemu  # noqa: PLC0415

    models = (*shipped_map().models, *load_qemu(known_versions()[-1]).models)
    return next((name for name in models if name.lower() == text.lower()), None)


def _family(text: str, atlas: Atlas) -> tuple[str, ...]:
    """Give the features of which some name has a text as one of its words."""
    word = text.lower()
    family = [
        feature.name
        for feature in atlas.features()
        if any(word in _words(name.text) for own in feature.names.values() for name in own)
    ]
    return tuple(dict.fromkeys(family))[:_MOST_SUGGESTIONS]


def _words(name: str) -> list[str]:
    return name.lower().replace("_", "-").split("-")
