"""The pages of a fleet and the documents behind them, against the answers of the commands."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html import escape, unescape
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from starlette.types import ASGIApp

from asgi import Answer, File, Sent, get, post
from fleets import documents, fleet_rows, ingest
from schemas import check_document
from snapshots import domain_capabilities
from vcpuid.answers.guest import DIALECTS
from vcpuid.answers.look_up import look_up_for_map
from vcpuid.cli import run
from vcpuid.errors import install_command
from vcpuid.fleet.configuration import EvidenceLayer
from vcpuid.fleet.fleet import Fleet
from vcpuid.fleet.record import HostRow
from vcpuid.fleet.store import Store
from vcpuid.fleet.summary import Summary, summarise
from vcpuid.web.app import make_app
from vcpuid.web.fleet_view import FleetView
from vcpuid.web.guard import LOOPBACK_HOSTS
from vcpuid.web.pages import VIEWS

BEFORE, NOW = "2026-01-02", "2026-02-03"
ROWS = fleet_rows()
UMIP = look_up_for_map("umip")
ONE, OTHER = ROWS[3].host, ROWS[99].host
FLEET_VIEWS = [view for view in VIEWS if isinstance(view, FleetView)]
ASKED = [view for view in FLEET_VIEWS if not view.needs and not view.is_posted]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Give a fleet that lost UMIP in places, got a newer kernel, a new host, and has one host less."""
    store = Store(tmp_path_factory.mktemp("fleet") / "store")
    ingest(store, ROWS[:-1], BEFORE)
    changed = fleet_rows(seed=1)
    moved = [
        row._replace(kernel="6.12.0", configuration=other.configuration)
        for row, other in zip(ROWS[1:], changed, strict=False)
    ]
    ingest(store, moved, NOW)
    return store


@pytest.fixture(scope="module")
def app(store: Store) -> ASGIApp:
    return make_app(LOOPBACK_HOSTS, store=store)


@pytest.fixture
def command(store: Store, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a command on the store, and give its document."""

    def ask(*arguments: str) -> object:
        run(["fleet", *arguments, "--store", str(store.folder), "--format", "json"])
        return json.loads(capsys.readouterr().out)

    return ask


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("/fleet", ["summary"]),
        (f"/fleet?at={BEFORE}", ["summary", "--at", BEFORE]),
        ("/fleet?at=", ["summary"]),
        ("/fleet/matrix", ["matrix"]),
        (f"/fleet/matrix?at={BEFORE}", ["matrix", "--at", BEFORE]),
        (
            f"/fleet/pair?first={ONE}&second={ROWS[99].host}",
            ["matrix", "--pair", ROWS[3].host, ROWS[99].host],
        ),
        ("/fleet/baseline", ["baseline"]),
        ("/fleet/baseline?by=zone", ["baseline", "--by", "zone"]),
        (f"/fleet/baseline?by=rack&at={BEFORE}", ["baseline", "--by", "rack", "--at", BEFORE]),
        ("/fleet/baseline?by=vendor", ["baseline", "--by", "vendor"]),
        ("/fleet/drift", ["drift", BEFORE, NOW]),
        (f"/fleet/drift?before={NOW}&at={BEFORE}", ["drift", NOW, BEFORE]),
        ("/fleet/missing?feature=umip", ["missing", "umip"]),
        (f"/fleet/missing?feature=7.0.ecx.2&at={BEFORE}", ["missing", "7.0.ecx.2", "--at", BEFORE]),
        ("/fleet/missing?feature=aes&layer=host-model", ["missing", "aes", "--layer", "host-model"]),
        ("/fleet/missing?feature=stibp&vendor=amd", ["missing", "stibp", "--vendor", "amd"]),
        ("/fleet/which-hosts?model=Snowridge", ["which-hosts", "Snowridge"]),
    ],
)
def test_a_document_is_that_of_the_command(
    app: ASGIApp, command: Callable[..., Any], target: str, arguments: list[str]
) -> None:
    answer = get(app, f"/api/v1{target}")
    assert answer.status == 200, answer.text
    check_document("compare" if "--pair" in arguments else f"fleet-{arguments[0]}", answer.document)
    assert answer.document == command(*arguments)
    page = get(app, target)
    assert page.status == 200
    assert "style=" not in page.text


def test_the_summary_counts_and_leads_to_other_snapshots_and_questions(app: ASGIApp) -> None:
    page = get(app, f"/fleet?at={BEFORE}").text
    document = get(app, f"/api/v1/fleet?at={BEFORE}").document
    assert f"{document['hosts']} hosts, {document['configurations']} distinct configurations" in page
    for counts in document["counts"].values():
        for one in counts[:10]:
            if one["value"]:
                assert f">{one['value']}<" in page
    assert f'<a href="/fleet?at={NOW}">{NOW}</a>' in page
    assert f'<a href="/fleet?at={BEFORE}" aria-current="page">' in page
    assert f'href="/fleet/baseline?by=rack&amp;at={BEFORE}"' in page
    assert f'href="/api/v1/fleet?at={BEFORE}"' in page


def links_of(page: Answer) -> list[dict[str, str]]:
    """Give what the links to pairs ask for."""
    targets = [unescape(target) for target in re.findall(r'href="(/fleet/pair\?[^"]*)"', page.text)]
    return [dict(parse_qsl(urlsplit(target).query)) for target in targets]


def test_each_cell_of_a_small_matrix_leads_to_its_pair(app: ASGIApp) -> None:
    document = get(app, "/api/v1/fleet/matrix").document
    page = get(app, f"/fleet/matrix?at={NOW}")
    hosts = [kind["host"] for kind in document["configurations"]]
    pairs = [(one, other) for one in hosts for other in hosts if one != other]
    assert len(hosts) <= 12
    asked = Counter((link["first"], link["second"]) for link in links_of(page))
    assert asked == dict.fromkeys(pairs, 2)  # in the picture, and in the table for who has no mouse
    assert all(link["at"] == NOW for link in links_of(page))
    words = {"c": "yes", "u": "maybe", "i": "no"}
    for one, row in zip(hosts, document["rows"], strict=True):
        for other, letter in zip(hosts, row, strict=True):
            assert one == other or f'aria-label="{one} to {other}: {words[letter]}"' in page.text
    pair = get(app, f"/fleet/pair?{urlencode(links_of(page)[0])}")
    assert pair.status == 200
    assert f"<h1>{hosts[0]} and {hosts[1]}</h1>" in pair.text


def many_configurations(count: int) -> list[HostRow]:
    """Give hosts of which each lacks other features."""
    random = Random(0)  # noqa: S311 - a fleet that can be made again
    found: dict[int, HostRow] = {}
    while len(found) < count:
        row = random.choice(ROWS)
        kvm = dict(row.configuration.layers[EvidenceLayer.KVM])
        for word in random.sample(sorted(kvm, key=str), 3):
            kvm[word] &= ~(1 << random.randrange(32))
        layers = {**row.configuration.layers, EvidenceLayer.KVM: kvm}
        other = replace(row.configuration, layers=layers)
        new = row._replace(host=f"h{len(found):04}", configuration=other)
        found.setdefault(other.fingerprint, new)
    return list(found.values())


def test_a_large_matrix_is_shown_by_models_and_its_page_stays_small(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    ingest(store, many_configurations(300))
    app = make_app(LOOPBACK_HOSTS, store=store)
    page = get(app, "/fleet/matrix")
    assert len(page.body) < 200_000
    assert "And 260 more configurations; the JSON document has all." in page.text
    document = get(app, "/api/v1/fleet/matrix").document
    check_document("fleet-matrix", document)
    hosts = {kind["host"] for kind in document["configurations"]}
    links = links_of(page)
    models = len(document["models"])
    assert models <= len(links) <= models**2
    assert all({link["first"], link["second"]} <= hosts and link["first"] != link["second"] for link in links)


def test_two_hosts_are_asked_for_by_a_form(app: ASGIApp) -> None:
    page = get(app, f"/fleet/pair?at={BEFORE}")
    assert page.status == 200
    assert "<h1>Two hosts of the fleet</h1>" in page.text
    assert f"<option selected>{BEFORE}</option>" in page.text
    assert 'role="alert"' not in page.text


def test_a_baseline_is_there_to_copy_in_every_dialect(app: ASGIApp) -> None:
    document = get(app, "/api/v1/fleet/baseline?by=zone").document
    page = get(app, "/fleet/baseline?by=zone").text
    assert len(document["places"]) > 1
    for place in document["places"]:
        assert f"<h2>{place['place']} " in page
        assert {own["to"] for own in place["definitions"]} == DIALECTS.keys() - {"libvirt"}
        assert all(f">{escape(own['text'])}</pre>" in page for own in place["definitions"])
    model = document["places"][0]["baseline"]["cpu"]["model"]
    for text in (
        f"&gt;{model}&lt;/model&gt;",
        f"-cpu {model}",
        f"cpu_models = {model}",
        "QEMU&#39;s command line",
    ):
        assert text in page
    assert '<option value="rack">each rack</option>' in page


def test_a_drift_tells_who_lost_what(app: ASGIApp) -> None:
    document = get(app, "/api/v1/fleet/drift").document
    page = get(app, "/fleet/drift").text
    assert document["losing"]
    assert f"{document['losing']} hosts lost a feature" in page
    assert "<code>6.12.0</code>" in page
    assert f"1 host: {ROWS[0].host}" in page
    lost = {name for change in document["changes"] for layer in change["layers"] for name in layer["lost"]}
    assert lost
    assert all(f"<code>{name}</code>" in page for name in lost)


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("/fleet?at=2020-01-01", 404, "no snapshot of this date"),
        ("/fleet?at=../../etc", 404, "no snapshot of this date"),
        ("/fleet?at=a&at=b", 400, "more than one"),
        ("/fleet?store=/etc", 400, "the form has no such field"),
        ("/fleet/drift?before=2020-01-01", 404, "no snapshot of this date"),
        ("/fleet/matrix?at=now", 404, "no snapshot of this date"),
        ("/fleet/baseline?by=nothing", 404, f"no host of the fleet of {NOW} has such a label"),
        ("/fleet/missing?feature=sqx", 404, "no feature of this name in any dialect"),
        ("/fleet/missing?feature=PPIN", 400, "this name means different bits"),
        ("/fleet/missing?feature=umip&layer=bios", 400, "no such choice"),
        ("/fleet/which-hosts?model=/etc/passwd", 404, "no model of libvirt"),
        (f"/fleet/pair?first={ONE}", 400, "two hosts are compared"),
        (f"/fleet/pair?first={ONE}&second=nobody", 404, "no host of this name in the fleet"),
        (f"/fleet/pair?first={ONE}&second=%27%20OR%201=1", 404, "no host of this name in the fleet"),
    ],
)
def test_what_has_no_answer_is_told(app: ASGIApp, target: str, status: int, message: str) -> None:
    answer = get(app, f"/api/v1{target}")
    assert (answer.status, answer.document["message"]) == (status, message)
    check_document("error", answer.document)
    page = get(app, target)
    assert page.status == status
    assert f"<strong>{message}</strong>" in page.text
    assert BEFORE in page.text  # what there is can be chosen


def test_of_the_first_snapshot_a_page_says_that_there_is_no_earlier_one(app: ASGIApp) -> None:
    answer = get(app, f"/api/v1/fleet/drift?at={BEFORE}")
    assert (answer.status, answer.document["message"]) == (404, "no earlier snapshot of the fleet")
    check_document("error", answer.document)
    page = get(app, f"/fleet/drift?at={BEFORE}")
    assert page.status == 200  # every page of this snapshot leads here
    assert "<strong>no earlier snapshot of the fleet</strong>" in page.text
    assert f"<option>{NOW}</option>" in page.text


def test_many_places_are_refused_for_a_page(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    ingest(store, [row.labelled({"unit": row.host}) for row in ROWS])
    answer = get(make_app(LOOPBACK_HOSTS, store=store), "/fleet/baseline?by=unit")
    assert answer.status == 404
    assert "too many places for a page" in answer.text
    assert "vcpuid fleet baseline --by" in answer.text


@pytest.mark.parametrize("view", [view for view in FLEET_VIEWS if view.needs], ids=lambda view: view.path)
def test_a_question_with_a_need_is_a_form_first_and_for_programs_an_error(app: ASGIApp, view: FleetView) -> None:
    page = get(app, view.path)
    assert page.status == 200
    assert f'action="{view.path}"' in page.text
    assert 'role="alert"' not in page.text
    assert get(app, f"/api/v1{view.path}").status == 400


def test_who_lacks_a_feature_is_named(app: ASGIApp) -> None:
    document = get(app, "/api/v1/fleet/missing?feature=umip").document
    page = get(app, "/fleet/missing?feature=umip").text
    assert document["lacks"]
    assert all(f"<li>{host}</li>" in page for host in document["lacks"][:200])
    assert f"{len(document['lacks'])} lack it" in page


def test_a_long_list_of_hosts_is_cut_and_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    lacking = next(row for row in ROWS if not row.configuration.tells(UMIP.bits, (EvidenceLayer.KVM,)))
    ingest(store, [lacking._replace(host=f"h{number}") for number in range(230)])
    page = get(make_app(LOOPBACK_HOSTS, store=store), "/fleet/missing?feature=umip").text
    assert page.count("<li>h") == 200
    assert "And 30 more hosts; the JSON document has all." in page


def test_what_keeps_a_model_from_hosts_is_told(app: ASGIApp) -> None:
    document = get(app, "/api/v1/fleet/which-hosts?model=Icelake-Server").document
    page = get(app, "/fleet/which-hosts?model=Icelake-Server").text
    assert document["obstacles"]
    for obstacle in document["obstacles"][:24]:
        assert f"<code>{obstacle['what']}</code></a></th><td>{obstacle['hosts']}</td>" in page


def snapshot_of(number: int) -> File:
    return "canary.json", documents()[number]


@pytest.mark.parametrize("number", [0, 150])
def test_a_precheck_is_that_of_the_command(
    app: ASGIApp, command: Callable[..., Any], tmp_path: Path, number: int
) -> None:
    (tmp_path / "canary.json").write_bytes(documents()[number])
    answer = post(app, "/api/v1/fleet/precheck", ("target", snapshot_of(number)), ("at", BEFORE))
    assert answer.status == 200, answer.text
    check_document("fleet-precheck", answer.document)
    told = command("precheck", "--target", str(tmp_path / "canary.json"), "--at", BEFORE)
    assert answer.document == told
    page = post(app, "/fleet/precheck", ("target", snapshot_of(number)), ("at", BEFORE))
    assert page.status == 200
    troubles = answer.document["troubles"]
    assert troubles
    for move in ("start", "migrate", "come back"):
        cannot, may = (
            sum(one["guests"] for one in troubles if (one["move"], one["compatibility"]) == (move, state))
            for state in ("incompatible", "unknown")
        )
        assert f"<td>{cannot}</td><td>{may}</td>" in page.text
    for one in troubles[:12]:
        assert one["example"] in page.text
        assert all(f"<code>{name}</code>" in page.text for name in one["features"][:48])


def test_a_precheck_takes_domain_capabilities_that_were_pasted(app: ASGIApp) -> None:
    xml = domain_capabilities("<model>EPYC</model><vendor>AMD</vendor>")["xml"]
    document = post(app, "/api/v1/fleet/precheck", ("text", xml)).document
    check_document("fleet-precheck", document)
    assert (document["target"]["basis"], document["compatibility"]) == ("host-model", "incompatible")
    assert "the CPU is from Intel, there from AMD" in post(app, "/fleet/precheck", ("text", xml)).text


def test_a_fleet_without_guests_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    ingest(store, [row._replace(guests=()) for row in ROWS[:5]])
    page = post(make_app(LOOPBACK_HOSTS, store=store), "/fleet/precheck", ("target", snapshot_of(0)))
    assert page.status == 200
    assert "has no guest that the store knows of" in page.text


HASWELL = "<cpu mode='custom'><model>Haswell</model></cpu>"


@pytest.mark.parametrize(
    ("parts", "status", "message"),
    [
        ([], 400, "no upgraded host"),
        ([("text", HASWELL)], 400, "this is a guest's definition"),
        ([("text", "<cpu/><cpu/>")], 400, "several CPUs in one file"),
        ([("target", ("a", b"\0"))], 400, None),
        ([("target", ("a", b'{"schema": "vcpuid-snapshot/9"}'))], 400, None),
        ([("text", "<cpu><arch>x86_64</arch><model>Nonesuch</model></cpu>")], 400, None),
        ([("target", ("a", documents()[0])), ("at", "2020-01-01")], 404, "no snapshot of this date"),
        ([("target", ("a", documents()[0])), ("path", "/etc/passwd")], 400, "the form has no such field"),
    ],
)
def test_what_cannot_be_prechecked_is_told(
    app: ASGIApp, parts: list[Sent], status: int, message: str | None
) -> None:
    answer = post(app, "/api/v1/fleet/precheck", *parts)
    assert answer.status == status, answer.text
    assert message in (None, answer.document["message"])
    check_document("error", answer.document)
    page = post(app, "/fleet/precheck", *parts)
    assert page.status == status
    assert 'role="alert"' in page.text


def test_a_precheck_of_a_damaged_store_is_the_stores_fault(store: Store, tmp_path: Path) -> None:
    shutil.copytree(store.folder, tmp_path / "store")
    damaged = make_app(LOOPBACK_HOSTS, store=Store(tmp_path / "store"))
    lose_files(tmp_path / "store")
    assert post(damaged, "/fleet/precheck", ("target", snapshot_of(0))).status == 503
    assert post(damaged, "/api/v1/fleet/precheck", ("target", snapshot_of(0))).status == 503


def test_a_question_is_answered_apart_from_the_server(app: ASGIApp, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    counted = summarise

    def watch(fleet: Fleet) -> Summary:
        threads.append(threading.current_thread().name)
        return counted(fleet)

    monkeypatch.setattr("vcpuid.web.pages.fleet_summary.summarise", watch)
    assert get(app, "/fleet").status == get(app, "/api/v1/fleet").status == 200
    assert [name.partition("_")[0] for name in threads] == ["fleet", "fleet"]


@pytest.mark.parametrize("view", FLEET_VIEWS, ids=lambda view: view.path)
def test_without_a_store_a_page_says_how_to_get_one(view: FleetView) -> None:
    bare = make_app(LOOPBACK_HOSTS)
    page = get(bare, view.path)
    assert page.status == 200
    assert "vcpuid serve --store fleet" in page.text
    assert f"<code>{install_command('fleet')}</code>" in unescape(page.text)
    assert "<form class" not in page.text
    method = "POST" if view.is_posted else "GET"
    answer = get(bare, f"/api/v1{view.path}", method=method)
    assert (answer.status, answer.document["message"]) == (503, "this explorer has no fleet store")
    assert "vcpuid fleet ingest" in answer.document["next_step"]


def damage_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"schema": "vcpuid-fleet/1", "snapshots": 3}')


def lose_everything(folder: Path) -> None:
    shutil.rmtree(folder)


def lose_files(folder: Path) -> None:
    for file in folder.glob("*.parquet"):
        file.unlink()


def damage_files(folder: Path) -> None:
    for file in folder.glob("*.parquet"):
        file.write_bytes(b"PAR1 oh PAR1")


@pytest.mark.parametrize("damage", [damage_manifest, lose_everything, lose_files, damage_files])
@pytest.mark.parametrize("view", ASKED, ids=lambda view: view.path)
def test_a_damaged_store_is_told(
    store: Store, tmp_path: Path, damage: Callable[[Path], None], view: FleetView
) -> None:
    shutil.copytree(store.folder, tmp_path / "store")
    damaged = make_app(LOOPBACK_HOSTS, store=Store(tmp_path / "store"))
    damage(tmp_path / "store")
    answer = get(damaged, f"/api/v1{view.path}")
    assert answer.status == 503
    check_document("error", answer.document)
    page = get(damaged, view.path)
    assert page.status == 503
    assert 'role="alert"' in page.text


def test_an_ingest_counts_from_the_next_request_on(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    ingest(store, ROWS[:50], BEFORE)
    app = make_app(LOOPBACK_HOSTS, store=store)
    assert get(app, "/api/v1/fleet").document["hosts"] == 50
    ingest(store, ROWS, BEFORE)
    assert get(app, "/api/v1/fleet").document["hosts"] == 200
    ingest(store, ROWS[:10], NOW)
    document = get(app, "/api/v1/fleet").document
    assert (document["date"], document["hosts"], document["dates"]) == (NOW, 10, [BEFORE, NOW])


def test_a_question_is_asked_again_where_an_ingest_takes_its_files_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    ingest(store, ROWS[:100], BEFORE)
    app = make_app(LOOPBACK_HOSTS, store=store)
    opened = Store.fleet
    replaced: list[int] = []

    def replace_once(self: Store, *arguments: Any) -> Any:  # noqa: ANN401 - passes them on
        fleet = opened(self, *arguments)
        if not replaced:
            replaced.append(1)
            newer = [row._replace(taken_at="2027-01-01T00:00:00Z", kernel="7.0") for row in ROWS[:90]]
            ingest(store, newer, BEFORE)
            ingest(store, ROWS[100:101], NOW)  # the next ingest clears away what counts no more
        return fleet

    monkeypatch.setattr(Store, "fleet", replace_once)
    answer = get(app, f"/api/v1/fleet?at={BEFORE}")
    assert answer.status == 200, answer.text
    assert {one["value"]: one["hosts"] for one in answer.document["counts"]["kernel"]}["7.0"] == 90


def test_names_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    evil = "<script>alert(1)</script>"
    ingest(store, [row._replace(host=f"{evil}{n}", kernel=evil) for n, row in enumerate(ROWS[:9])], BEFORE)
    ingest(store, [row._replace(host=f"{evil}{n}", zone=evil) for n, row in enumerate(ROWS[60:65])], NOW)
    app = make_app(LOOPBACK_HOSTS, store=store)
    for target in ("/fleet", f"/fleet?at={BEFORE}", "/fleet/baseline?by=zone", "/fleet/drift", "/fleet/matrix"):
        page = get(app, target)
        assert page.status == 200
        assert "<script>" not in page.text
        assert "alert(1)" in page.text or target == "/fleet"
