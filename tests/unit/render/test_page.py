"""Pages: lines of spans, plain or in colour, and safe to show."""

from __future__ import annotations

import io

import pytest

from vcpuid.render.page import Page, Role, Span, printable


def page() -> Page:
    made = Page()
    made.add(Span("sgx", Role.STRONG), "  ", Span("no", Role.BAD), "   ")
    made.add()
    made.add("end")
    return made


def written(*, colour: bool) -> str:
    stream = io.StringIO()
    page().write(stream, colour=colour)
    return stream.getvalue()


def test_plain_text_has_no_colour_and_no_trailing_blanks() -> None:
    assert page().plain() == "sgx  no\n\nend\n"
    assert written(colour=False) == page().plain()


def test_colour_changes_no_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = written(colour=True)
    assert "\x1b[1msgx" in text
    for code in ("\x1b[1m", "\x1b[1;31m", "\x1b[0m"):
        text = text.replace(code, "")
    assert [line.rstrip() for line in text.splitlines()] == page().plain().splitlines()


def test_brackets_are_text_and_no_markup() -> None:
    made = Page()
    made.add("CPUID.07H.0:EBX[2] [bold]x[/bold]")
    stream = io.StringIO()
    made.write(stream, colour=True)
    assert "[bold]x[/bold]" in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web-1", "web-1"),
        ("Bücher €", "Bücher €"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_could_steer_a_terminal_is_escaped(text: str, shown: str) -> None:
    made = Page()
    made.add(text)
    assert printable(text) == shown
    assert made.plain() == shown + "\n"


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (40, ["  sgx   one two  three four"]),
        (22, ["  sgx   one two  three", "        four"]),
        (15, ["  sgx   one two", "        three", "        four"]),
        (3, ["  sgx", "        one", "        two", "        three", "        four"]),
    ],
)
def test_a_hanging_line_is_broken_between_words(width: int, lines: list[str]) -> None:
    made = Page()
    made.add(Span("  sgx   ", Role.DIM), "one two ", Span(" three four ", Role.GOOD), hang=8)
    assert made.plain(width).splitlines() == lines


def test_words_of_one_role_stay_one_span() -> None:
    made = Page()
    made.add(Span("+ avx avx2", Role.GOOD), " more", hang=2)
    assert list(made.lines()) == [(Span("+ avx avx2", Role.GOOD), Span(" more"))]


def test_a_broken_line_keeps_its_roles() -> None:
    made = Page()
    made.add(Span("one two ", Role.GOOD), Span("three", Role.BAD), hang=2)
    roles = [(span.text, span.role) for line in made.lines(5) for span in line if span.text.strip()]
    assert roles == [("one", Role.GOOD), ("two", Role.GOOD), ("three", Role.BAD)]


def test_other_lines_stay_whole() -> None:
    made = Page()
    made.add("one two three")
    assert made.plain(5) == "one two three\n"


def test_an_empty_hanging_line() -> None:
    made = Page()
    made.add("", hang=4)
    assert made.plain() == "\n"
