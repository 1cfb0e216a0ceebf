"""The answer of `explain` as text and as a JSON document: a bit in every way that people need to write it."""

from __future__ import annotations

from itertools import groupby

from vcpuid.answers.explain import Explanation, FeatureExplanation, NumberInWord, SetBit, WordExplanation
from vcpuid.atlas import AnyField, Atlas, Tie
from vcpuid.atlas.fields import ANY_VENDOR, Field
from vcpuid.render.document import Document, address_document, feature_document, word_document
from vcpuid.render.page import Page, Role, Span
from vcpuid.render.ways import ways_of
from vcpuid.terms.address import Bits, CpuidRegister, MsrRegister
from vcpuid.terms.feature import Dialect, Feature

_LABEL_WIDTH = 16
_TEXT_COLUMN = _LABEL_WIDTH + 2


def render_explain(explanations: list[Explanation]) -> Page:
    """Show each explanation."""
    page = Page()
    for number, explanation in enumerate(explanations):
        if number:
            page.add()
        if isinstance(explanation, FeatureExplanation):
            _render_feature(page, explanation)
        else:
            _render_word(page, explanation)
    return page


def _row(page: Page, label: str, text: str, *, whole: bool = False) -> None:
    """Add a labelled row; a `whole` one, which people copy, is never broken."""
    page.add(Span(f"  {label:<{_LABEL_WIDTH}}", Role.DIM), text, hang=None if whole else _TEXT_COLUMN)


def _render_feature(page: Page, explanation: FeatureExplanation) -> None:
    feature = explanation.match.feature
    title = f"  {feature.title}" if feature.title else ""
    page.add(Span(feature.name, Role.STRONG), Span(title, Role.STRONG))
    if feature.description:
        page.add(f"  {feature.description}", hang=2)
    page.add()
    matched = ", ".join(dialect.label for dialect in explanation.match.dialects)
    if matched:
        folded = ", in other upper and lower case" if explanation.match.folded else ""
        _row(page, "matched", f"a name of {matched}{folded}")
    _render_bits(page, feature)
    _render_fields(page, explanation)
    if feature.mirror is not None:
        _row(page, "repeats", str(feature.mirror))
    if feature.names:
        page.add()
        _render_names(page, explanation)
    if (
        feature.source
        or explanation.neighbours
        or explanation.ties
        or feature.names.keys() & {Dialect.QEMU, Dialect.LIBVIRT}
    ):
        page.add()
    _render_ways(page, feature)
    for neighbour in explanation.neighbours:
        _row(page, "see also", f"{neighbour.name}   {neighbour.address}")
    for kind, ties in groupby(explanation.ties, lambda tie: tie.kind):
        _row(page, kind.label, ", ".join(_tie_text(tie) for tie in ties))
    if feature.source:
        _row(page, "source", feature.source)


def _tie_text(tie: Tie) -> str:
    name, _ = Atlas.load().called(tie.bits)
    return f"{tie_place(tie)} {name}".rstrip()


def tie_place(tie: Tie) -> str:
    """Give the address of a tie's bits, that of the MSR alone where a whole one is meant."""
    word = tie.bits.word
    is_msr = isinstance(word, MsrRegister) and tie.bits.high - tie.bits.low + 1 == word.width
    return str(word) if is_msr else str(tie.bits)


def _render_bits(page: Page, feature: Feature) -> None:
    for bits in feature.bits:
        _row(page, "bit", bits.manual)
        _row(page, "mask", f"0x{bits.mask:0{bits.word.width // 4}x}   ({bits.plain})")
    if not feature.bits:
        _row(page, "bit", feature.why_no_bit)
    for label, scopes in (("vendors", feature.vendors), ("hypervisors", feature.hypervisors)):
        if scopes:
            _row(page, label, ", ".join(sorted(scopes)))


def _render_fields(page: Page, explanation: FeatureExplanation) -> None:
    """Show what the atlas knows of a bit that nobody has described as a feature."""
    for field in () if explanation.match.feature.title else explanation.fields:
        label = "field" if field.low == field.high else f"of [{field.high}:{field.low}]"
        whose = "" if ANY_VENDOR in field.vendors else f" ({', '.join(sorted(field.vendors))})"
        description = Atlas.load().describe_field(field)
        _row(page, label, f"{field.name}{whose}" + (f"   {description}" if description else ""))


def _render_names(page: Page, explanation: FeatureExplanation) -> None:
    feature = explanation.match.feature
    for dialect in Dialect:
        names = feature.names.get(dialect)
        if names:
            since = explanation.known_since.get(dialect)
            _row(
                page,
                dialect.label,
                ", ".join(name.text for name in names) + (f"   since {since}" if since else ""),
            )
            extra = [bit.plain for name in names for bit in name.also]
            if extra:
                _row(page, "", f"also sets {', '.join(extra)}")


def _render_ways(page: Page, feature: Feature) -> None:
    for way in ways_of(feature):
        first, *rest = way.text.splitlines()
        _row(page, way.place, first + (f"   since {way.since}" if way.since else ""), whole=True)
        for line in rest:
            page.add(" " * _TEXT_COLUMN + line)


def _render_word(page: Page, explanation: WordExplanation) -> None:
    word = explanation.word
    told: list[NumberInWord | SetBit] = [*explanation.numbers, *explanation.set_bits]
    shown = "" if explanation.value is None else f" = 0x{explanation.value:0{word.width // 4}x}"
    page.add(Span(f"{word.manual}{shown}", Role.STRONG), f"   {explanation.leaf_title}")
    hypervisors = sorted({line.hypervisor or "" for line in told}, key=lambda name: (not name, name.lower()))
    if any(hypervisors):
        page.add("  What it means depends on the hypervisor: leaf 40000000H has its signature.", hang=2)
    for hypervisor in hypervisors:
        if any(hypervisors):
            page.add(Span(f"  under {hypervisor}" if hypervisor else "  under any other", Role.DIM))
        _render_word_lines(page, explanation, hypervisor or None)
    if not told:
        page.add("  no bit is set" if explanation.value is not None else "  nothing in the atlas")


def _render_word_lines(page: Page, explanation: WordExplanation, hypervisor: str | None) -> None:
    for number in explanation.numbers:
        if number.hypervisor == hypervisor:
            value = "" if explanation.value is None else f" = {_number(number)}"
            whose = f"   on {'/'.join(sorted(number.field.vendors))}" if _is_disputed(number, explanation) else ""
            page.add(f"  {_index(number.bits):<8}", f"{number.field.name}{value}{whose}")
    for bit in explanation.set_bits:
        if bit.hypervisor == hypervisor:
            names = ", ".join(dict.fromkeys(feature.name for feature in bit.features))
            title = next((feature.title for feature in bit.features if feature.title), "")
            if not names:
                names, title = (bit.field.name, bit.field.description) if bit.field else ("not in the atlas", "")
            page.add(f"  {_index(bit.bits):<8}", Span(f"{names:<23} ", Role.STRONG), title)


def _is_disputed(number: NumberInWord, explanation: WordExplanation) -> bool:
    """Tell whether the bits are another number elsewhere."""
    return any(
        other.field.name != number.field.name
        and other.hypervisor == number.hypervisor
        and other.bits.mask & number.bits.mask
        for other in explanation.numbers
    )


def _number(number: NumberInWord) -> str:
    raw = f"0x{number.value:x}"
    is_raw = number.field.encoding in ("hex", "text")
    return number.text if is_raw else f"{number.text} ({raw})"


def _index(bits: Bits) -> str:
    return f"[{bits.low}]" if bits.low == bits.high else f"[{bits.high}:{bits.low}]"


def explain_document(explanations: list[Explanation]) -> Document:
    """Give the answers of `explain`."""
    return {"schema": "vcpuid-explain/1", "answers": [explanation_document(answer) for answer in explanations]}


def explanation_document(answer: Explanation) -> Document:
    """Give one answer of `explain`."""
    if isinstance(answer, FeatureExplanation):
        return {
            "feature": feature_document(answer.match.feature),
            "matched": [dialect.value for dialect in answer.match.dialects],
            "is_folded": answer.match.folded,
            "known_since": {dialect.value: since for dialect, since in answer.known_since.items()},
            "leaf_title": answer.leaf_title,
            "fields": [field_document(field, _subleaf_of(answer.match.feature)) for field in answer.fields],
            "see_also": [feature_document(feature) for feature in answer.neighbours],
            "relations": [tie_document(tie) for tie in answer.ties],
        }
    return {
        "word": word_document(answer.word),
        "value": answer.value,
        "leaf_title": answer.leaf_title,
        "numbers": [
            {
                "address": address_document(number.bits),
                "name": number.field.name,
                "title": Atlas.load().describe_field(number.field),
                "vendors": sorted(number.field.vendors),
                "value": number.value,
                "text": number.text,
                "hypervisor": number.hypervisor,
            }
            for number in answer.numbers
        ],
        "set_bits": [
            {
                "address": address_document(bit.bits),
                "features": [feature.name for feature in bit.features],
                "field": bit.field.name if bit.field else None,
                "title": _title(bit),
                "vendors": _vendors(bit),
                "hypervisor": bit.hypervisor,
            }
            for bit in answer.set_bits
        ],
    }


def tie_document(tie: Tie) -> Document:
    """Give what a bit has to do with another."""
    name, title = Atlas.load().called(tie.bits)
    return {
        "kind": tie.kind.value,
        "address": address_document(tie.bits),
        "text": tie_place(tie),
        "name": name,
        "title": title,
    }


def _title(bit: SetBit) -> str:
    titles = (feature.title for feature in bit.features if feature.title)
    return next(titles, Atlas.load().describe_field(bit.field) if bit.field else "")


def _vendors(bit: SetBit) -> list[str]:
    if bit.field:
        return sorted(bit.field.vendors)
    vendors = {vendor for feature in bit.features for vendor in feature.vendors}
    return sorted(vendors) or [ANY_VENDOR]


def field_document(field: AnyField, subleaf: int | None = None) -> Document:
    """Give a field, by default in the first subleaf that has it."""
    bits = field.bits(subleaf) if isinstance(field, Field) else field.bits()
    return {
        "name": field.name,
        "address": address_document(bits),
        "vendors": sorted(field.vendors),
        "encoding": field.encoding,
        "unit": field.unit,
        "values": {str(raw): text for raw, text in field.values.items()},
        "description": Atlas.load().describe_field(field),
        "source": field.source,
    }


def _subleaf_of(feature: Feature) -> int | None:
    word = feature.bits[0].word if feature.bits else None
    return word.subleaf if isinstance(word, CpuidRegister) else None
