"""Real dumps: every CPU is decoded, and no row is lost on the way into JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vcpuid.answers.decode import decode_dump
from vcpuid.answers.diff import diff
from vcpuid.dumps import read_dump
from vcpuid.render.decode import render_decode
from vcpuid.render.decode_json import write_decode_document

DUMPS = sorted((Path(__file__).parents[2] / "dumps").glob("*.json"))
SHARED = sorted(Path(os.environ.get("VCPUID_DUMPS") or "/nonexistent").glob("*.txt"))


def check(path: Path) -> None:
    dump = read_dump(path)
    decoded = decode_dump(dump)
    (only,) = json.loads("".join(write_decode_document([decoded])))["dumps"]
    assert [one["cpu"] for one in only["cpus"]] == [cpu.number for cpu in dump.cpus]
    for cpu, written in zip(dump.cpus, only["cpus"], strict=True):
        kind = only["kinds"][written["kind"]]
        rows = (
            {key: row["registers"] for key, row in kind["rows"].items()} | kind["beyond_maximum"] | written["rows"]
        )
        assert rows == {
            f"{leaf:08x}.{subleaf}": " ".join(f"{word:08x}" for word in row)
            for (leaf, subleaf), row in cpu.rows.items()
        }
    for kind in decoded.machine.kinds:
        identity = kind.facts.identity
        assert identity.letters is not None
        assert identity.vendor is not None
        assert identity.family is not None
        assert kind.facts.features
    brand = decoded.machine.kinds[0].facts.identity.brand
    assert (brand or "a CPU of") in render_decode([decoded], every_field=True).plain()
    assert not diff(dump, dump).is_real


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_a_small_dump(path: Path) -> None:
    check(path)


@pytest.mark.shared_dumps
@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_a_shared_dump(path: Path) -> None:
    check(path)
