"""The collector on many hosts at once: sent over OpenSSH to their python3, nothing installed there."""

import json
import os
import queue
import re
import shlex
import threading
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Union
from urllib.parse import urlsplit

from .bundle import bundle_collector
from .commands import Commands, Finished
from .record import Data

HOSTS_AT_ONCE = 8
CONNECT_TIMEOUT_S = 10
_PYTHONS = ("python3", "/usr/libexec/platform-python")
_NO_PYTHON = "vcpuid: no python3"
_NO_PYTHON_STATUS = 127
_SSH_FAILURE_STATUS = 255

Progress = Callable[[str, str], None]


class Host(NamedTuple):
    """Where to collect: `ssh://[user@]host[:port]`."""

    name: str
    user: Optional[str] = None
    port: Optional[int] = None

    def __str__(self) -> str:
        name = "[%s]" % self.name if ":" in self.name else self.name
        return "%s%s%s" % (self.user + "@" if self.user else "", name, ":%d" % self.port if self.port else "")


class Failure(NamedTuple):
    """Why a host gave no snapshot, and what to do about it."""

    why: str
    remedy: str


class Outcome(NamedTuple):
    """What came of one host: its snapshot document, or why there is none."""

    host: Host
    document: Optional[Data]
    failure: Optional[Failure]


def parse_host(text: str) -> Host:
    """Parse `ssh://[user@]host[:port]`.

    Raises:
        ValueError: it is none; the message tells what is wrong.
    """
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ValueError("not the address of a host") from error
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError("the port is no number from 0 to 65535") from error
    if parts.scheme != "ssh" or not parts.hostname:
        raise ValueError("not the address of a host")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.password is not None:
        raise ValueError("more than user, host and port")
    # urlsplit lower-cases the host name, which ssh's own configuration may spell otherwise.
    host = parts.netloc.rpartition("@")[2]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    for word in (host, parts.username or ""):
        # ssh would take it for an option, or hand it to a shell.
        if word.startswith("-") or not re.match(r"[\w.:%@+-]*$", word):
            raise ValueError("%r cannot name a host or user" % word)
    return Host(host, parts.username, port)


def collect_from_hosts(
    hosts: Sequence[Host],
    arguments: Sequence[str] = (),
    limit_s: float = 60.0,
    progress: Optional[Progress] = None,
    ssh: Sequence[str] = ("ssh",),
) -> Iterator[Outcome]:
    """Collect on all hosts, a few at once, and yield each outcome as it comes.

    Args:
        hosts: where.
        arguments: the collector's options, such as `--active`.
        limit_s: how long one host may take, the connection included.
        progress: called with a host and `started`, `ok` or `failed`.
        ssh: OpenSSH's client, with options of its own.
    """
    tell = progress or _tell_nobody
    program = bundle_collector().encode("ascii")
    waiting: "queue.Queue[Host]" = queue.Queue()
    ended: "queue.Queue[Union[Outcome, Host]]" = queue.Queue()
    for host in hosts:
        waiting.put(host)

    def work() -> None:
        while True:
            try:
                host = waiting.get_nowait()
            except queue.Empty:
                return
            ended.put(host)
            ended.put(collect_from_host(host, arguments, limit_s, ssh, program))

    for _ in range(min(HOSTS_AT_ONCE, len(hosts))):
        threading.Thread(target=work, daemon=True).start()
    left = len(hosts)
    while left:
        news = ended.get()
        if isinstance(news, Outcome):
            left -= 1
            tell(str(news.host), "failed" if news.failure else "ok")
            yield news
        else:
            tell(str(news), "started")


def collect_from_host(
    host: Host, arguments: Sequence[str], limit_s: float, ssh: Sequence[str], program: bytes
) -> Outcome:
    """Collect on one host."""
    marker = "vcpuid-snapshot-%s" % os.urandom(8).hex()
    commands = Commands(limit_s)
    try:
        done = commands.run(ssh_command(host, arguments, ssh, marker), limit_s, program)
    except OSError as error:
        return Outcome(host, None, Failure("%s: %s" % (ssh[0], error.strerror), "install OpenSSH's client"))
    document = find_document(done.text, marker)
    if document is not None:
        return Outcome(host, document, None)
    return Outcome(host, None, explain_failure(done, limit_s))


def ssh_command(host: Host, arguments: Sequence[str], ssh: Sequence[str], marker: str) -> List[str]:
    """Return the ssh command that runs the collector on a host, without forwarding and without asking."""
    command = [*ssh, "-T", "-a", "-x", "-o", "BatchMode=yes", "-o", "ConnectTimeout=%d" % CONNECT_TIMEOUT_S]
    if host.port is not None:
        command += ["-p", str(host.port)]
    if host.user is not None:
        command += ["-l", host.user]
    words = " ".join(shlex.quote(word) for word in ["-", "--marker", marker, *arguments])
    script = "for p in %s; do command -v $p >/dev/null 2>&1 && exec $p %s; done; echo %s >&2; exit %d" % (
        " ".join(_PYTHONS),
        words,
        shlex.quote(_NO_PYTHON),
        _NO_PYTHON_STATUS,
    )
    # A login shell of any kind understands this much.
    return [*command, "--", host.name, "exec sh -c %s" % shlex.quote(script)]


def find_document(text: str, marker: str) -> Optional[Data]:
    """Return the document on the line after the marker's; what a login prints before or after is passed over."""
    _, found, rest = text.partition(marker + "\n")
    if not found:
        return None
    try:
        document = json.loads(rest.partition("\n")[0])
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


_SSH_FAILURES: Dict[str, Failure] = {
    r"permission denied|too many authentication failures": Failure(
        "authentication refused",
        "see that `ssh -o BatchMode=yes HOST true` works: a key, an agent, the user's name",
    ),
    r"host key verification failed|remote host identification has changed": Failure(
        "its host key is unknown or has changed", "connect once by hand with ssh, and check the key"
    ),
    r"could not resolve hostname|name or service not known": Failure("its name is unknown", "check the name"),
    r"connection refused": Failure("it refuses connections", "see that sshd runs there, and on which port"),
    r"timed out|no route to host|network is unreachable|host is down": Failure(
        "it does not answer", "see that it is up and can be reached from here"
    ),
    r"connection (closed|reset)": Failure("it closed the connection", "see sshd's log there"),
}


def explain_failure(done: Finished, limit_s: float) -> Failure:
    """Say in clear words why a host gave no document."""
    said = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    everything = "\n".join(said).lower()
    if done.timed_out or done.too_long:
        return Failure(done.complaint(limit_s), "raise the time limit" if done.timed_out else "see what it prints")
    if _NO_PYTHON in everything:
        return Failure(
            "it has no python3", "install Python 3.6 or newer there, or run the collector by other means"
        )
    if done.status == _SSH_FAILURE_STATUS:
        for pattern, failure in _SSH_FAILURES.items():
            if re.search(pattern, everything):
                return failure
    if done.status == 0:
        return Failure("it printed no snapshot", "see that its login shell runs commands: `ssh HOST echo yes`")
    last = said[-1] if said else "no word on standard error"
    return Failure("exit status %s: %s" % (done.status, last), "")


def _tell_nobody(_host: str, _state: str) -> None:
    """Progress that nobody watches."""
