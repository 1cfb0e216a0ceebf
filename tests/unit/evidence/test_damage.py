"""Wherever a snapshot is damaged, reading it ends in an error that names the place, or does not need the place."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from snapshots import Data, document, whole_host
from vcpuid.answers.why import why
from vcpuid.errors import InputError, VcpuidError
from vcpuid.evidence import Evidence
from vcpuid.evidence.guest import guest_of_domain, guest_of_process
from vcpuid.snapshot import Snapshot

SOURCES = tuple(whole_host())
# The last ones are of the right type at many places, and still wrong.
WRONG_VALUES: tuple[object, ...] = (
    None,
    True,
    7,
    -1,
    10**30,
    1.5,
    [],
    [7],
    {},
    {"x": 7},
    "",
    "x",
    "\ud800\x1b",
    "9" * 5000,
    "<domain>",
)
Path = tuple[str | int, ...]


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    """Every place in a JSON value, the value itself included."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from paths(member, (*path, key))


def replaced(value: Data, path: Path, new: object) -> Data:
    """A copy of a document with another value at one place."""
    changed = copy.deepcopy(value)
    place = changed
    for key in path[:-1]:
        place = place[key]  # type: ignore[index]  # JSON: objects have texts and lists have numbers
    place[path[-1]] = new  # type: ignore[index]  # the same
    return changed


def ask_everything(whole: Data) -> None:
    evidence = Evidence(Snapshot.of(whole, "host.json"))
    guests = (guest_of_domain(evidence, "web-1"), guest_of_process(evidence, 4711), None)
    for guest in guests:
        for feature in ("sgx", "vmx-ept", "rdctl-no"):
            why(feature, evidence, guest)


def test_the_whole_host_is_sound() -> None:
    ask_everything(document(**whole_host()))


def fault_of(whole: Data) -> str | None:
    """What is wrong with how a damaged document is refused; None where nothing is."""
    try:
        ask_everything(whole)
    except InputError as error:
        return None if error.source and error.message else "no source or message"
    except Exception as error:  # noqa: BLE001 - any other is what this test looks for
        return f"{type(error).__name__}: {error}"
    return None


@pytest.mark.parametrize("source", SOURCES)
def test_a_damaged_source_is_told_or_not_needed(source: str) -> None:
    whole = document(**whole_host())
    faults = {
        (path, repr(wrong)[:40]): fault
        for path in paths(whole["sources"][source])
        for wrong in WRONG_VALUES
        if (fault := fault_of(replaced(whole, ("sources", source, *path), wrong)))
    }
    assert faults == {}


def test_an_error_names_the_file_and_the_path() -> None:
    whole = replaced(
        document(**whole_host()), ("sources", "cpuid", "data", "cpus", 0, "rows", "00000007.0"), "1 2"
    )
    with pytest.raises(VcpuidError) as caught:
        ask_everything(whole)
    assert str(caught.value).startswith(
        "host.json: sources.cpuid.data.cpus[0].rows.00000007.0 is damaged: found '1 2', expected four hexadecimal"
    )
