"""When a name came, as far as a source dates it."""

from __future__ import annotations

import pytest

from vcpuid.atlas import describe_since, known_in
from vcpuid.terms.feature import Dialect


@pytest.mark.parametrize(
    ("dialect", "since", "words"),
    [
        (Dialect.QEMU, "7.2-", "7.2 or earlier"),
        (Dialect.QEMU, "10.0", "10.0 or earlier, after 7.2"),
        (Dialect.QEMU, "10.2", "10.2 or earlier, after 10.0"),
        (Dialect.QEMU, "6.2", "6.2"),
        (Dialect.LIBVIRT, "8.10", "8.10"),
        (Dialect.LIBVIRT, "12.8", "12.8 or earlier, after 11.3"),
        (Dialect.LINUX, "6.1-", "6.1 or earlier"),
        (Dialect.QEMU, "", "no measured version"),
    ],
)
def test_words(dialect: Dialect, since: str, words: str) -> None:
    assert describe_since(dialect, since) == words


@pytest.mark.parametrize(
    ("since", "version", "known"),
    [
        # Dated by a source: sure on both sides.
        ("6.2", "6.2.0", True),
        ("6.2", "6.1.9", False),
        ("8.10", "8.9", False),
        # Measured in 10.0, not in 7.2: between them nobody knows.
        ("10.0", "10.0.2", True),
        ("10.0", "11.1", True),
        ("10.0", "9.0.1", None),
        ("10.0", "7.2.22", False),
        ("10.0", "6.2", False),
        ("10.2", "10.1", None),
        ("10.2", "10.0.13", False),
        # The oldest measured version has it; older ones were not looked at.
        ("7.2-", "7.2.0", True),
        ("7.2-", "6.2", None),
        ("", "7.2", None),
        ("7.2-", "", None),
        ("7.2-", "unknown", None),
        ("7.2-", "7.\N{SUPERSCRIPT TWO}", None),
    ],
)
def test_whether_a_version_knows_a_name(since: str, version: str, known: bool | None) -> None:
    dialect = Dialect.LIBVIRT if since == "8.10" else Dialect.QEMU
    assert known_in(dialect, since, version) is known


def test_later_versions_know_what_earlier_ones_knew() -> None:
    assert known_in(Dialect.QEMU, "7.2-", "100.0") is True
