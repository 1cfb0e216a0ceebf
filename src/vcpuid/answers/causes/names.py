"""Tests of causes by the text alone: no host is needed."""

from __future__ import annotations

from vcpuid.answers.causes.case import Case, Holding, Tested, some, yes_or_no
from vcpuid.atlas import Atlas
from vcpuid.terms.feature import Dialect


def other_dialect(case: Case) -> Tested:
    """Is a name of the text another project's?"""
    told = []
    for name in case.names:
        for feature in name.features:
            own = [one.text for one in feature.names.get(case.dialect, ())]
            if name.text not in own:
                so = (
                    f"{case.dialect.label} calls it {own[0]}"
                    if own
                    else f"{case.dialect.label} has no name for it"
                )
                told.append(f"{name.text} is {feature.address}; {so}")
    if not any(name.features for name in case.names):
        return Tested(Holding.HOLDS_NOT, "no project that vcpuid knows has this name")
    return yes_or_no(some(told) or f"{case.dialect.label} spells it so", holds=bool(told))


def misspelt(case: Case) -> Tested:
    """Has no project a name of the text?"""
    unknown = [name for name in case.names if not name.features]
    if not unknown:
        return Tested(Holding.HOLDS_NOT, "the atlas has this name")
    told = [f"{one.text}{f' (near: {chr(44).join(one.near[:3])})' if one.near else ''}" for one in unknown]
    return Tested(Holding.HOLDS, f"in no table of vcpuid: {some(told)}")


def old_name(case: Case) -> Tested:
    """Does the text have the first of the row's two names, which the second has replaced?"""
    old, new = case.argument.split()
    holds = any(name.text == old for name in case.names)
    return yes_or_no(f"write {new}" if holds else f"the text does not name {old}", holds=holds)


def underscore(case: Case) -> Tested:
    """Has a name an underscore where QEMU has a dash?"""
    atlas = Atlas.load()
    dashed = [
        f"{name.text}: write {name.text.replace('_', '-')}"
        for name in case.names
        if "_" in name.text and atlas.named(Dialect.QEMU, name.text.replace("_", "-"))
    ]
    return yes_or_no(some(dashed) or "no underscore stands where a dash should", holds=bool(dashed))
