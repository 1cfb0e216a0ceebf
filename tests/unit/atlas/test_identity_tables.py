"""What must hold of the tables by which CPUs are told: hypervisors, cache descriptors, micro-architectures."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import combinations

from atlas_tables import read_rows, span


def test_signatures_are_at_most_twelve_letters_and_stand_once() -> None:
    signatures = [row["signature"] for row in read_rows("hypervisors")]
    assert signatures == sorted(set(signatures))
    for row in read_rows("hypervisors"):
        assert 0 < len(row["signature"]) <= 12, row
        assert row["signature"].isascii(), row
        assert re.fullmatch(r"[a-z0-9]+", row["name"]), row
        assert row["title"], row
        assert row["source"], row


def test_a_descriptor_is_a_cache_a_tlb_or_a_note() -> None:
    for row in read_rows("leaf2_descriptors"):
        assert re.fullmatch(r"[0-9a-f]{2}", row["byte"]), row
        assert set(row["vendors"].split()) <= {"intel", "zhaoxin", "cyrix", "nsc"}, row
        assert row["description"], row
        assert row["source"], row
        is_cache = row["kind"] in {"data", "instruction", "unified"}
        is_tlb = row["kind"] in {"data tlb", "instruction tlb", "unified tlb"}
        assert is_cache or is_tlb or row["kind"] in {"trace", "prefetch", "note"}, row
        assert bool(row["size_kib"]) == is_cache, row
        assert bool(row["pages"]) == is_tlb, row
        assert bool(row["level"]) == (row["kind"] not in {"prefetch", "note"}), row
        if is_cache:
            lines = int(row["size_kib"]) * 1024 // int(row["line_bytes"])
            assert lines % int(row["ways"]) == 0, row
        if is_tlb:
            assert row["ways"] in {"", "full"} or int(row["entries"]) % int(row["ways"]) == 0, row


def test_a_descriptors_words_say_what_its_numbers_say() -> None:
    for row in read_rows("leaf2_descriptors"):
        numbers = [row["entries"], row["line_bytes"]] if row["kind"] != "trace" else []
        for number in filter(None, (*numbers, row["ways"].removeprefix("full"))):
            assert number in row["description"].replace(",", "").split() or row["kind"] == "trace", row


def test_sectors_of_an_l1_are_told_by_intels_older_document_alone() -> None:
    for row in read_rows("leaf2_descriptors"):
        if row["lines"] not in {"", "1"} and row["level"] == "1":
            assert row["source"].startswith("Intel AP-485"), row


def test_descriptors_are_in_order_and_told_apart() -> None:
    keys = [
        (int(row["byte"], 16), row["vendors"], row["signature"], row["pages"])
        for row in read_rows("leaf2_descriptors")
    ]
    assert keys == sorted(set(keys))


def hexadecimal_span(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low, 16), int(high or low, 16)


CORES = ("", "performance", "efficiency", "low-power efficiency")


def test_a_core_has_one_microarchitecture() -> None:
    rows = read_rows("microarchitectures")
    ranges: dict[tuple[str, str], list[tuple[tuple[int, int], tuple[int, int], int]]] = defaultdict(list)
    for row in rows:
        assert row["name"], row
        assert row["source"], row
        ranges[row["vendor"], row["family"]].append(
            (hexadecimal_span(row["models"]), span(row["steppings"] or "0-15"), CORES.index(row["core"]))
        )
    for found in ranges.values():
        assert found == sorted(found)
        for (models, steppings, core), (other_models, other_steppings, other_core) in combinations(found, 2):
            apart = models[1] < other_models[0] or other_models[1] < models[0]
            apart = apart or steppings[1] < other_steppings[0] or other_steppings[1] < steppings[0]
            assert apart or (models == other_models and 0 < core < other_core), (models, core)


def test_hybrid_models_have_performance_and_efficiency_cores() -> None:
    cores: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in read_rows("microarchitectures"):
        cores[row["vendor"], row["family"], row["models"]].append(row["core"])
    for model, found in cores.items():
        assert found == [""] * len(found) or found[:2] == ["performance", "efficiency"], model
