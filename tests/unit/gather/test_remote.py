"""Many hosts over ssh, played by a program that knows every way in which a host can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.gather.machines import write_program
from vcpuid.gather.remote import Failure, Host, Outcome, collect_from_hosts, find_document, parse_host, ssh_command

ONLY = ["--only", "sgx"]

# Plays OpenSSH: finds the host after `--`, and does what the host's name says.
FAKE_SSH = """\
#!/bin/sh
echo "$@" >> "{log}"
while [ "$1" != -- ]; do shift; done
host=$2
shift 2
case $host in
good) exec sh -c "$*" ;;
motd) echo "Welcome to $host! {{}}"; sh -c "$*"; echo "Good bye" ;;
down) echo "ssh: connect to host $host port 22: No route to host" >&2; exit 255 ;;
slow-port) echo "ssh: connect to host $host port 22: Connection timed out" >&2; exit 255 ;;
refusing) echo "ssh: connect to host $host port 22: Connection refused" >&2; exit 255 ;;
nowhere) echo "ssh: Could not resolve hostname $host: Name or service not known" >&2; exit 255 ;;
stranger) echo "root@$host: Permission denied (publickey,password)." >&2; exit 255 ;;
changed) echo "Host key verification failed." >&2; exit 255 ;;
closing) echo "Connection closed by 10.0.0.1 port 22" >&2; exit 255 ;;
odd) echo "something new" >&2; exit 255 ;;
no-python) cat >/dev/null; PATH={path}; export PATH; exec /bin/sh -c "$*" ;;
platform-python) cat >/dev/null; echo "exit 126" >&2; exit 126 ;;
hang) exec sleep 60 ;;
silent) cat >/dev/null; exit 0 ;;
garbage) cat >/dev/null; echo "$*" | sed 's/.*--marker \\([a-z0-9-]*\\).*/\\1/'; echo '{{"half' ;;
esac
"""


@pytest.fixture
def ssh(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "nothing-but-a-shell"
    path.mkdir()
    (path / "sh").symlink_to("/bin/sh")
    text = FAKE_SSH.format(log=tmp_path / "log", path=path)
    return (str(write_program(tmp_path / "ssh", text)),)


def collect(ssh: tuple[str, ...], *names: str, limit_s: float = 20.0) -> dict[str, Outcome]:
    outcomes = collect_from_hosts([Host(name) for name in names], ONLY, limit_s, ssh=ssh)
    return {outcome.host.name: outcome for outcome in outcomes}


def failure(ssh: tuple[str, ...], name: str, limit_s: float = 20.0) -> Failure:
    outcome = collect(ssh, name, limit_s=limit_s)[name]
    assert outcome.document is None
    assert outcome.failure is not None
    return outcome.failure


@pytest.mark.parametrize("name", ["good", "motd"])
def test_a_snapshot_comes_whatever_the_login_prints(ssh: tuple[str, ...], name: str) -> None:
    outcome = collect(ssh, name)[name]
    assert outcome.failure is None
    assert outcome.document is not None
    assert outcome.document["schema"] == "vcpuid-snapshot/1"
    assert outcome.document["sources"]["sgx"]["state"] == "ok"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("down", "does not answer"),
        ("slow-port", "does not answer"),
        ("refusing", "refuses connections"),
        ("nowhere", "name is unknown"),
        ("stranger", "authentication refused"),
        ("changed", "host key"),
        ("closing", "closed the connection"),
        ("odd", "something new"),
        ("no-python", "has no python3"),
        ("platform-python", "exit status 126"),
        ("silent", "printed no snapshot"),
        ("garbage", "printed no snapshot"),
    ],
)
def test_failures_in_clear_words(ssh: tuple[str, ...], name: str, why: str) -> None:
    assert why in failure(ssh, name).why


def test_a_host_that_hangs_is_given_up(ssh: tuple[str, ...]) -> None:
    assert failure(ssh, "hang", limit_s=0.5).why == "no answer within 0.5 s"


def test_no_ssh_client() -> None:
    assert "No such file" in failure(("/no/ssh",), "good").why


def test_many_hosts_with_progress(ssh: tuple[str, ...]) -> None:
    told: list[tuple[str, str]] = []
    hosts = [Host("good", user=f"u{number}") for number in range(10)] + [Host("down")]
    outcomes = list(collect_from_hosts(hosts, ONLY, 30.0, lambda host, state: told.append((host, state)), ssh))
    assert len(outcomes) == 11
    assert sum(outcome.failure is None for outcome in outcomes) == 10
    for host in hosts:
        states = [state for name, state in told if name == str(host)]
        assert states == ["started", "failed" if host.name == "down" else "ok"]


def test_no_hosts(ssh: tuple[str, ...]) -> None:
    assert list(collect_from_hosts([], ssh=ssh)) == []


def test_the_command_asks_nothing_and_forwards_nothing() -> None:
    command = ssh_command(Host("h", "u", 2222), ["--active", "a b;c"], ["ssh"], "m")
    assert command[:8] == ["ssh", "-T", "-a", "-x", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
    assert command[8:-1] == ["-p", "2222", "-l", "u", "--", "h"]
    assert "--marker m --active" in command[-1]


def test_arguments_survive_two_shells(ssh: tuple[str, ...], tmp_path: Path) -> None:
    odd = "a 'b' \"c\" $(touch x) ;|&"
    outcomes = list(collect_from_hosts([Host("good")], ["--nova-conf", odd, "--only", "nova"], 20.0, ssh=ssh))
    document = outcomes[0].document
    assert document is not None
    assert document["sources"]["nova"]["problems"][0]["what"] == odd
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("ssh://h07", Host("h07")),
        ("ssh://root@H07.example:2222/", Host("H07.example", "root", 2222)),
        ("ssh://[fe80::1%eth0]:22", Host("fe80::1%eth0", None, 22)),
        ("ssh://u@[::1]", Host("::1", "u")),
    ],
)
def test_hosts_that_are_understood(text: str, host: Host) -> None:
    assert parse_host(text) == host
    assert parse_host(f"ssh://{host}") == host


@pytest.mark.parametrize(
    "text",
    [
        "h07",
        "ssh://",
        "ssh:///path",
        "http://h07",
        "ssh://-oProxyCommand=x",
        "ssh://-lroot@h07",
        "ssh://h07/path",
        "ssh://u:pw@h07",
        "ssh://h07:port",
        "ssh://h07:99999",
        "ssh://h;touch x",
        "ssh://h07?x=1",
        "ssh://[::1",
        "",
    ],
)
def test_hosts_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"address of a host|port is no number|more than user|name a host"):
        parse_host(text)


@pytest.mark.parametrize("text", ["", "m", "m\n", "m\nno json\n", "m\n[1]\n", 'x\n{"a": 1}\n'])
def test_output_without_a_document(text: str) -> None:
    assert find_document(text, "m") is None


def test_the_document_is_found_behind_noise() -> None:
    assert find_document('motd {"b": 2}\nm\n{"a": 1}\nbye\n', "m") == {"a": 1}
