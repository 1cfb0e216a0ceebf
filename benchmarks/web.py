"""How soon the explorer answers, how large its pages are, and what many clients at once do to it.

    python -m benchmarks.web [--seconds 60] [--clients 50] [--rounds 5]

A real `vcpuid serve` on loopback, and a client of the standard library in this process. First the time from the
start of the server to the last byte of the first page. Then every leaf's pages, each a few times, and a search for
every feature and for parts, words and misses, one request after another. Judged is the processor time that the
server takes, HTTP and all, which other work on the machine changes little; what the client waits stands beside it.
Then so many clients at once, without a pause, over pages, documents and forms with a snapshot, a dump and texts;
meanwhile the server's memory is looked at.

Memory is flat where its median of the last fifth of the time is less than 5 % above that of the second fifth: the
first fifth fills caches and the allocator's arenas.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from benchmarks.aims import Aims

from vcpuid.answers.leaf import explain_leaf, list_leaves
from vcpuid.atlas import Atlas

EXAMPLES = Path(__file__).parents[1] / "docs/examples"
DUMP = Path(__file__).parents[1] / "tests/dumps/samples/cpuid.txt"
START_AIM_S, PAGE_AIM_MS, SEARCH_AIM_MS, PAGE_AIM_BYTES, GROWTH_AIM = 1.0, 20.0, 10.0, 100_000, 0.05
_BOUNDARY = "the boundary"
_WORDS = ("avx512", "topology", "cache", "0x12.1.eax=0x36", "7.0.ebx=0x29c6fbf", "MSR 0x10a", "sqxlc", "zzzz", "7")
_OK = 200


class Server(NamedTuple):
    """A server that runs."""

    address: str
    pid: int


@contextmanager
def serving() -> Iterator[Server]:
    """Serve, and end it."""
    command = [sys.executable, "-m", "vcpuid", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield Server(urlsplit(process.stdout.readline().split()[4]).netloc, process.pid)
        finally:
            process.terminate()


@dataclass(slots=True)
class Request:
    """What a client asks: its kind, and the bytes of HTTP."""

    kind: str
    target: str
    body: bytes = b""

    def render(self, address: str) -> bytes:
        """Give it as HTTP."""
        head = f"{'POST' if self.body else 'GET'} {self.target} HTTP/1.1\r\nHost: {address}\r\n"
        if self.body:
            head += f"Content-Type: multipart/form-data; boundary={_BOUNDARY!r}\r\n".replace("'", '"')
            head += f"Content-Length: {len(self.body)}\r\n"
        return f"{head}\r\n".encode() + self.body


@dataclass(slots=True)
class Load:
    """What became of a load.

    Attributes:
        seconds: How long it took.
        server_ms: The processor time that the server had.
        times_ms: How long each request of a kind took.
        errors: What went wrong, and how often.
        rss_kib: The server's memory, at equal distances.
    """

    seconds: float = 0.0
    server_ms: float = 0.0
    times_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)
    rss_kib: list[int] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """By which part of it the memory has grown from the second fifth of the time to the last."""
        fifth = max(1, len(self.rss_kib) // 5)
        before, after = (
            statistics.median(part) for part in (self.rss_kib[fifth : 2 * fifth], self.rss_kib[-fifth:])
        )
        return after / before - 1


def form(**parts: str | Path) -> bytes:
    """Give a form as browsers send it: texts, and files."""
    body = b""
    for name, part in parts.items():
        file, content = (
            (f'; filename="{part.name}"', part.read_bytes()) if isinstance(part, Path) else ("", part.encode())
        )
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return body + f"--{_BOUNDARY}--\r\n".encode()


def requests_of_load(seed: int = 0) -> list[Request]:
    """Give a mix: of twenty requests about twelve pages, five documents and three forms."""
    random = Random(seed)  # noqa: S311 - a load that can be made again, and no secret
    snapshot, other = EXAMPLES / "h07.json", EXAMPLES / "h10.json"
    pages = [Request("page", target) for target in ("/", "/cpuid", *leaf_targets(), *bit_targets())]
    pages += [Request("page", f"/search?q={quote(text)}") for text in searches()]
    documents = [Request("document", f"/api/v1/search?q={quote(text)}") for text in searches()]
    documents += [Request("document", f"/api/v1/leaves/{summary.leaf:x}") for summary in list_leaves()]
    forms = [
        Request("form", "/host", form(host=snapshot)),
        Request("form", "/host", form(host=DUMP)),
        Request("form", "/api/v1/host", form(host=other)),
        Request("form", "/why", form(feature="sgx, avx2", host=snapshot, domain="web-1")),
        Request("form", "/compare", form(first=snapshot, second=other)),
        Request("form", "/lint", form(file=EXAMPLES / "nova.conf", host=snapshot)),
        Request("form", "/api/v1/lint", form(text="Haswell,+sgx1,-avx2,avx2=on")),
        Request("form", "/diagnose", form(text="unsupported configuration: CPU feature 'sgx' not found")),
    ]
    kinds = random.choices((pages, documents, forms), weights=(12, 5, 3), k=2000)
    return [random.choice(kind) for kind in kinds]


def leaf_targets() -> list[str]:
    """Give the page of every leaf, and of its other subleaves."""
    return [
        f"/cpuid/{summary.leaf:x}/{first}"
        for summary in list_leaves()
        for first, _ in explain_leaf(summary.leaf).subleaves
    ]


def bit_targets() -> list[str]:
    """Give the page of every feature's first bit."""
    bits = {feature.bits[0] for feature in Atlas.load().features() if feature.bits}
    places = (one.plain.split(".") for one in sorted(bits, key=str) if not one.plain.startswith("msr"))
    return [f"/cpuid/{leaf}/{subleaf}/{register}/{bit}" for leaf, subleaf, register, bit in places]


def searches() -> list[str]:
    """Give texts that people search for: every feature, parts of names, words, addresses, values and misses."""
    names = [feature.name for feature in Atlas.load().features()]
    return [*names, *(name[:3] for name in names[::10]), *_WORDS]


def measure_start(rounds: int) -> list[tuple[float, float]]:
    """Give the seconds from a cold start to the first page, and of processor time; the caches are filled."""
    times_s = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        with serving() as server:
            with closing(HTTPConnection(server.address, timeout=30)) as connection:
                _get(connection, "/")
            times_s.append((time.perf_counter() - begin, processor_ms(server.pid) / 1000))
    return times_s[1:]


class Measured(NamedTuple):
    """A target: medians of the server's processor time and of the client's wait, and the bytes of its answer."""

    target: str
    server_ms: float
    client_ms: float
    size_bytes: int


def measure(server: Server, targets: Iterable[str], rounds: int) -> list[Measured]:
    """Ask for targets, one after another, some times each, after one round that fills the caches."""
    result = []
    targets = list(targets)
    with closing(HTTPConnection(server.address, timeout=30)) as connection:
        for target in targets:
            _get(connection, target)
        for target in targets:
            server_ms, client_ms, body = [], [], b""
            for _ in range(rounds):
                used, begin = processor_ms(server.pid), time.perf_counter()
                body = _get(connection, target)
                client_ms.append(1000 * (time.perf_counter() - begin))
                server_ms.append(processor_ms(server.pid) - used)
            times = statistics.median(server_ms), statistics.median(client_ms)
            result.append(Measured(target, *times, len(body)))
    return result


def _get(connection: HTTPConnection, target: str) -> bytes:
    connection.request("GET", target)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != _OK:
        sys.exit(f"{target}: {answer.status}: {body[:200]!r}")
    return body


async def put_load(server: Server, clients: int, seconds: float) -> Load:
    """Let so many clients ask without a pause."""
    load = Load()
    requests = [(request, request.render(server.address)) for request in requests_of_load()]
    used, begin = processor_ms(server.pid), time.perf_counter()
    watch = asyncio.create_task(_watch(server.pid, load, seconds))
    starts = range(0, len(requests), max(1, len(requests) // clients))
    mixes = (
        cycle(requests[start:] + requests[:start]) for _, start in zip(range(clients), cycle(starts), strict=False)
    )
    await asyncio.gather(*(_ask(server, mix, begin + seconds, load) for mix in mixes))
    load.seconds, load.server_ms = time.perf_counter() - begin, processor_ms(server.pid) - used
    await watch
    return load


async def _watch(pid: int, load: Load, seconds: float) -> None:
    for _ in range(50):
        load.rss_kib.append(rss_kib(pid))
        await asyncio.sleep(seconds / 50)


def processor_ms(pid: int) -> float:
    """Give the processor time that all threads of a process have had."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text(encoding="ascii").split()[0]) for task in tasks) / 1e6


def rss_kib(pid: int) -> int:
    """Give the memory of a process that is in use."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


async def _ask(server: Server, mix: Iterator[tuple[Request, bytes]], until: float, load: Load) -> None:
    host, _, port = server.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for request, sent in mix:
        if time.perf_counter() >= until:
            break
        begin = time.perf_counter()
        try:
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
        except (OSError, EOFError, ValueError) as error:
            load.errors[f"{request.target}: {type(error).__name__}"] += 1
            writer.close()
            reader, writer = await asyncio.open_connection(host, int(port))
            continue
        status = int(head.split(b" ", 2)[1])
        if status != _OK:
            load.errors[f"{request.target}: {status}"] += 1
        load.times_ms[request.kind].append(1000 * (time.perf_counter() - begin))
    writer.close()


def percentile(values: Sequence[float], percent: int) -> float:
    """Give the smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def report_times(aims: Aims, what: str, measured: Sequence[Measured], aim_ms: float) -> None:
    """Print the times of targets."""
    times, waits = [one.server_ms for one in measured], [one.client_ms for one in measured]
    worst = percentile(times, 99)
    found = f"{statistics.median(times):.1f} and {worst:.1f} ms"
    aims.judge(f"{what}, {len(measured)}: median and p99", found, f"< {aim_ms:g} ms", is_met=worst < aim_ms)
    slowest = max(measured, key=lambda one: one.server_ms)
    print(f"    the slowest: {slowest.target}, {slowest.server_ms:.1f} ms")
    print(f"    the client waits {statistics.median(waits):.1f} and {percentile(waits, 99):.1f} ms")


def report_load(aims: Aims, load: Load, clients: int) -> None:
    """Print what became of a load."""
    count = sum(len(times) for times in load.times_ms.values())
    errors = sum(load.errors.values())
    aims.judge(
        f"{clients} clients for {load.seconds:.0f} s: errors", f"{errors} of {count}", "none", is_met=errors == 0
    )
    for error, times in load.errors.most_common(5):
        print(f"    {times} times {error}")
    print(f"    {count / load.seconds:.0f} requests/s, each of {load.server_ms / count:.1f} ms of processor time")
    for kind, times_ms in sorted(load.times_ms.items()):
        p50, p99 = percentile(times_ms, 50), percentile(times_ms, 99)
        print(f"    {len(times_ms):>6} of kind {kind:<10} p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    start, middle, end = (load.rss_kib[place] / 1024 for place in (0, len(load.rss_kib) // 2, -1))
    memory = f"{start:.0f}, {middle:.0f}, {end:.0f} MiB"
    print(f"    memory at the start, in the middle and at the end: {memory}")
    found, aim = f"{100 * load.growth:+.1f} %", f"< {100 * GROWTH_AIM:g} %"
    aims.judge("memory: the last fifth to the second", found, aim, is_met=load.growth < GROWTH_AIM)


def main() -> int:
    """Print the figures; the status is 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description="The explorer's times, sizes, and what it bears.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode, too
    aims = Aims()
    start_s, processor_s = map(statistics.median, zip(*measure_start(options.rounds), strict=True))
    aims.judge(
        "cold start to the first page", f"{start_s:.2f} s", f"< {START_AIM_S:g} s", is_met=start_s < START_AIM_S
    )
    print(f"    of which the server had a processor for {processor_s:.2f} s")
    with serving() as server:
        leaves = measure(server, leaf_targets(), options.rounds)
        largest = max(leaves, key=lambda one: one.size_bytes)
        size, is_met = f"{largest.size_bytes} bytes", largest.size_bytes < PAGE_AIM_BYTES
        aims.judge(f"the largest page: {largest.target}", size, f"< {PAGE_AIM_BYTES}", is_met=is_met)
        report_times(aims, "pages of leaves", leaves, PAGE_AIM_MS)
        for what, path in (("searches, documents", "/api/v1/search"), ("searches, pages", "/search")):
            asked = measure(server, [f"{path}?q={quote(text)}" for text in searches()], options.rounds)
            report_times(aims, what, asked, SEARCH_AIM_MS)
        report_load(aims, asyncio.run(put_load(server, options.clients, options.seconds)), options.clients)
    return aims.status


if __name__ == "__main__":
    sys.exit(main())
