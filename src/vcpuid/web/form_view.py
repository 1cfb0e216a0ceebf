"""A question with more to it than an address can hold: a form for people, and the same form for programs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vcpuid.errors import UndecidedError, UsageError, VcpuidError
from vcpuid.render.document import Document, error_document
from vcpuid.web.form import Form, parse_parts
from vcpuid.web.refusal import Refusal
from vcpuid.web.responses import page, twin
from vcpuid.web.view import API

_BAD_REQUEST, _UNAVAILABLE = 400, 503
_LONGEST_ANSWER = 16 << 20
# Answers take a processor each: others wait, and pages without a form are served meanwhile.
_WORKERS = ThreadPoolExecutor(2, thread_name_prefix="answer")


class Field(NamedTuple):
    """What a form may hold.

    Attributes:
        name: Its name.
        description: What it is, in a line.
        example: A text that may stand there; empty for one that may be left out.
        is_file: Whether it is a file.
        is_repeated: Whether there may be several.
        choices: The values that it may have; empty for any.
    """

    name: str
    description: str
    example: str = ""
    is_file: bool = False
    is_repeated: bool = False
    choices: tuple[str, ...] = ()

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON schema."""
        schema: dict[str, Any] = {"type": "string"}
        if self.is_file:
            schema["format"] = "binary"
        if self.choices:
            schema["enum"] = list(self.choices)
        schema = {"type": "array", "items": schema} if self.is_repeated else schema
        return {**schema, "description": self.description}


class Answered(NamedTuple):
    """An answer.

    Attributes:
        document: The document, which programs get.
        more: What a page needs besides to show it, such as the text that was judged.
    """

    document: Document
    more: Document = {}  # noqa: RUF012 - nobody changes a document


@dataclass(frozen=True, slots=True)
class FormView:
    """One question that is asked by a form.

    Attributes:
        summary: What it answers, in a line.
        answer: Makes the answer of a form; runs in a thread of its own. Raises VcpuidError where there is none.
        path: The path of the document below `API`, and of the page.
        schema: The name of the document's published schema.
        fields: What the form may hold.
        template: The page's template, which shows the form, and the answer if there is one; empty for no page.
    """

    summary: str
    answer: Callable[[Form], Answered]
    path: str
    schema: str
    fields: tuple[Field, ...]
    template: str = ""

    @property
    def api(self) -> str:
        """The path of the document, below `API`."""
        return self.path

    def routes(self) -> list[Route]:
        """Give its routes."""
        pages = [Route(self.path, self._offer), Route(self.path, self._show, methods=["POST"])]
        return [*(pages if self.template else ()), Route(f"{API}{self.path}", self._tell, methods=["POST"])]

    async def _offer(self, _: Request) -> Response:
        return self._page({})

    async def _show(self, request: Request) -> Response:
        return await _apart(self._shown, request)

    async def _tell(self, request: Request) -> Response:
        return await _apart(self._told, request)

    def _shown(self, content_type: str, body: bytes) -> Response:
        given: dict[str, str] = {}
        try:
            form = self._read(content_type, body)
            given = form.typed()
            document, more = self.answer(form)
            return short(self._page(given, result=document, more=more))
        except VcpuidError as error:
            return self._page(given, _status(error), error=error_document(error))

    def _told(self, content_type: str, body: bytes) -> Response:
        try:
            return short(twin(self.answer(self._read(content_type, body)).document))
        except VcpuidError as error:
            raise Refusal(_status(error), error) from error

    def _read(self, content_type: str, body: bytes) -> Form:
        return Form(parse_parts(content_type, body), [field.name for field in self.fields])

    def _page(
        self,
        given: dict[str, str],
        status: int = 200,
        *,
        result: Document | None = None,
        error: Document | None = None,
        more: Document | None = None,
    ) -> Response:
        empty = {field.name: "" for field in self.fields if not field.is_file}
        context = {"path": self.path, "given": empty | given, "result": result, "error": error, "more": more or {}}
        return page(self.template, context, status)


async def _apart(work: Callable[[str, bytes], Response], request: Request) -> Response:
    """Read a form, answer it and write the answer in a thread, all of which may take a while."""
    content_type, body = request.headers.get("content-type", ""), await request.body()
    return await asyncio.get_running_loop().run_in_executor(_WORKERS, work, content_type, body)


def short(response: Response) -> Response:
    """Give a response that is not too long.

    Raises:
        UsageError: It is.
    """
    if len(response.body) > _LONGEST_ANSWER:
        raise UsageError(
            "the answer is too long for the explorer",
            found=f"{len(response.body)} bytes",
            expected=f"at most {_LONGEST_ANSWER}",
            next_step="The command of this name answers in full.",
        )
    return response


def _status(error: VcpuidError) -> int:
    return _UNAVAILABLE if isinstance(error, UndecidedError) else _BAD_REQUEST
