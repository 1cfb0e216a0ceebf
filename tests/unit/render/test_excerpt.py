from __future__ import annotations

from typing import Any

from vcpuid.render.html.excerpt import excerpt


def finding(line: int | None) -> dict[str, Any]:
    return {"line": line}


def test_a_short_text_is_shown_whole_with_findings_at_their_lines() -> None:
    lines = excerpt("a\nb\n", [finding(2), finding(None), finding(2)])
    assert [(line.number, line.text, len(line.findings), line.skipped) for line in lines] == [
        (1, "a", 0, 0),
        (2, "b", 2, 0),
    ]


def test_of_a_long_text_the_lines_near_a_finding_are_shown() -> None:
    lines = excerpt("\n".join("x" * 100), [finding(1), finding(50)])
    assert [line.number for line in lines] == [1, 2, 3, 4, 47, 48, 49, 50, 51, 52, 53]
    assert [line.skipped for line in lines if line.skipped] == [42]


def test_a_finding_beyond_the_end_stands_at_the_last_line() -> None:
    assert excerpt("a\nb", [finding(9)])[-1].findings == [finding(9)]


def test_an_empty_text_has_no_line_and_a_very_long_line_is_cut() -> None:
    assert excerpt("", [finding(1)]) == []
    (line,) = excerpt("x" * 5000, [])
    assert len(line.text) == 2001
