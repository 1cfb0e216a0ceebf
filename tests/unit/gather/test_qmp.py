"""QMP: only queries, a deadline, and other sides that misbehave."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from programs import needs
from unit.gather.machines import gather, write_process, write_program, write_tree
from vcpuid.gather import active, monitor
from vcpuid.gather.look import Look
from vcpuid.gather.options import Options
from vcpuid.gather.qmp import QUERIES, Qmp, QmpError, Reply, command_of
from vcpuid.gather.record import Data, NothingFoundError

GREETING = b'{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 22}}, "capabilities": []}}\n'
CHANGING = (
    "quit",
    "system_powerdown",
    "system_reset",
    "human-monitor-command",
    "device_add",
    "qom-set",
    "cont",
    "stop",
    "migrate",
    "memsave",
    "query-block",
)

Side = Callable[[socket.socket], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Side, float], Qmp]]:
    """Give a conversation whose other side is a function in a thread."""
    ours, theirs = socket.socketpair()
    threads: list[threading.Thread] = []

    def start(side: Side, limit_s: float) -> Qmp:
        thread = threading.Thread(target=side, args=(theirs,), daemon=True)
        thread.start()
        threads.append(thread)
        return Qmp(ours.fileno(), ours.fileno(), limit_s)

    yield start
    ours.close()
    for thread in threads:
        thread.join(5)
    theirs.close()


def answers(table: dict[str, object]) -> Side:
    """Play a QEMU: greet, then answer from the table (an exception's text is an error)."""

    def side(connection: socket.socket) -> None:
        with connection.makefile("rwb") as file:
            file.write(GREETING)
            file.flush()
            for line in file:
                command = json.loads(line)
                found = table.get(command["execute"], {})
                reply = (
                    {"error": {"class": "GenericError", "desc": str(found)}}
                    if isinstance(found, Exception)
                    else {"return": found}
                )
                file.write(b'{"event": "RESUME"}\n' + json.dumps({**reply, "id": command["id"]}).encode() + b"\n")
                file.flush()

    return side


def test_only_queries_can_be_sent() -> None:
    assert all(
        name.startswith(("query-", "qom-get", "qom-list", "device-list-")) or name == "qmp_capabilities"
        for name in QUERIES
    )
    for name in CHANGING:
        assert name not in QUERIES
        with pytest.raises(ValueError, match="is no query"):
            command_of((name, {}))


def test_a_conversation(serve: Callable[[Side, float], Qmp]) -> None:
    qmp = serve(answers({"query-sgx": ValueError("no SGX"), "qom-get": [1, 2]}), 5.0)
    assert qmp.greet() == "7.2.22"
    replies = qmp.ask([("query-sgx", {}), *[("qom-get", {"path": "/x", "property": "y"})] * 40])
    assert replies == [Reply(None, "no SGX"), *[Reply([1, 2], None)] * 40]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "no answer within 0.3 s"),
        (b"{", "no answer within 0.3 s"),
        (b"SSH-2.0-OpenSSH\n", "no JSON"),
        (b"[]\n", "no JSON object"),
        (b'{"QMP": []}\n', "none of QMP's"),
        (b'{"return": {}}\n', "none of QMP's"),
    ],
)
def test_other_sides_that_speak_no_qmp(serve: Callable[[Side, float], Qmp], said: bytes, why: str) -> None:
    with pytest.raises(QmpError, match=why):
        serve(lambda connection: connection.sendall(said), 0.3).greet()


def test_an_end_in_the_middle(serve: Callable[[Side, float], Qmp]) -> None:
    def side(connection: socket.socket) -> None:
        connection.sendall(GREETING)
        connection.recv(1)
        connection.shutdown(socket.SHUT_RDWR)

    with pytest.raises(QmpError):
        serve(side, 5.0).greet()


@needs("qemu-system-x86_64", package="qemu-system-x86")
def test_qemu_is_asked_under_tcg() -> None:
    look = Look(limit_s=30.0)
    found = active._ask(look, str(look.which("qemu-system-x86_64")), "tcg", active._EXPANSIONS)
    assert found["version"].count(".") == 2
    assert "qemu64" in {one["name"] for one in found["definitions"]}
    assert found["expansions"]["max"]["avx2"] is True
    assert "sgx" in found["properties"]


def test_a_qemu_that_others_can_write_is_not_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    path = write_program(tmp_path / "qemu-system-x86_64", f"#!/bin/sh\ntouch {started}\n")
    options = Options(active=True, qemu_paths=(str(path),), timeout_s=5)
    problems = _problems_of_active(options)
    assert any(problem["what"] == str(path) and "not started" in problem["why"] for problem in problems)
    assert not started.exists()


def _problems_of_active(options: Options) -> list[dict[str, str]]:
    from vcpuid.gather.collect import collect  # noqa: PLC0415 - it imports all sources

    document = collect(options._replace(only=("qmp",)))
    problems: list[dict[str, str]] = document["sources"]["qmp"]["problems"]
    return problems


def test_no_qemu_to_start(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError):
        gather(active.gather, tmp_path, Options(active=True))


def test_a_qemu_that_dies_at_the_start_says_why(tmp_path: Path) -> None:
    path = write_program(tmp_path / "qemu", "#!/bin/sh\necho 'qemu: failed to initialize kvm' >&2\nexit 1\n")
    with pytest.raises(QmpError, match="failed to initialize kvm"):
        active._ask(Look(limit_s=10.0), str(path), "kvm", active._EXPANSIONS)


def test_a_qemu_that_hangs_is_killed(tmp_path: Path) -> None:
    path = write_program(tmp_path / "qemu", "#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(QmpError, match="no answer within"):
        active._ask(Look(limit_s=1.0), str(path), "kvm", active._EXPANSIONS)


@pytest.mark.parametrize(
    ("arguments", "sockets"),
    [
        (["-qmp", "unix:/run/q.sock,server=on,wait=off"], ["/run/q.sock"]),
        (
            ["-chardev", "socket,id=m,path=/run/q.sock,server=on", "-mon", "chardev=m,mode=control"],
            ["/run/q.sock"],
        ),
        (["-chardev", "socket,id=m,path=/run/q.sock", "-mon", "m,mode=control"], ["/run/q.sock"]),
        (["-chardev", "socket,id=m,path=/run/q.sock", "-mon", "chardev=m,mode=readline"], []),
        (
            [
                "-chardev",
                "socket,id=m,path=/var/lib/libvirt/qemu/domain-1-x/monitor.sock",
                "-mon",
                "chardev=m,mode=control",
            ],
            [],
        ),
        (["-qmp", "unix:/run/libvirt/q.sock"], []),
        (["-qmp", "unix:relative.sock"], []),
        (["-qmp", "tcp:localhost:4444"], []),
        (["-chardev", "socket,id=m,fd=22", "-mon", "chardev=m,mode=control"], []),
    ],
)
def test_which_sockets_are_opened(arguments: list[str], sockets: list[str]) -> None:
    assert monitor.qmp_sockets(["qemu", *arguments]) == sockets


TABLE: dict[str, object] = {
    "query-cpus-fast": [{"qom-path": "/machine/unattached/device[0]"}],
    "qom-get": True,
    "qom-list": [{"name": "sgx", "type": "bool"}, {"name": "level", "type": "uint32"}],
    "qom-list-get": ValueError("The command qom-list-get has not been found"),
    "query-sgx": ValueError("no SGX"),
}


@pytest.fixture
def ask_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Side], tuple[Data, list[Data]]]:
    """Give the monitor source's answer of a host with one guest, whose socket a function serves."""

    def ask(side: Side) -> tuple[Data, list[Data]]:
        path = tmp_path / "q.sock"
        root = write_tree(tmp_path / "root", {"/proc/1/cmdline": "init\0"})
        qemu = "/usr/bin/qemu-system-x86_64"
        write_process(root, os.getpid(), qemu, [qemu, "-name", "web", "-qmp", f"unix:{path}"])
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen(1)

            def accept() -> None:
                connection, _ = server.accept()
                with connection:
                    side(connection)

            thread = threading.Thread(target=accept, daemon=True)
            thread.start()
            monkeypatch.setattr(monitor, "_libvirt_guests", lambda *_: iter(()))
            data, problems = gather(monitor.gather, root, Options(monitor=True))
            thread.join(5)
        return data, problems

    return ask


def test_a_guest_is_asked_at_its_own_socket(ask_socket: Callable[[Side], tuple[Data, list[Data]]]) -> None:
    unavailable = {"qom-get": ["sgx"]}
    data, problems = ask_socket(answers(TABLE | unavailable))
    assert problems == []
    (guest,) = data["guests"]
    assert (guest["domain"], guest["pid"], guest["via"]) == ("web", os.getpid(), "unix socket")
    assert guest["unavailable_features"] == ["sgx"]
    assert guest["sgx"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"query-cpus-fast": 5},
        {"query-cpus-fast": [{}]},
        {"qom-get": 5},
        {"qom-get": [{}]},
        {"qom-list": [5]},
        {"qom-list-get": [{}]},
    ],
    ids=str,
)
def test_answers_of_another_form_are_a_problem_of_that_guest(
    ask_socket: Callable[[Side], tuple[Data, list[Data]]], wrong: dict[str, object]
) -> None:
    data, problems = ask_socket(answers(TABLE | {"qom-get": []} | wrong))
    assert data == {"guests": []}
    assert problems[0]["what"] == f"QMP socket of process {os.getpid()}"
    assert problems[0]["why"] == "an answer has another form than QEMU's"


@pytest.mark.parametrize("number", ["[1]", "null", '"0"'])
def test_a_reply_to_another_question(serve: Callable[[Side, float], Qmp], number: str) -> None:
    said = GREETING + b'{"return": {}, "id": ' + number.encode() + b"}\n"
    with pytest.raises(QmpError, match="what it was not asked"):
        serve(lambda connection: connection.sendall(said), 5.0).greet()


def test_a_guest_whose_socket_is_gone_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_tree(tmp_path, {"/proc/1/cmdline": "init\0"})
    qemu = "/usr/bin/qemu-system-x86_64"
    write_process(root, os.getpid(), qemu, [qemu, "-qmp", "unix:/no/such/socket"])
    monkeypatch.setattr(monitor, "_libvirt_guests", lambda *_: iter(()))
    data, problems = gather(monitor.gather, root, Options(monitor=True))
    assert data == {"guests": []}
    assert problems[0]["why"] == "no such file or directory"
