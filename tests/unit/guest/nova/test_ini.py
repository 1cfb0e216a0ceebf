"""oslo.config's INI dialect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcpuid.guest.nova import parse_ini


def read(text: str) -> list[tuple[int | None, str, str, str]]:
    file = parse_ini(text, "nova.conf")
    assert file.fault is None
    return [(entry.place.line, entry.group, entry.key, entry.text) for entry in file.entries]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[a]\nk = v\n", [(2, "a", "k", "v")]),
        ("[a]\nk: v = w", [(2, "a", "k", "v = w")]),
        ("[a]\nk = v : w", [(2, "a", "k", "v : w")]),
        ("[A]\nk =", [(2, "a", "k", "")]),
        ("[DEFAULT]\nk=v", [(2, "DEFAULT", "k", "v")]),
        ("[ a ]\nk=v", [(2, " a ", "k", "v")]),
        ("[a]\nk = v,\n  w\n\tx\n\n", [(2, "a", "k", "v,\nw\nx")]),
        ("[a]\nk = 'v'\nl = \"w'\nm = '", [(2, "a", "k", "v"), (3, "a", "l", "\"w'"), (4, "a", "m", "")]),
        ("[a]\nk = 'v\n  w'", [(2, "a", "k", "'v\nw'")]),
        ("[a]\r\nk = v\r\n", [(2, "a", "k", "v")]),
        ("[a]\nk = v # w", [(2, "a", "k", "v # w")]),
        ("# c\n; c\n[a]\nk=v\n[b]\nk=w\n[a]\nk=x", [(4, "a", "k", "v"), (6, "b", "k", "w"), (8, "a", "k", "x")]),
        ("", []),
    ],
)
def test_entries(text: str, found: list[tuple[int, str, str, str]]) -> None:
    assert read(text) == found


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("k = v\n", 1, "a value before any section"),
        ("[a\nk = v\n", 1, "goes on behind its name"),
        ("[a] # b\n", 1, "goes on behind its name"),
        ("[]\n", 1, "a section without a name"),
        ("[a]\nword\n", 2, "neither a value nor a section"),
        ("[a]\n= v\n", 2, "a value without a key"),
        ("[a]\n  v\n", 2, "continues no value"),
        ("[a]\nk = v\n# c\n  w\n", 4, "continues no value"),
        ("[a]\nk = v\n\n  w\n", 4, "continues no value"),
        ("\ufeff[a]\n", 1, "neither a value nor a section"),
    ],
)
def test_lines_that_nova_refuses(text: str, line: int, message: str) -> None:
    fault = parse_ini(text, "nova.conf").fault
    assert fault is not None
    assert message in fault.message
    assert fault.line == line


def test_what_stands_before_a_fault_is_read() -> None:
    file = parse_ini("[a]\nk = v\nword\nl = w\n", "nova.conf")
    assert [entry.key for entry in file.entries] == ["k"]


@given(st.text(alphabet=st.sampled_from("[]=: \n\r\t'\"#;ab\\$\x0b\u2028")))
def test_any_text_is_read_or_has_one_fault(text: str) -> None:
    file = parse_ini(text, "nova.conf")
    lines = [entry.place.line or 0 for entry in file.entries]
    assert lines == sorted(set(lines))
