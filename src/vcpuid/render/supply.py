"""What a host can give, as a JSON document: its facts, its registers bit by bit, what is lost and where."""

from __future__ import annotations

from vcpuid.answers.supply import Loss, Supplied, SuppliedCell, SuppliedRegister, Supply
from vcpuid.decode.machine import decode_machine
from vcpuid.evidence import Evidence, Gap
from vcpuid.render.decode import Part, machine_title, summary_parts
from vcpuid.render.document import Document, address_document, word_document
from vcpuid.render.layout import layout_document
from vcpuid.render.register import cell_document
from vcpuid.terms.verdict import Chain, Layer


def supply_document(evidence: Evidence, supply: Supply) -> Document:
    """Give a host's facts and what of them reaches guests."""
    return {
        "schema": "vcpuid-supply/1",
        "host": evidence.snapshot.host_name,
        "taken_at": evidence.snapshot.taken_at or None,
        **_facts(evidence),
        "lights": {
            light.value: sum(one.light is light for one in supply.features)
            for light in dict.fromkeys(one.light for one in supply.features)
        },
        "lost": [
            {"layer": layer.value, "reasons": [_loss(loss, layer) for loss in losses]}
            for layer, losses in supply.lost().items()
        ],
        "registers": [_register(register) for register in supply.registers],
    }


def _facts(evidence: Evidence) -> Document:
    if isinstance(evidence.cpuid, Gap) or not evidence.cpuid.dump.cpus:
        return {"title": None, "facts": [], "layout": None}
    machine = decode_machine(evidence.cpuid.dump)
    return {
        "title": machine_title(machine),
        "facts": [_part(part) for part in summary_parts(machine)],
        "layout": layout_document(machine, evidence.cpuid.not_read),
    }


def _part(part: Part) -> Document:
    by_subject: dict[str, list[Document]] = {}
    for line in part.lines:
        by_subject.setdefault(line.subject.value, []).append({"label": line.label, "text": line.text})
    return {
        "title": part.title,
        "subjects": [{"subject": subject, "lines": lines} for subject, lines in by_subject.items()],
    }


def _loss(loss: Loss, layer: Layer) -> Document:
    return {
        "rule": loss.rule,
        "explanation": loss.explanation,
        "mend": loss.mend,
        "features": [_lost(one, layer) for one in loss.features],
    }


def _lost(one: Supplied, layer: Layer) -> Document:
    feature, verdict = one.answer.feature, one.answer.verdicts[layer]
    return {
        "name": feature.name,
        "title": feature.title,
        "bits": [address_document(bits) for bits in feature.bits],
        "summary": verdict.summary,
        "mend": verdict.mend,
    }


def _register(register: SuppliedRegister) -> Document:
    return {
        **word_document(register.word),
        "text": register.word.manual,
        "value": register.value,
        "cells": [_cell(cell) for cell in register.cells],
    }


def _cell(one: SuppliedCell) -> Document:
    supplied = one.supplied
    return {
        **cell_document(one.cell),
        "light": supplied.light.value if supplied else None,
        "lost_at": supplied.lost_at.value if supplied and supplied.lost_at else None,
        "states": {
            layer.value: verdict.state.value
            for layer, verdict in (supplied.answer.verdicts.items() if supplied else ())
            if layer.chain is Chain.SUPPLY
        },
    }
