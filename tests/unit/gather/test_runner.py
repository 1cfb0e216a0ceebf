"""All sources at once: hanging and raising ones hold up nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from unit.gather.machines import wait_until_gone
from vcpuid.gather.look import Look
from vcpuid.gather.options import Options
from vcpuid.gather.record import NotApplicableError, NothingFoundError, Problems
from vcpuid.gather.runner import Gather, Source, run_sources


def source(name: str, gather: Gather, wanted: str | None = None) -> Source:
    return Source(name, gather, lambda _options: wanted)


def fine(_look: Look, _options: Options, _problems: Problems) -> dict[str, Any]:
    return {"value": 1}


def run(*sources: Source, timeout_s: float = 5.0, only: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    return run_sources(sources, Options(timeout_s=timeout_s, only=only))


def test_whole_and_partial_data() -> None:
    def partial(_look: Look, _options: Options, problems: Problems) -> dict[str, Any]:
        problems.add("a file", "permission denied", "run as root")
        return {"value": 2}

    records = run(source("fine", fine), source("partial", partial))
    assert records["fine"]["state"] == "ok"
    assert records["partial"]["state"] == "partial"
    assert records["partial"]["problems"] == [
        {"what": "a file", "why": "permission denied", "remedy": "run as root"}
    ]


def test_a_hanging_source_is_recorded_and_holds_up_nobody() -> None:
    released = threading.Event()

    def hang(_look: Look, _options: Options, _problems: Problems) -> dict[str, Any]:
        released.wait(60)
        return {}

    told: list[tuple[str, str]] = []
    records = run_sources(
        [source("hanging", hang), source("fine", fine)],
        Options(timeout_s=0.3),
        lambda name, state: told.append((name, state)),
    )
    released.set()
    assert list(records) == ["hanging", "fine"]
    assert records["fine"]["data"] == {"value": 1}
    assert records["hanging"]["state"] == "failed"
    assert records["hanging"]["data"] is None
    assert records["hanging"]["problems"][0]["why"] == "no answer within 0.3 s"
    assert told.index(("fine", "ok")) < told.index(("hanging", "failed"))


def test_a_raising_source_is_a_record_and_no_crash() -> None:
    def fail(_look: Look, _options: Options, _problems: Problems) -> dict[str, Any]:
        raise ZeroDivisionError("division by zero")

    record = run(source("raising", fail))["raising"]
    assert record["state"] == "failed"
    assert record["problems"][0]["why"] == "ZeroDivisionError: division by zero"


def test_a_source_that_found_nothing_or_does_not_apply() -> None:
    def nothing(_look: Look, _options: Options, problems: Problems) -> dict[str, Any]:
        problems.add("/dev/kvm", "no such file or directory")
        raise NothingFoundError

    def elsewhere(_look: Look, _options: Options, _problems: Problems) -> dict[str, Any]:
        raise NotApplicableError("machine is aarch64")

    records = run(source("nothing", nothing), source("elsewhere", elsewhere))
    assert (records["nothing"]["state"], records["nothing"]["data"]) == ("failed", None)
    assert records["elsewhere"]["state"] == "skipped"
    assert records["elsewhere"]["problems"][0]["why"] == "machine is aarch64"


def test_unwanted_sources_are_not_called() -> None:
    def never(_look: Look, _options: Options, _problems: Problems) -> dict[str, Any]:
        pytest.fail("it was called")

    records = run(source("monitor", never, "not asked for (needs --monitor)"), source("other", never), only=("x",))
    assert {name: record["problems"][0]["why"] for name, record in records.items()} == {
        "monitor": "not asked for (--only)",
        "other": "not asked for (--only)",
    }


@pytest.mark.parametrize(
    "script",
    [
        "echo $$; exec sleep 60",
        "trap '' TERM INT HUP; echo $$; while :; do sleep 1; done",
        "echo $$; sleep 60 & sleep 60",
    ],
    ids=["sleeps", "ignores SIGTERM", "has a child"],
)
def test_a_hanging_command_is_killed_and_what_it_printed_is_kept(script: str) -> None:
    def ask(look: Look, _options: Options, _problems: Problems) -> dict[str, Any]:
        done = look.run(["sh", "-c", script])
        return {"printed": done.text, "why": done.complaint(look.limit_s), "timed_out": done.timed_out}

    data = run(source("asking", ask), timeout_s=1.5)["asking"]["data"]
    assert data["timed_out"]
    assert data["why"] == "no answer within 1.5 s"
    assert wait_until_gone(int(data["printed"]))


def test_commands_of_an_abandoned_source_are_killed() -> None:
    started: list[int] = []

    def ask(look: Look, _options: Options, _problems: Problems) -> dict[str, Any]:
        process = look.commands.start(["sleep", "60"])
        started.append(process.pid)
        process.wait()
        with pytest.raises(OSError, match="no answer"):
            look.run(["true"])
        look.commands.stop(process)
        return {}

    record = run(source("asking", ask), timeout_s=0.5)["asking"]
    assert record["state"] == "failed"
    assert wait_until_gone(started[0])


def test_an_interrupted_run_leaves_no_command_behind() -> None:
    started: list[int] = []

    def ask(look: Look, _options: Options, _problems: Problems) -> dict[str, Any]:
        process = look.commands.start(["sleep", "60"])
        started.append(process.pid)
        process.wait()
        look.commands.stop(process)
        return {}

    def interrupt(name: str, state: str) -> None:
        if (name, state) == ("second", "ok"):
            raise KeyboardInterrupt

    def second(_look: Look, _options: Options, _problems: Problems) -> dict[str, Any]:
        _wait_for(lambda: bool(started))
        return {}

    with pytest.raises(KeyboardInterrupt):
        run_sources([source("asking", ask), source("second", second)], Options(timeout_s=5.0), interrupt)
    assert wait_until_gone(started[0])


def _wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
