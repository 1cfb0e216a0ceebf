"""Laws of libvirt's map: whatever is written, the linter answers; whatever is added, the rest stays."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from map_defects import TINY
from vcpuid.answers.map_entry import entry_of
from vcpuid.atlas import Atlas
from vcpuid.errors import InputError, UsageError
from vcpuid.rules.libvirt.entry import Entry, write_entry
from vcpuid.rules.libvirt.map_edit import insert_entries
from vcpuid.rules.libvirt.map_lint import lint_file, lint_map
from vcpuid.rules.libvirt.map_reader import load_map
from vcpuid.terms.feature import Dialect
from vcpuid.terms.finding import Severity

FILES = {path.name: path.read_bytes() for path in sorted(TINY.iterdir())}
FEATURES = FILES["x86_features.xml"]
PIECES = st.sampled_from(
    [
        *(
            b"",
            b"<",
            b">",
            b"'",
            b"0x",
            b" ",
            b"feature",
            b"\xff",
            b"\0",
            b"&lt;",
            b"&x;",
            b"name=''",
            b"removed='x'",
        ),
        *(b"<feature name='zz'/>", b"<cpuid/>", b"<msr/>", b"<model/>", b"<vendor/>", b"<include/>", b"<alias/>"),
        *(b"<!-- -->", b"<?x y?>", b"<![CDATA[]]>", b"<x:y xmlns:x='z'/>"),
        b"<group><include filename='x86_Older.xml'/></group>",
    ]
)
KNOWN = set(load_map({name: raw.decode() for name, raw in FILES.items()}, "map").features)


def entries() -> list[Entry]:
    found = []
    for feature in Atlas.load().features():
        if feature.name_in(Dialect.LIBVIRT) and feature.name_in(Dialect.QEMU):
            try:
                entry = entry_of(feature)
            except UsageError:
                continue
            if entry.name not in KNOWN:
                found.append(entry)
    return found


ENTRIES = st.lists(st.sampled_from(entries()), max_size=6, unique_by=lambda entry: entry.name)


@given(st.binary(max_size=200))
def test_any_bytes_are_findings_or_no_map(raw: bytes) -> None:
    with suppress(InputError):
        lint_file(raw, "x.xml")


@given(st.sampled_from(sorted(FILES)), st.floats(0, 1), st.integers(0, 30), PIECES)
def test_any_damage_is_a_finding_or_none_and_never_a_crash(file: str, at: float, cut: int, piece: bytes) -> None:
    raw = FILES[file]
    start = int(at * len(raw))
    damaged = {**FILES, file: raw[:start] + piece + raw[start + cut :]}
    findings = lint_map(damaged, "map")
    if not findings:
        load_map({name: text.decode() for name, text in damaged.items()}, "map")


@given(ENTRIES)
def test_what_is_added_is_all_that_changes(added: list[Entry]) -> None:
    made = insert_entries(FEATURES, added, "x.xml")
    rest = made.decode()
    for entry in added:
        text = write_entry(entry)
        assert rest.count(text) == 1
        rest = rest.replace(text, "")
    headings = [line for line in rest.splitlines() if line not in FEATURES.decode().splitlines()]
    assert all(line.startswith("  <!-- ") for line in headings)
    assert [line for line in rest.splitlines() if line and line not in headings] == [
        line for line in FEATURES.decode().splitlines() if line
    ]


@given(ENTRIES, st.data())
def test_the_order_of_adding_does_not_matter(added: list[Entry], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(added))
    assert insert_entries(FEATURES, shuffled, "x.xml") == insert_entries(FEATURES, added, "x.xml")


@given(ENTRIES)
def test_what_is_added_has_no_error(added: list[Entry]) -> None:
    made = {**FILES, "x86_features.xml": insert_entries(FEATURES, added, "x.xml")}
    assert not [found for found in lint_map(made, "map") if found.severity is Severity.ERROR]
