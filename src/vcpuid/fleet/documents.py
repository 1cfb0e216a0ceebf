"""Documents read into hosts: here, one after the other, or by the workers of Spark, with the same reader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import Final, NamedTuple

from vcpuid.answers.offer import OfferReader
from vcpuid.dumps.remarks import ADVICE
from vcpuid.errors import InputError
from vcpuid.fleet.engine.spark import Spark
from vcpuid.fleet.record import HostRow, ToldCpu, read_host, speaks_for_itself
from vcpuid.fleet.sources import Portion, Source, in_batches
from vcpuid.rules.libvirt.shipped import shipped_map

_DIGEST_BYTES: Final = 16
_MOST_KNOWN: Final = 8192
_FILE: Final = (
    "Dump the host again, or ingest what is not damaged: `vcpuid convert FILE --to json --lenient -o HOST.json`"
)
_LEFT_OUT: Final = "What is left out then counts as not told."
LINES_BYTES: Final = 16 * 1024 * 1024
"""How much of a file of JSON lines one worker reads at a time."""


class Document(NamedTuple):
    """One document.

    Attributes:
        where: A path, a member of an archive, or a line.
        folders: The folders that it lies in, outermost first.
        told: What it told, which documents that say the same share; or
        error: why it tells nothing.
        name: What the host is called, where that is told by the document's place alone.
    """

    where: str
    folders: tuple[str, ...]
    told: HostRow | None
    error: InputError | None = None
    name: str = ""

    @property
    def host(self) -> HostRow | None:
        """The host by its own name."""
        return self.told if self.told is None or not self.name else self.told._replace(host=self.name)


def read_items(items: Iterable[Portion | Source]) -> Iterator[Document]:
    """Read the documents of portions, and those that were read; what failed is told."""
    return _read_all(
        source for item in items for source in (item.read() if isinstance(item, Portion) else (item,))
    )


def read_documents_on(spark: Spark, portions: list[Portion], failed: Iterable[Source]) -> Iterator[Document]:
    """Read what `split_sources` gives by the workers of Spark.

    Raises:
        InputError: Spark failed; a worker has no vcpuid.
    """
    yield from _read_all(failed)
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
    return read_items(portions)


def _read_all(sources: Iterable[Source]) -> Iterator[Document]:
    """Read documents in their order, each that says the same as an earlier one by that one's answer.

    Raises:
        UndecidedError: numpy is not installed.
    """
    from vcpuid.fleet.plain import kinds_of  # noqa: PLC0415 - whoever reads none must not need numpy

    for batch in in_batches(sources):
        for source, kind in zip(batch, kinds_of([source.raw for source in batch]), strict=True):
            yield _read(source, kind)


def _read(source: Source, kind: bytes | None) -> Document:
    where, name, folders, raw, error = source
    if error is not None:
        return Document(where, folders, None, error)
    if kind is None and not speaks_for_itself(raw):
        kind = blake2b(raw, digest_size=_DIGEST_BYTES).digest()
    known = _known.get(kind) if kind else None
    if known is not None:
        return Document(where, folders, known, None, name)
    try:
        host = read_host(raw, where, name, _reader(), _known_cpus)
    except InputError as fault:
        return Document(where, folders, None, _advised(fault, where))
    if kind:
        _known[kind] = host
    for memory in (_known, _known_cpus):
        if len(memory) >= _MOST_KNOWN:
            memory.clear()
    return Document(where, folders, host)


def _advised(fault: InputError, where: str) -> InputError:
    """Say how a fleet takes a damaged dump: as a file that is called by its host."""
    if fault.next_step is None or not fault.next_step.endswith(ADVICE):
        return fault
    file = _FILE if Path(where).is_file() else f"{_FILE}, FILE being a copy of what stands there"
    return fault.advising(f"{fault.next_step.removesuffix(ADVICE)}{file}. {_LEFT_OUT}")


_known: dict[bytes, HostRow] = {}
"""What documents that name no host have told, by their kind or their text."""

_known_cpus: dict[bytes, ToldCpu] = {}
"""What snapshots have told of CPUs, by what they say of them."""


@cache
def _reader() -> OfferReader:
    return OfferReader((), shipped_map())
