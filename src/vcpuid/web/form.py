"""What a form sends: texts that people typed and files that they chose, read in memory and never stored."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from email.message import Message
from email.parser import HeaderParser
from email.utils import collapse_rfc2231_value
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from vcpuid.errors import UsageError

MOST_PARTS: Final = 64
_LONGEST_HEAD = 4096
_LONGEST_NAME = 200
_MULTIPART, _URL_ENCODED = "multipart/form-data", "application/x-www-form-urlencoded"


class Part(NamedTuple):
    """One thing that was sent.

    Attributes:
        field: The field that it is for.
        content: The bytes; a typed text has the line ends of Unix.
        file: The name that the file has where it comes from, which is told and never opened; None for a text.
    """

    field: str
    content: bytes
    file: str | None

    @property
    def source(self) -> str:
        """What to call it in answers."""
        return self.file or self.field


class Form:
    """The parts of a form, by field.

    Args:
        parts: What was sent.
        fields: The fields that the form has.

    Raises:
        UsageError: Something was sent for another field.
    """

    def __init__(self, parts: Collection[Part], fields: Collection[str]) -> None:
        for part in parts:
            if part.field not in fields:
                raise UsageError("the form has no such field", found=part.field, expected=" or ".join(fields))
        self._parts = parts

    def of(self, field: str) -> list[Part]:
        """Give what was sent for a field, without what was left empty."""
        return [part for part in self._parts if part.field == field and (part.file or part.content.strip())]

    def first(self, *fields: str) -> Part | None:
        """Give the one part that was sent for any of these fields; None if there is none.

        Raises:
            UsageError: There are several.
        """
        parts = [part for field in fields for part in self.of(field)]
        if len(parts) > 1:
            raise UsageError(
                "more than one", source=" and ".join(dict.fromkeys(part.field for part in parts)), expected="one"
            )
        return parts[0] if parts else None

    def text(self, field: str) -> str:
        """Give a typed text without blanks around it; empty if there is none.

        Raises:
            UsageError: There are several.
        """
        part = self.first(field)
        return part.content.decode(errors="replace").strip() if part else ""

    def chosen(self, field: str, choices: Collection[str]) -> str | None:
        """Give one of some choices; None if none was made.

        Raises:
            UsageError: It is none of them, or there are several.
        """
        text = self.text(field)
        if text and text not in choices:
            raise UsageError("no such choice", source=field, found=text, expected=" or ".join(choices))
        return text or None

    def typed(self) -> dict[str, str]:
        """Give every typed text as it was, for a page that shows it again."""
        return {part.field: part.content.decode(errors="replace") for part in self._parts if part.file is None}


def parse_parts(content_type: str, body: bytes) -> list[Part]:
    """Read the body of a request, whose size has been limited.

    Args:
        content_type: What the request says that it is; empty where it says nothing.
        body: The body.

    Raises:
        UsageError: It is no form, or a broken one.
    """
    header = Message()
    header["content-type"] = content_type
    kind = header.get_content_type()
    if kind == _MULTIPART:
        boundary = header.get_boundary() or ""
        if not boundary:
            raise _broken("no boundary")
        parts = list(_parse_multipart(body, boundary.encode("latin-1", errors="replace")))
    elif kind == _URL_ENCODED:
        parts = _parse_url_encoded(body)
    else:
        raise UsageError(
            "not a form",
            source="Content-Type",
            found=content_type or "nothing",
            expected=f"{_MULTIPART} or {_URL_ENCODED}",
        )
    return [part if part.file is not None else _as_text(part) for part in parts]


def _as_text(part: Part) -> Part:
    return part._replace(content=part.content.replace(b"\r\n", b"\n"))


def _parse_url_encoded(body: bytes) -> list[Part]:
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_PARTS)
    except ValueError:
        raise _broken(f"more than {MOST_PARTS} fields") from None
    return [Part(name.decode(errors="replace"), value, None) for name, value in pairs]


def _parse_multipart(body: bytes, boundary: bytes) -> Iterator[Part]:
    """Cut a body where its boundary stands at the beginning of a line (RFC 2046, 5.1.1; RFC 7578)."""
    _, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MOST_PARTS + 2)
    if len(pieces) > MOST_PARTS + 1:
        raise _broken(f"more than {MOST_PARTS} parts")
    if not pieces or not pieces[-1].startswith(b"--"):
        raise _broken("no end")
    for piece in pieces[:-1]:
        line_end, _, rest = piece.partition(b"\r\n")
        head, found, content = rest.partition(b"\r\n\r\n")
        if line_end.strip(b" \t") or not found or len(head) > _LONGEST_HEAD:
            raise _broken("a part without a head")
        headers = HeaderParser().parsestr(head.decode(errors="replace"))
        field, file = (_parameter(headers, name) for name in ("name", "filename"))
        if not field:
            raise _broken("a part without a name")
        if file == "" and not content:
            continue  # a browser's way to say that no file was chosen
        yield Part(field, content, file)


def _parameter(headers: Message, name: str) -> str | None:
    value = headers.get_param(name, header="content-disposition")
    return None if value is None else collapse_rfc2231_value(value)[:_LONGEST_NAME]


def _broken(found: str) -> UsageError:
    return UsageError("the form is broken", source="body", found=found)
