"""`vcpuid report`: a host in one file, whatever tells of it; a file that is whole or not there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fleets import fleet_rows, ingest
from programs import run_without
from schemas import check_document
from snapshots import domain_xml, domains, failed, whole_host, write_snapshot
from vcpuid.cli import run
from vcpuid.fleet.engine import ENGINES, Row
from vcpuid.fleet.engine.duckdb import DuckDb
from vcpuid.fleet.record import HostRow
from vcpuid.fleet.report import MOST_PLACES
from vcpuid.fleet.store import Store
from vcpuid.snapshot import Snapshot

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs/examples"
H07 = EXAMPLES / "h07.json"
DUMPS = sorted((ROOT / "tests/dumps").glob("*.json")) + sorted((ROOT / "tests/dumps/samples").iterdir())
# An element that loads something, and the attribute that says what.
LOADING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "style"}


class Page(HTMLParser):
    """What a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.policy = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        self.ids += [values["id"] or ""] if "id" in values else []
        href = values.get("href")
        if href is not None and tag == "a":
            self.links.append(href)
        elif href is not None:
            self.loads.append(href)
        self.loads += [f"{name}={value}" for name, value in attrs if name in LOADING or name.startswith("on")]
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"] or ""


def report(*arguments: str, folder: Path) -> str:
    """Give the page that a command writes."""
    path = folder / "report.html"
    assert run(["report", *arguments, "-o", str(path)]) == 0
    return path.read_text(encoding="utf-8")


def document(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert run(["report", "--host", str(path), "--format", "json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    check_document("report", found)
    return found


def check_page(text: str) -> Page:
    """Fail unless a page stands alone, and each of its links leads to a place in it."""
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert page.links
    assert {link.removeprefix("#") for link in page.links} <= {*page.ids}, "a dead link"
    assert [load for load in page.loads if not load.startswith("data:image/svg+xml;base64,")] == []
    assert page.tags.isdisjoint({"script", "iframe", "object", "embed", "img", "form", "base"})
    assert re.search(r"url\((?!#)|@import", text) is None
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert page.policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")
    return page


@pytest.mark.parametrize("path", [*sorted(EXAMPLES.glob("h??.json")), *DUMPS], ids=lambda path: path.name)
def test_every_host_and_dump_has_a_page_that_stands_alone(path: Path, tmp_path: Path) -> None:
    check_page(report("--host", str(path), folder=tmp_path))


@pytest.mark.parametrize("path", [H07, EXAMPLES / "h10.json", DUMPS[0]], ids=lambda path: path.name)
def test_the_document_is_what_its_schema_says(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document(path, capsys)


def test_it_has_the_answers_of_the_other_commands(tmp_path: Path) -> None:
    text = report("--host", str(H07), folder=tmp_path)
    page = check_page(text)
    assert "asked for and not given: sgx" in text  # audit
    assert "check=&#39;none&#39;, and 1 feature is required" in text  # lint
    assert "it breaks at bios" in text  # sgx doctor
    assert '<span class="unseen">lost at </span>firmware</span>' in text  # the host's page
    assert '<span class="breaks">breaks here</span>' in text  # why
    assert "Intel; family 0x6, model 0x5e, stepping 3" in text  # decode
    assert '<div class="machine' in text  # its drawing
    assert "00000007 0x00: eax=0x00000000 ebx=0x029c6fbf" in text  # the registers
    assert "6.1.0-28-amd64" in text
    assert "#feature-sgx" in page.links


def test_of_a_dump_it_says_that_nothing_else_is_known(tmp_path: Path) -> None:
    text = report("--host", str(DUMPS[0]), folder=tmp_path)
    assert "It is a CPUID dump: nothing else is known of the host." in text
    assert "not looked at" in text


def test_an_empty_snapshot_has_a_report_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_snapshot(tmp_path / "empty.json", cpuid=failed("CPUID", "not permitted", "run as root"))
    text = report("--host", str(path), folder=tmp_path)
    check_page(text)
    assert "CPUID was not read." in text
    assert "CPUID: not permitted" in text
    assert document(path, capsys)["registers"] == []


def test_a_host_with_every_source_has_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_snapshot(tmp_path / "whole.json", **whole_host())
    check_page(report("--host", str(path), folder=tmp_path))
    document(path, capsys)


@pytest.mark.parametrize(
    ("anonymised", "told"),
    [(True, "replaced by tokens (--anonymise)"), (False, "as they are"), (None, "not told whether")],
)
def test_it_says_whether_names_are_those_of_the_host(anonymised: bool | None, told: str, tmp_path: Path) -> None:
    seen = json.loads(H07.read_text())
    seen["collector"]["anonymised"] = anonymised
    path = tmp_path / "seen.json"
    path.write_text(json.dumps(seen))
    text = report("--host", str(path), folder=tmp_path)
    assert f"<dt>names</dt><dd>{told}" in text
    assert (", names replaced by tokens" in text) is (anonymised is True)


HOSTILE = "<script>alert(1)</script>'\"&<img src=x onerror=alert(1)>"


def test_what_a_snapshot_says_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    xml = domain_xml("<cpu mode='custom'><model>Skylake</model><feature policy='require' name='sgx&lt;b>'/></cpu>")
    sources = whole_host()
    sources["domains"] = domains(inactive=xml, pid=4711)
    sources["domains"]["domains"][0]["name"] = HOSTILE
    sources["kernel"]["release"] = HOSTILE
    sources["kernel"]["vulnerabilities"] = {HOSTILE: HOSTILE}
    sources["qmp"] = failed(HOSTILE, HOSTILE, HOSTILE)
    path = write_snapshot(tmp_path / "hostile.json", **sources)
    path.write_text(path.read_text().replace('"h07"', json.dumps(HOSTILE)))
    text = report("--host", str(path), folder=tmp_path)
    check_page(text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "sgx&lt;b&gt;" in text


@pytest.mark.parametrize("odd", ["\ud800", "\0", "\u202e"])
def test_what_is_no_character_does_no_harm(odd: str, tmp_path: Path) -> None:
    seen = json.loads(H07.read_text())
    seen["host"]["name"] = seen["sources"]["kernel"]["data"]["release"] = odd
    seen["sources"]["domains"]["data"]["domains"][0]["name"] = odd
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(seen))
    check_page(report("--host", str(path), folder=tmp_path))


def test_this_machine_is_the_host_where_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Snapshot.read(H07)
    monkeypatch.setattr("vcpuid.cli.report.snapshot_here", lambda _: seen)
    assert "<title>h07 · vcpuid</title>" in report(folder=tmp_path)


def test_standard_input_and_output_are_taken_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vcpuid", "report", "--host", "-"]
    for output in ([], ["-o", "-"]):
        done = subprocess.run([*command, *output], input=H07.read_bytes(), capture_output=True, check=True)
        assert done.stderr == b""
        written = report("--host", str(H07), folder=tmp_path).encode()
        assert done.stdout.replace(b"standard input", b"h07.json") == written.replace(
            str(H07).encode(), b"h07.json"
        )


def test_the_same_evidence_has_the_same_report(tmp_path: Path) -> None:
    first, second = (report("--host", str(H07), folder=tmp_path) for _ in range(2))
    assert first == second


def test_a_file_that_is_there_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    path.chmod(0o640)
    report("--host", str(H07), folder=tmp_path)
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_read_leaves_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"schema": "vcpuid-snapshot/1"')
    for path, told in ((broken, "truncated"), (tmp_path / "none", "No such file"), (tmp_path, "a folder")):
        assert run(["report", "--host", str(path), "-o", str(tmp_path / "x.html")]) == 3
        assert told in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["broken.json"]


def test_a_place_that_cannot_be_written_is_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, way in (
        (tmp_path, "It is a folder: name a file in it."),
        (tmp_path / "no/folder.html", f"There is no folder {tmp_path / 'no'}: make it first."),
    ):
        assert run(["report", "--host", str(H07), "-o", str(path)]) == 3
        told = capsys.readouterr().err
        assert f"{path}: cannot be written" in told
        assert way in told


@pytest.mark.parametrize("package", ["jinja2", "markupsafe"])
def test_without_its_extra_it_says_what_to_install(package: str) -> None:
    done = run_without(package, "report", "--host", str(H07))
    assert (done.returncode, done.stdout) == (4, "")
    assert f"a report needs {package}, which is not installed" in done.stderr
    assert "web" in done.stderr.splitlines()[1]


def test_json_needs_no_extra() -> None:
    done = run_without("jinja2", "report", "--host", str(H07), "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["host"] == "h07"


def make_store(folder: Path, *fleets: tuple[str, Sequence[HostRow]]) -> Path:
    store = Store(folder)
    for date, hosts in fleets:
        ingest(store, hosts, date)
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the store of a fleet in three zones, with racks as labels, on two dates."""
    folder = tmp_path_factory.mktemp("fleet") / "store"
    first, second = ([row.labelled({"rack": row.host[-1]}) for row in fleet_rows(200, seed)] for seed in (0, 1))
    return make_store(folder, ("2026-01-01", first), ("2026-01-02", second))


def test_a_fleet_has_a_page_that_stands_alone(store: Path, tmp_path: Path) -> None:
    text = report("--store", str(store), folder=tmp_path)
    page = check_page(text)
    assert "<title>Fleet of 2026-01-02 · vcpuid</title>" in text
    assert "of 200 hosts only an upper bound is known" in text  # a warning
    assert "Models that describe them" in text  # summary
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="picture"' in text  # matrix
    assert "<style>" not in text.partition("</head>")[2]
    assert "&lt;cpu mode=&#39;custom&#39;" in text  # baseline
    assert {"#summary", "#matrix", "#baseline", "#places", "#drift"} <= {*page.links}
    assert "From 2026-01-01 to 2026-01-02:" in text  # drift


def test_the_document_of_a_fleet_is_what_its_schema_says(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "--store", str(store), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    check_document("fleet-report", found)
    assert {place["place"] for place in found["places"]["places"]} == {"north", "south", "west"}
    assert found["drift"]["before"] == "2026-01-01"


def test_an_older_snapshot_and_other_places_can_be_asked_for(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "--store", str(store), "--format", "json", "--at", "2026-01-01", "--by", "rack"]) == 0
    found = json.loads(capsys.readouterr().out)
    check_document("fleet-report", found)
    assert (found["date"], found["drift"], found["places"]["by"]) == ("2026-01-01", None, "rack")
    sizes = [place["hosts"] for place in found["places"]["places"]]
    assert sizes == sorted(sizes, reverse=True)
    asked = ["--at", "2026-01-01", "--before", "2026-01-02"]
    assert run(["report", "--store", str(store), "--format", "json", *asked]) == 0
    assert json.loads(capsys.readouterr().out)["drift"]["before"] == "2026-01-02"


def test_of_very_many_places_the_largest_have_a_baseline(tmp_path: Path) -> None:
    hosts = [row.labelled({"zone": f"zone-{number % 50}"}) for number, row in enumerate(fleet_rows(120))]
    make_store(tmp_path / "store", ("2026-01-01", hosts))
    text = report("--store", str(tmp_path / "store"), folder=tmp_path)
    check_page(text)
    assert text.count("<h2>zone-") == MOST_PLACES
    assert "And 10 more with fewer hosts" in text
    assert "The store has no earlier snapshot of the fleet." in text


def test_names_in_a_store_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    hosts = [row._replace(host=f"{HOSTILE}{number}") for number, row in enumerate(fleet_rows(60))]
    hosts = [row.labelled({"zone": HOSTILE if number % 2 else "b"}) for number, row in enumerate(hosts)]
    make_store(tmp_path / "store", ("2026-01-01", hosts), ("2026-01-02", hosts[:50]))
    check_page(report("--store", str(tmp_path / "store"), folder=tmp_path))


def test_a_fleet_is_asked_by_the_engine_that_is_named(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Counting(DuckDb):
        def rows(self, query: str, parameters: Sequence[object] = ()) -> list[Row]:
            asked.append(query)
            return super().rows(query, parameters)

    monkeypatch.setitem(ENGINES, "spark", Counting)
    assert run(["report", "--store", str(store), "--engine", "spark", "--format", "json"]) == 0
    assert asked


def test_an_engine_has_no_say_about_a_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "--engine", "duckdb", "--host", str(H07)]) == 2
    assert "--store DIR beside it" in capsys.readouterr().err


def test_a_fleet_of_one_kind_of_host_has_a_report(tmp_path: Path) -> None:
    make_store(tmp_path / "store", ("2026-01-01", fleet_rows(1)))
    check_page(report("--store", str(tmp_path / "store"), folder=tmp_path))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--store", "{store}", "--host", "x"], "no say here: found --host, expected it is for hosts"),
        (["--store", "{store}", "--active"], "no say here: found --active"),
        (["--at", "2026-01-01"], "no say here: found --at, expected --store DIR beside it"),
        (["--by", "zone"], "no say here: found --by"),
        (
            ["--store", "{store}", "--by", "nosuch"],
            "has such a label: found 'nosuch', expected vendor, zone, rack",
        ),
        (["--store", "{store}", "--before", "1999-01-01"], "1999-01-01"),
    ],
)
def test_what_has_no_say_is_refused(
    store: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", *(word.format(store=store) for word in arguments)]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("package", ["duckdb", "numpy"])
def test_without_the_extra_of_fleets_it_says_what_to_install(package: str, store: Path) -> None:
    done = run_without(package, "report", "--store", str(store))
    assert (done.returncode, done.stdout) == (4, "")
    assert "fleet" in done.stderr.splitlines()[1]
