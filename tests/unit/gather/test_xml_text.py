"""Texts in XML are what Python's own, slower to import, makes of them."""

from __future__ import annotations

from xml.etree import ElementTree as ET
from xml.sax import saxutils

import pytest

from vcpuid.gather.xml_text import escape, quote, unescape

TEXTS = (
    "",
    "web-1",
    "a < b & b > a",
    "&amp;lt;",
    "&lt; &quot; &#10;",
    "both ' and \"",
    "it's",
    'say "yes"',
    "two\nlines\tand\r\n",
    "bücher 日本",
    "]]>",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_written_as_python_does(text: str) -> None:
    assert escape(text) == saxutils.escape(text)
    assert quote(text) == saxutils.quoteattr(text)
    assert unescape(text) == saxutils.unescape(text)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back(text: str) -> None:
    assert unescape(escape(text)) == text
    element = ET.fromstring(f"<name value={quote(text)}/>")  # noqa: S314 - our own
    assert element.get("value") == text
