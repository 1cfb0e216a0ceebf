"""What a search found, as a JSON document."""

from __future__ import annotations

from vcpuid.answers.explain import FeatureExplanation
from vcpuid.answers.search import Found
from vcpuid.errors import AmbiguousNameError, UnknownNameError
from vcpuid.render.document import Document, error_document, feature_document
from vcpuid.render.explain import explanation_document, field_document
from vcpuid.render.leaf import summary_document
from vcpuid.render.msr import msr_summary_document
from vcpuid.render.register import ways_document


def search_document(found: Found) -> Document:
    """Give what a search found."""
    explanation, error = found.explanation, found.error
    feature = explanation.match.feature if isinstance(explanation, FeatureExplanation) else None
    return {
        "schema": "vcpuid-search/1",
        "text": found.text,
        "read_as": found.read_as,
        "explanation": explanation_document(explanation) if explanation else None,
        "ways": ways_document(feature) if feature else [],
        "error": error_document(error) if error else None,
        "meanings": [
            {"address": address, "text": text}
            for address, text in (error.meanings if isinstance(error, AmbiguousNameError) else ())
        ],
        "near": list(error.suggestions) if isinstance(error, UnknownNameError) else [],
        "features": [feature_document(one) for one in found.features if one is not feature],
        "fields": [field_document(field) for field in found.fields],
        "leaves": [summary_document(leaf) for leaf in found.leaves],
        "msrs": [msr_summary_document(msr) for msr in found.msrs],
    }
