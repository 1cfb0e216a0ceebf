"""Hosts on their way into a store: they wait in files, not in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from vcpuid.errors import InputError
from vcpuid.fleet import queries
from vcpuid.fleet.configuration import Configuration
from vcpuid.fleet.documents import Document
from vcpuid.fleet.labels import Labels
from vcpuid.fleet.record import HostRow, line_of
from vcpuid.fleet.words import column_of, kept_words, to_signed

_MOST_ALIKE: Final = 8192


class Taken(NamedTuple):
    """What became of some documents.

    Attributes:
        hosts: How many hosts were taken.
        left_out: Where the others are, and why they tell nothing.
    """

    hosts: int
    left_out: list[tuple[str, InputError]]


class Incoming:
    """Files of JSON lines, one for each table, that one writer fills.

    Args:
        folder: Where they lie.
        writer: What the writer is called: each has files of its own.
    """

    def __init__(self, folder: Path, writer: str) -> None:
        self._seen: set[int] = set()
        self._alike: dict[tuple[int, tuple[str, ...]], tuple[HostRow, str]] = {}  # holds rows: ids stay theirs
        with ExitStack() as stack:
            self._files = {
                table: stack.enter_context((folder / f"{table}-{writer}.jsonl").open("w", encoding="utf-8"))
                for table in TABLES
            }
            self._stack = stack.pop_all()
        self._write_host = self._files["hosts"].write

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what waits in buffers.

        Raises:
            OSError: There is no room for it.
        """
        self._stack.close()

    def take(self, documents: Iterable[Document], labels: Labels) -> Taken:
        """Take the hosts of documents, with their labels."""
        hosts, left_out = 0, []
        for document in documents:
            where, folders, told, error, name = document
            if told is not None:
                if not name or name in labels.by_host:
                    self.add(labels.put_on(document.host or told, folders))
                else:
                    self._add_alike(told, name, folders, labels)
                hosts += 1
            elif error is not None:
                left_out.append((where, error))
        return Taken(hosts, left_out)

    def add(self, host: HostRow) -> None:
        """Take one host."""
        record, line = host.line()
        self._files["hosts"].write(line)
        for guest in host.guest_columns(record):
            self._files["guests"].write(json.dumps(guest) + "\n")
        self._add_configuration(host.configuration)

    def _add_alike(self, told: HostRow, name: str, folders: tuple[str, ...], labels: Labels) -> None:
        """Take a host of which nothing but its name is not told by others in its folder, too: it has no guests."""
        key = id(told), folders
        known = self._alike.get(key)
        if known is None:
            if len(self._alike) >= _MOST_ALIKE:
                self._alike.clear()
            known = self._alike[key] = told, labels.put_on(told._replace(host=name), folders).rest()
            self._add_configuration(told.configuration)
        self._write_host(line_of(name, known[1])[1])

    def _add_configuration(self, configuration: Configuration) -> None:
        fp = configuration.fingerprint
        if fp not in self._seen:
            self._seen.add(fp)
            for row in _configuration_rows(fp, configuration):
                self._files["configs"].write(json.dumps(row) + "\n")


def configuration_columns() -> dict[str, str]:
    """Give the columns of the table of configurations: one for each kept word."""
    return {**queries.CONFIGURATION_COLUMNS, **{column_of(word): "BIGINT" for word in kept_words()}}


def columns_of(table: str) -> dict[str, str]:
    """Give the columns of a table."""
    return TABLES[table] or configuration_columns()


TABLES: Final[dict[str, dict[str, str]]] = {
    "hosts": queries.HOST_COLUMNS,
    "guests": queries.GUEST_COLUMNS,
    "configs": {},
}


def _configuration_rows(fp: int, configuration: Configuration) -> Iterator[dict[str, Any]]:
    for layer, words in configuration.layers.items():
        yield {
            "fp": fp,
            "layer": layer.value,
            "vendor": configuration.vendor,
            "model": configuration.model,
            "definition": configuration.definition,
            "named_models": configuration.named_models,
            "unnamed": " ".join(configuration.unnamed),
            **{column_of(word): to_signed(value) for word, value in words.items()},
        }
