"""Documents read into hosts: here, one after the other, or by the workers of Spark, with the same reader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import accumulate
from typing import Final, NamedTuple

from vcpuid.answers.offer import OfferReader
from vcpuid.errors import InputError
from vcpuid.fleet.engine.spark import Spark
from vcpuid.fleet.record import HostRow, read_host
from vcpuid.fleet.sources import Portion, Source, split_sources, walk_sources
from vcpuid.rules.libvirt.shipped import shipped_map

LINES_BYTES: Final = 16 * 1024 * 1024
"""How much of a file of JSON lines one worker reads at a time."""


class Document(NamedTuple):
    """One document.

    Attributes:
        where: A path, a member of an archive, or a line.
        folders: The folders that it lies in, outermost first.
        host: What it told; or
        error: why it tells nothing.
    """

    where: str
    folders: tuple[str, ...]
    host: HostRow | None
    error: InputError | None


def read_documents(paths: Iterable[str]) -> Iterator[Document]:
    """Read every document that is meant by paths, as `walk_sources` finds them."""
    return map(_read, walk_sources(paths))


def read_documents_on(spark: Spark, paths: Iterable[str], lines_bytes: int = LINES_BYTES) -> Iterator[Document]:
    """Read every document by the workers of Spark; the driver only lists the files.

    Raises:
        InputError: Spark failed; a worker has no vcpuid.
        UsageError: Standard input is meant.
    """
    portions, failed = split_sources(paths, lines_bytes)
    yield from map(_read, failed)
    yield from spark.spread(_read_portions, _numbered(spark, portions))


def _numbered(spark: Spark, portions: list[Portion]) -> list[Portion]:
    """Tell portions how many lines of their file stand before them, so that a line is called by its number."""
    if all(portion.end is None for portion in portions):
        return portions
    before = [0, *accumulate(spark.spread(_count_portions, portions))]
    first = {portion.path: count for portion, count in zip(portions, before, strict=False) if not portion.start}
    return [
        portion._replace(lines=count - first[portion.path])
        for portion, count in zip(portions, before, strict=False)
    ]


def _count_portions(portions: Iterable[Portion]) -> Iterator[int]:
    return (portion.count_lines() for portion in portions)


def _read_portions(portions: Iterable[Portion]) -> Iterator[Document]:
    return (_read(source) for portion in portions for source in portion.read())


def _read(source: Source) -> Document:
    try:
        if source.raw is None:
            raise source.error or InputError("cannot be read", source=source.where)
        host = read_host(source.raw, source.where, source.name, _reader())
    except InputError as error:
        return Document(source.where, source.folders, None, error)
    return Document(source.where, source.folders, host, None)


@cache
def _reader() -> OfferReader:
    return OfferReader((), shipped_map())
