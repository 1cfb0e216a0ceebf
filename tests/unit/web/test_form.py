"""Forms: what browsers send, and what nobody should."""

from __future__ import annotations

import pytest

from asgi import MULTIPART, multipart
from vcpuid.errors import UsageError
from vcpuid.web.form import MOST_PARTS, Form, Part, parse_parts

URL_ENCODED = "application/x-www-form-urlencoded"


def parse(body: bytes, content_type: str = MULTIPART) -> list[Part]:
    return parse_parts(content_type, body)


def test_a_file_arrives_byte_by_byte_and_a_text_with_the_line_ends_of_unix() -> None:
    raw = bytes(range(256)) + b"\r\n--the bound\r\n\r\n"
    body = multipart(("text", "a\r\nb"), ("file", ("h07.json", raw)))
    assert parse(body) == [Part("text", b"a\nb", None), Part("file", raw, "h07.json")]


def test_a_url_encoded_form_is_one_too() -> None:
    assert parse(b"text=a%0D%0Ab+c&domain=", URL_ENCODED) == [
        Part("text", b"a\nb c", None),
        Part("domain", b"", None),
    ]


def test_a_file_that_was_not_chosen_is_none() -> None:
    assert parse(multipart(("file", ("", b"")))) == []


def test_a_files_name_is_a_name_whatever_it_looks_like() -> None:
    names = ["../../etc/passwd", "täst.xml", "a" * 500, "a;b=c"]
    parts = parse(multipart(*(("file", (name, b"x")) for name in names)))
    assert [part.file for part in parts] == [name[:200] for name in names]


@pytest.mark.parametrize(
    ("body", "content_type", "found"),
    [
        (b"{}", "application/json", "application/json"),
        (b"text=a", "", "nothing"),
        (b"text=a", "multipart/form-data", "no boundary"),
        (b"", MULTIPART, "no end"),
        (multipart(("text", "a"))[:-4], MULTIPART, "no end"),
        (multipart(("", "a")), MULTIPART, "a part without a name"),
        (b"--the boundary\r\nno head\r\n--the boundary--", MULTIPART, "a part without a head"),
        (b"--the boundary and more\r\na: b\r\n\r\n\r\n--the boundary--", MULTIPART, "a part without a head"),
        (multipart(("a" * 5000, "a")), MULTIPART, "a part without a head"),
        (multipart(*[("text", "a")] * (MOST_PARTS + 1)), MULTIPART, f"more than {MOST_PARTS} parts"),
        (b"&".join([b"a=b"] * (MOST_PARTS + 1)), URL_ENCODED, f"more than {MOST_PARTS} fields"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, content_type: str, found: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(body, content_type)
    assert error.value.found == found


def test_as_many_parts_as_may_be_are_read() -> None:
    assert len(parse(multipart(*[("text", "a")] * MOST_PARTS))) == MOST_PARTS


def test_a_form_has_the_fields_of_its_view_alone() -> None:
    with pytest.raises(UsageError) as error:
        Form([Part("path", b"/etc/passwd", None)], ["text", "file"])
    assert error.value.expected == "text or file"


def test_of_a_text_and_a_file_there_may_be_one() -> None:
    form = Form([Part("text", b" ", None), Part("file", b"a", "a.xml")], ["text", "file"])
    assert form.first("text", "file") == Part("file", b"a", "a.xml")
    both = Form([Part("text", b"b", None), Part("file", b"a", "a.xml")], ["text", "file"])
    with pytest.raises(UsageError) as error:
        both.first("text", "file")
    assert error.value.source == "text and file"
