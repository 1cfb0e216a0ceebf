"""The benchmark of the explorer measures right answers, and tells wrong ones."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from benchmarks.aims import Aims
from benchmarks.web import (
    EXAMPLES,
    GROWTH_AIM,
    Load,
    Request,
    Server,
    bit_targets,
    form,
    leaf_targets,
    measure,
    percentile,
    processor_ms,
    put_load,
    report_load,
    requests_of_load,
    rss_kib,
    searches,
    serving,
)

from asgi import MULTIPART, get, multipart
from vcpuid.web.app import make_app
from vcpuid.web.guard import LOOPBACK_HOSTS

APP = make_app(LOOPBACK_HOSTS)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_a_load_is_answered_without_an_error(server: Server) -> None:
    load = asyncio.run(put_load(server, clients=4, seconds=2))
    assert not load.errors
    assert set(load.times_ms) == {"page", "document", "form"}
    assert all(size > 0 for size in load.rss_kib)


def test_what_is_wrong_is_counted_and_misses_the_aim(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.web.requests_of_load", lambda: [Request("page", "/nothing")])
    load = asyncio.run(put_load(server, clients=1, seconds=0.5))
    assert load.errors["/nothing: 404"] == len(load.times_ms["page"]) > 0
    aims = Aims()
    report_load(aims, load, 1)
    assert aims.status == 1


def test_a_target_is_measured_with_the_size_of_its_page(server: Server) -> None:
    [measured] = measure(server, ["/cpuid/7/0"], 1)
    assert measured.size_bytes == len(get(APP, "/cpuid/7/0").body)
    assert measured.server_ms > 0


def test_the_targets_are_pages() -> None:
    for target in (*leaf_targets()[::20], *bit_targets()[::50], *(f"/search?q={text}" for text in ("sgx", "7"))):
        assert get(APP, target).status == 200, target
    assert {"sgx", "avx2"} <= set(searches())


def test_the_forms_are_answered() -> None:
    forms = {(request.target, request.body): request for request in requests_of_load() if request.kind == "form"}
    assert len(forms) == 8
    for request in forms.values():
        assert b"Content-Length" in request.render("127.0.0.1:1")
        headers = {"content-type": MULTIPART}
        answer = get(APP, request.target, method="POST", body=request.body, **headers)  # type: ignore[arg-type]
        assert answer.status == 200, request.target


def test_a_form_is_that_of_a_browser() -> None:
    snapshot = EXAMPLES / "h07.json"
    assert form(feature="sgx", host=snapshot) == multipart(
        ("feature", "sgx"), ("host", ("h07.json", snapshot.read_bytes()))
    )


def test_percentiles_and_growth() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, percent) for percent in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([5.0], 99) == 5
    assert Load(rss_kib=[50, 80, *[100] * 30, *[104] * 8]).growth < GROWTH_AIM
    assert Load(rss_kib=[100 + 2 * second for second in range(50)]).growth > GROWTH_AIM


def test_a_process_has_memory_and_has_had_time() -> None:
    assert rss_kib(os.getpid()) > 1000
    assert processor_ms(os.getpid()) > 1
