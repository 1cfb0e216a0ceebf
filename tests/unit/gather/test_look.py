"""Bounded reads and commands."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from unit.gather.machines import look_at, wait_until_gone, write_tree
from vcpuid.gather import commands
from vcpuid.gather.look import Look


def test_a_file_larger_than_its_limit_is_refused(tmp_path: Path) -> None:
    write_tree(tmp_path, {"/etc/large": "x" * 2000})
    with pytest.raises(OSError, match="larger than 1000 bytes"):
        look_at(tmp_path).read_text("/etc/large", 1000)


def test_a_fifo_does_not_hold_us_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="not a regular file"):
        look_at(tmp_path).read_text("/fifo")


def test_bytes_that_are_no_utf8_are_replaced(tmp_path: Path) -> None:
    write_tree(tmp_path, {"/x": b"a\xffb"})
    assert look_at(tmp_path).read_text("/x") == "a\ufffdb"


@pytest.mark.parametrize("before", [0, 10, 2**20 - 3, 2**20, 2**20 + 7])
def test_text_in_a_binary_is_found_across_reads(tmp_path: Path, before: int) -> None:
    write_tree(tmp_path, {"/binary": b"\0" * before + b"needle and thread" + b"\0" * 100})
    assert look_at(tmp_path).find_bytes("/binary", b"needle", 17) == b"needle and thread"
    assert look_at(tmp_path).find_bytes("/binary", b"haystack", 17) is None


def test_text_at_the_end_of_a_binary_is_found(tmp_path: Path) -> None:
    write_tree(tmp_path, {"/binary": b"\0" * 2**20 + b"needle"})
    assert look_at(tmp_path).find_bytes("/binary", b"needle", 100) == b"needle"


def test_a_command_reads_nothing_and_speaks_english() -> None:
    done = Look().run(["sh", "-c", "cat; echo $LC_ALL; echo no >&2; exit 3"])
    assert (done.status, done.text, done.stderr) == (3, "C\n", b"no\n")
    assert done.complaint(10) == "exit status 3: no"


def test_a_command_reads_what_it_is_given() -> None:
    text = b"x" * 300_000
    assert Look().run(["cat"], given=text).stdout == text


def test_a_command_that_reads_nothing_of_it() -> None:
    assert Look().run(["true"], given=b"x" * 300_000).status == 0


def test_both_outputs_merge_in_order() -> None:
    done = Look().run(["sh", "-c", "echo 1; echo 2 >&2; echo 3"], merge=True)
    assert done.text == "1\n2\n3\n"


def test_a_command_that_prints_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "OUTPUT_LIMIT_BYTES", 2**20)
    done = Look().run(["sh", "-c", "echo $$; exec yes"])
    assert (done.too_long, done.timed_out, done.status) == (True, False, None)
    assert "its output passed" in done.complaint(10)
    assert wait_until_gone(int(done.stdout.split(b"\n", 1)[0]))


def test_a_command_that_dies_by_a_signal() -> None:
    assert Look().run(["sh", "-c", "kill -SEGV $$"]).complaint(10).startswith("ended by signal 11")


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        Look().run(["/no/such/program"])


def test_an_ioctl_that_is_refused_is_an_error() -> None:
    with Look().device("/dev/null") as fd, pytest.raises(OSError, match="ioctl"):
        Look().ioctl(fd, 0xAE00, bytearray(8))


def test_looks_that_the_interpreter_does_not_report_are_announced() -> None:
    heard: list[str] = []
    listening = [True]

    def listen(event: str, _arguments: tuple[object, ...]) -> None:
        if listening and event in ("fcntl.ioctl", "vcpuid.arch_prctl"):
            heard.append(event)

    sys.addaudithook(listen)
    with Look().device("/dev/null") as fd, pytest.raises(OSError, match="ioctl"):
        Look().ioctl(fd, 0xAE00, bytearray(8))
    with pytest.raises(OSError, match=r".+"):
        Look().arch_prctl(0x7FFF, 0)
    listening.clear()
    assert heard == ["fcntl.ioctl", "vcpuid.arch_prctl"]


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)
        Look().connect(str(path)).close()
    with pytest.raises(OSError, match=r".+"):
        Look().connect(str(tmp_path / "other"))
