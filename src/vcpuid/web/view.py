"""A question that the explorer answers: to a browser as a page, to a program as the document behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vcpuid.errors import UnknownNameError, UsageError
from vcpuid.render.document import Document
from vcpuid.web.refusal import Refusal
from vcpuid.web.responses import page, twin

API = "/api/v1"
_BAD_REQUEST, _NOT_FOUND = 400, 404


class Parameter(NamedTuple):
    """What a request must tell: a part of its path, or of its query."""

    name: str
    where: str
    description: str
    schema: dict[str, Any]
    example: str


@dataclass(frozen=True, slots=True)
class View:
    """One question.

    Attributes:
        summary: What it answers, in a line.
        answer: Makes the document. Raises UsageError where the request cannot be answered.
        api: The path of the JSON document, below `API`; None where there is none.
        schema: The name of the document's published schema.
        page: The path of the page; None where there is none.
        template: The page's template.
        parameters: What the request must tell.
        page_context: What the page is told besides the document.
    """

    summary: str
    answer: Callable[[Request], Document]
    api: str | None = None
    schema: str = ""
    page: str | None = None
    template: str = ""
    parameters: tuple[Parameter, ...] = ()
    page_context: Callable[[Request], Document] = lambda _: {}

    def routes(self) -> list[Route]:
        """Give its routes."""
        routes = []
        if self.page is not None:
            routes.append(Route(self.page, self._show))
        if self.api is not None:
            routes.append(Route(f"{API}{self.api}", self._tell))
        return routes

    async def _show(self, request: Request) -> Response:
        return page(self.template, self._ask(request) | self.page_context(request))

    async def _tell(self, request: Request) -> Response:
        return twin(self._ask(request))

    def _ask(self, request: Request) -> Document:
        try:
            return self.answer(request)
        except UsageError as error:
            is_missing = isinstance(error, UnknownNameError) or bool(request.path_params)
            raise Refusal(_NOT_FOUND if is_missing else _BAD_REQUEST, error) from error
