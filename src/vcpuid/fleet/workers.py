"""An ingest's documents read by several processes of this machine, each of which writes files of its own.

A worker lives as long as its pipe: one whose ingest was killed reads no further. It is started anew, not forked:
nothing of the store's lock is passed on to it.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain, islice
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final, TypeAlias, cast

from vcpuid.errors import InputError
from vcpuid.fleet.documents import read_items
from vcpuid.fleet.incoming import Incoming, Taken
from vcpuid.fleet.labels import Labels
from vcpuid.fleet.sources import Portion, Source, in_batches

Items: TypeAlias = Sequence[Portion | Source]

_FEW_BATCHES: Final = 6
"""Up to so many are read before workers would have been started."""


def take_items(
    items: Iterable[Portion | Source], labels: Labels, folder: Path, workers: int | None = None
) -> Iterator[Taken]:
    """Take the hosts of documents into files of a folder, in the order of the documents as far as errors are told.

    Args:
        items: Where the documents are, or what failed.
        labels: What labels hosts get.
        folder: Where the files lie.
        workers: How many processes read, 1 for this one alone; None for what suits the machine and the amount.

    Raises:
        OSError: The files cannot be written.
        InputError: A worker was killed.
    """
    batches: Iterator[Items] = in_batches(items)
    if workers is None:
        first = list(islice(batches, _FEW_BATCHES))
        batches = chain(first, batches)
        workers = len(os.sched_getaffinity(0)) if len(first) == _FEW_BATCHES else 1
    if workers == 1:
        with Incoming(folder, "alone") as incoming:
            for batch in batches:
                yield incoming.take(read_items(batch), labels)
    else:
        yield from _spread(batches, labels, folder, workers)


def _spread(batches: Iterator[Items], labels: Labels, folder: Path, count: int) -> Iterator[Taken]:
    context = get_context("spawn")
    with ExitStack() as stack:
        idle = []
        for number in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, labels, folder, f"w{number}"), daemon=True)
            with _no_interrupts():
                process.start()
            theirs.close()
            stack.callback(process.join)
            stack.callback(process.terminate)
            stack.callback(ours.close)
            idle.append(ours)
        yield from _share(batches, idle)
        for pipe in idle:
            _send(pipe, None)
        for pipe in idle:
            _receive(pipe)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Let a process that is started here meet none, from its first moment on: a terminal interrupts all.

    Whoever started it ends it then.
    """
    resource_tracker.ensure_running()  # else it is started with the process, and lets interrupts in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _share(batches: Iterator[Items], idle: list[Connection]) -> Iterator[Taken]:
    """Give each idle worker the next batch; what they report comes in the batches' order."""
    busy: dict[Connection, int] = {}
    reports: dict[int, Taken] = {}
    told = 0
    numbered = enumerate(batches)
    while True:
        for pipe in idle[:]:
            number, batch = next(numbered, (-1, ()))
            if number < 0:
                break
            _send(pipe, batch)
            busy[pipe] = number
            idle.remove(pipe)
        if not busy:
            return
        for ready in wait(list(busy)):
            pipe = cast("Connection", ready)
            reports[busy.pop(pipe)] = _receive(pipe)
            idle.append(pipe)
        while told in reports:
            yield reports.pop(told)
            told += 1


def _send(pipe: Connection, batch: Items | None) -> None:
    try:
        pipe.send(batch)
    except OSError:  # it has died
        raise _lost() from None


def _receive(pipe: Connection) -> Taken:
    try:
        answer = pipe.recv()
    except (EOFError, ConnectionError):
        raise _lost() from None
    if isinstance(answer, Exception):
        raise answer
    return cast("Taken", answer)


def _lost() -> InputError:
    return InputError(
        "a process that read documents has died",
        source="ingest",
        next_step="Was memory short? Nothing of the store was changed; the ingest may be run again.",
    )


def _work(pipe: Connection, labels: Labels, folder: Path, name: str) -> None:
    """Take batches until there are no more: what a worker does."""
    gc.freeze()  # what was imported stays: there is no use in going through it again and again
    with suppress(EOFError, ConnectionError):
        try:
            with Incoming(folder, name) as incoming:
                while (batch := pipe.recv()) is not None:
                    pipe.send(incoming.take(read_items(batch), labels))
            pipe.send(Taken(0, []))
        except (EOFError, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - whoever started us raises it again
            pipe.send(error)
