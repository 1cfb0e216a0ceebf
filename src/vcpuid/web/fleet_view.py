"""A question of the fleet store that the server was started with: its page with a form, and the document.

The store is named at the start and nowhere else. A request says which of the dates, hosts and labels in it are
meant, and files of the store are opened by the names in its manifest alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vcpuid.errors import InputError, UndecidedError, UnknownNameError, UsageError, VcpuidError
from vcpuid.fleet import Fleet, Store
from vcpuid.render.document import Document, error_document
from vcpuid.web.form import Form, Part, parse_parts
from vcpuid.web.form_view import Answered, Field, short
from vcpuid.web.refusal import Refusal
from vcpuid.web.responses import page, twin
from vcpuid.web.view import API

Ask: TypeAlias = Callable[[Fleet], Answered]
"""Asks one snapshot of the fleet, in a thread of its own. Raises UsageError where it has nothing of a name."""

AT: Final = Field("at", "The snapshot of the fleet, by its date; else the newest.")

_OK, _BAD_REQUEST, _NOT_FOUND, _UNAVAILABLE = 200, 400, 404, 503
# A large fleet keeps a processor busy for seconds: forms and the atlas are answered meanwhile, by other threads.
_WORKERS = ThreadPoolExecutor(2, thread_name_prefix="fleet")


class NotYetError(UsageError):
    """The store has too little as yet for a question: a page says so as an answer, programs are told an error."""


class _Asked(NamedTuple):
    """What became of a question: what was typed; an answer, an error, or neither where nothing was asked."""

    given: dict[str, str]
    answered: Answered | None = None
    error: VcpuidError | None = None
    status: int = _OK


@dataclass(frozen=True, slots=True)
class FleetView:
    """One question of a fleet.

    Attributes:
        summary: What it answers, in a line.
        read: Reads a form, and gives what asks the fleet. Raises VcpuidError where it cannot be read.
        path: The path of the page, and below `API` of the document.
        schema: The name of the document's published schema.
        template: The page's template, which shows the form, and the answer where there is one.
        fields: What may be said, in the query or, with `is_posted`, in a form.
        needs: The fields without which the page only offers its form.
        is_posted: Whether a file is sent with it.
    """

    summary: str
    read: Callable[[Form], Ask]
    path: str
    schema: str
    template: str
    fields: tuple[Field, ...] = (AT,)
    needs: tuple[str, ...] = ()
    is_posted: bool = False

    @property
    def api(self) -> str:
        """The path of the document, below `API`."""
        return self.path

    def routes(self) -> list[Route]:
        """Give its routes."""
        methods = ["POST"] if self.is_posted else ["GET"]
        shown = [Route(self.path, self._offer)] if self.is_posted else []
        return [
            *shown,
            Route(self.path, self._show, methods=methods),
            Route(f"{API}{self.path}", self._tell, methods=methods),
        ]

    async def _offer(self, request: Request) -> Response:
        given = {AT.name: request.query_params.get(AT.name, "")}
        return await _in_thread(lambda: self._page(_store(request), _Asked(given)))

    async def _show(self, request: Request) -> Response:
        store, sent = _store(request), await self._sent(request)

        def show() -> Response:
            return self._page(store, _Asked({}) if store is None else self._asked(store, sent, is_page=True))

        return await _in_thread(show)

    async def _tell(self, request: Request) -> Response:
        store, sent = _store(request), await self._sent(request)
        if store is None:
            raise Refusal(_UNAVAILABLE, _NO_STORE)

        def tell() -> Response:
            asked = self._asked(store, sent)
            if asked.answered is None:
                raise Refusal(asked.status, asked.error or _NO_STORE)
            try:
                return short(twin(asked.answered.document))
            except UsageError as error:
                raise Refusal(_BAD_REQUEST, error) from error

        return await _in_thread(tell)

    async def _sent(self, request: Request) -> Callable[[], list[Part]]:
        """Give what reads the parts of a request, which may take a while."""
        if not self.is_posted:
            return lambda: [
                Part(name, value.encode(errors="replace"), None)
                for name, value in request.query_params.multi_items()
            ]
        content_type, body = request.headers.get("content-type", ""), await request.body()
        return lambda: parse_parts(content_type, body)

    def _asked(self, store: Store, sent: Callable[[], list[Part]], *, is_page: bool = False) -> _Asked:
        """Answer; a page on which too little was said only offers its form."""
        given: dict[str, str] = {}
        try:
            form = Form(sent(), [field.name for field in self.fields])
            given = form.typed()
            if is_page and not self.is_posted and self.needs and not any(form.of(name) for name in self.needs):
                return _Asked(given)
            ask = self.read(form)
            date = form.text(AT.name) or None
        except VcpuidError as error:
            return _Asked(given, None, error, _status(error))
        try:
            return _Asked(given, _ask_store(store, date, ask))
        except UsageError as error:
            is_answer = is_page and isinstance(error, NotYetError)
            return _Asked(given, None, error, _OK if is_answer else _NOT_FOUND)
        except VcpuidError as error:  # what was sent has been read: the fault is the store's
            return _Asked(given, None, error, _UNAVAILABLE)

    def _page(self, store: Store | None, asked: _Asked) -> Response:
        given = {field.name: "" for field in self.fields if not field.is_file} | asked.given
        answered, error = asked.answered, asked.error
        context: Document = {
            "path": _SECTION,
            "here": self.path,
            "given": given,
            "has_store": store is not None,
            "dates": _dates(store),
            "choices": {field.name: field.choices for field in self.fields},
            "result": answered.document if answered else None,
            "more": answered.more if answered else {},
            "error": error_document(error) if error else None,
            "is_posted": self.is_posted,
        }
        return page(self.template, context, asked.status)


_SECTION = "/fleet"
_NO_STORE = UndecidedError(
    "this explorer has no fleet store",
    next_step="Start it with one: vcpuid serve --store DIR. `vcpuid fleet ingest PATH... --store DIR` makes it.",
)


def _store(request: Request) -> Store | None:
    store: Store | None = request.app.state.store
    return store


def _dates(store: Store | None) -> list[str]:
    """Give the snapshots that can be chosen, the newest first; none of a store that cannot be read."""
    try:
        return list(reversed(store.dates)) if store is not None else []
    except InputError:
        return []


def _ask_store(store: Store, date: str | None, ask: Ask) -> Answered:
    """Ask a snapshot of the fleet in a session of its own; once more where an ingest took files away meanwhile."""
    version = store.version
    try:
        with store.fleet(date) as fleet:
            return ask(fleet)
    except InputError:
        if store.version == version:
            raise
    with store.fleet(date) as fleet:
        return ask(fleet)


async def _in_thread(work: Callable[[], Response]) -> Response:
    return await asyncio.get_running_loop().run_in_executor(_WORKERS, work)


def _status(error: VcpuidError) -> int:
    if isinstance(error, UndecidedError):
        return _UNAVAILABLE
    return _NOT_FOUND if isinstance(error, UnknownNameError) else _BAD_REQUEST
