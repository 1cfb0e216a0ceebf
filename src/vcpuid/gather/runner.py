"""All sources at once, each in a thread of its own, with a time limit and a record of how it went."""

import queue
import threading
import time
from typing import Callable, Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

from .commands import no_answer
from .look import Look
from .options import Options
from .record import Data, NotApplicableError, NothingFoundError, Problems, record, record_of_data

Gather = Callable[[Look, Options, Problems], Data]
Progress = Callable[[str, str], None]


class Source(NamedTuple):
    """A source of evidence: its name in the snapshot, and the function that gathers it.

    `wanted` returns None if the options ask for it, else why it is skipped.
    """

    name: str
    gather: Gather
    wanted: Callable[[Options], Optional[str]]


def run_sources(
    sources: Sequence[Source],
    options: Options,
    progress: Optional[Progress] = None,
    root: str = "",
) -> Dict[str, Data]:
    """Run the sources and return their records by name, at the latest when the time limit is over.

    A source that has not ended by then is given up: its commands are killed, its thread is left behind, and
    what it may still find is not waited for.

    Args:
        sources: what to run.
        options: of the run; `timeout_s` is each source's limit.
        progress: called with a source's name and `started` or its record's state.
        root: a folder to take for `/`.
    """
    tell = progress or _tell_nobody
    records: Dict[str, Data] = {}
    running: Dict[str, Look] = {}
    ended: "queue.Queue[Tuple[str, Data]]" = queue.Queue()
    for source in sources:
        why = _why_skipped(source, options)
        if why:
            records[source.name] = _skipped(source.name, why)
            tell(source.name, "skipped")
            continue
        look = Look(root, options.timeout_s)
        running[source.name] = look
        tell(source.name, "started")
        threading.Thread(
            target=_run_one,
            args=(source, look, options, ended),
            name="source " + source.name,
            daemon=True,
        ).start()
    try:
        for name, found in _until(time.monotonic() + options.timeout_s, ended, running):
            records[name] = found
            tell(name, str(found["state"]))
    finally:
        # Also when the run is interrupted: nothing that was started outlives it.
        for look in running.values():
            look.abandon()
    for name in running:
        records[name] = _given_up(name, options.timeout_s)
        tell(name, "failed")
    return {source.name: records[source.name] for source in sources}


def _until(
    end: float, ended: "queue.Queue[Tuple[str, Data]]", running: Dict[str, Look]
) -> Iterator[Tuple[str, Data]]:
    """Yield what ends, and take it from what runs, until nothing runs or the monotonic clock shows `end`."""
    while running:
        try:
            name, found = ended.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return
        del running[name]
        yield name, found


def _run_one(source: Source, look: Look, options: Options, ended: "queue.Queue[Tuple[str, Data]]") -> None:
    begin = time.monotonic()
    problems = Problems()

    def took_ms() -> int:
        return int(1000 * (time.monotonic() - begin))

    try:
        data = source.gather(look, options, problems)
        found = record_of_data(took_ms(), problems, data)
    except NotApplicableError as reason:
        problems.add(source.name, str(reason))
        found = record("skipped", took_ms(), problems, None)
    except NothingFoundError:
        found = record("failed", took_ms(), problems, None)
    except Exception as error:
        problems.add(
            source.name, "%s: %s" % (type(error).__name__, error), "report this as a bug of the collector"
        )
        found = record("failed", took_ms(), problems, None)
    ended.put((source.name, found))


def _why_skipped(source: Source, options: Options) -> Optional[str]:
    if options.only and source.name not in options.only:
        return "not asked for (--only)"
    return source.wanted(options)


def _skipped(name: str, why: str) -> Data:
    problems = Problems()
    problems.add(name, why)
    return record("skipped", 0, problems, None)


def _given_up(name: str, limit_s: float) -> Data:
    problems = Problems()
    problems.add(name, no_answer(limit_s), "raise --timeout")
    return record("failed", int(1000 * limit_s), problems, None)


def _tell_nobody(_name: str, _state: str) -> None:
    """Progress that nobody watches."""
