"""The files that pages refer to: read once, served from memory, under names that change with their content."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vcpuid.render.html import STATIC, StaticFile

_NOT_FOUND = 404


class _File(NamedTuple):
    address: str
    content: bytes
    media_type: str


def _load(name: str, file: StaticFile) -> _File:
    content = file.path.read_bytes()
    stem, _, ending = name.rpartition(".")
    return _File(f"/static/{stem}.{sha256(content).hexdigest()[:12]}.{ending}", content, file.media_type)


_FILES = {name: _load(name, file) for name, file in STATIC.items()}
_BY_ADDRESS = {file.address: file for file in _FILES.values()}
ADDRESSES: Final = {name: file.address for name, file in _FILES.items()}
"""File to the address under which it is served."""


async def _serve(request: Request) -> Response:
    file = _BY_ADDRESS.get(request.url.path)
    if file is None:
        raise HTTPException(_NOT_FOUND)
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(file.content, media_type=file.media_type, headers=headers)


ROUTE: Final = Route("/static/{name}", _serve)
