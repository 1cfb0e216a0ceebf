"""The rows of `rules.toml`: the conclusions that hops may draw, and verdicts made from them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vcpuid.evidence import Gap
from vcpuid.terms.feature import Dialect, Feature
from vcpuid.terms.verdict import Basis, Layer, Provenance, State, Verdict

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Rule:
    """One conclusion.

    Attributes:
        name: `layer.conclusion`, as in `kvm.supported`.
        layer: The hop that draws it.
        state: What it concludes.
        evidence: What must have been seen.
        cannot_prove: What the evidence leaves open.
        mend: What to do, with `{placeholders}`; may be empty.
    """

    name: str
    layer: Layer
    state: State
    evidence: str
    cannot_prove: str
    mend: str

    def verdict(
        self,
        summary: str,
        evidence: Iterable[Provenance] = (),
        *,
        mend: str | None = None,
        predicted_by: str | None = None,
        **fields: str,
    ) -> Verdict:
        """Make the verdict; `fields` fill the mend's placeholders, `mend` replaces it whole.

        With `predicted_by`, the rules and their version, it is a prediction.
        """
        remedy = self.mend.format_map(fields) if mend is None else mend
        return Verdict(
            self.layer,
            self.state,
            self.name,
            self.evidence,
            summary,
            tuple(evidence),
            self.cannot_prove,
            remedy,
            Basis.OBSERVED if predicted_by is None else Basis.PREDICTED,
            predicted_by,
        )


@cache
def load_layer_table(name: str) -> dict[str, Any]:
    """Load one of the TOML tables that lie beside the hops."""
    with (_FOLDER / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)


@cache
def rules() -> Mapping[str, Rule]:
    """Give every rule by its name."""
    return {
        f"{layer}.{conclusion}": Rule(
            name=f"{layer}.{conclusion}",
            layer=Layer(layer),
            state=State(row["state"]),
            evidence=row["evidence"],
            cannot_prove=row.get("cannot_prove", ""),
            mend=row.get("mend", ""),
        )
        for layer, conclusions in load_layer_table("rules").items()
        for conclusion, row in conclusions.items()
    }


def rule(name: str) -> Rule:
    """Give one rule."""
    return rules()[name]


def unread(layer: Layer, gap: Gap) -> Verdict:
    """Make the verdict for a hop whose evidence is missing."""
    return rule(f"{layer.value}.unread").verdict(
        f"{gap.what}: {gap.why}", [Provenance(gap.what, gap.why)], mend=gap.remedy
    )


def name_fields(feature: Feature) -> dict[str, str]:
    """Give the placeholders that mends use for a feature's names."""
    return {
        "feature": feature.name,
        "qemu": feature.name_in(Dialect.QEMU) or feature.name,
        "libvirt": feature.name_in(Dialect.LIBVIRT) or feature.name,
    }
