"""A report in a real browser: opened from the disk, with no network at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from explorer import DESK, PHONE, check_looks
from fleets import fleet_rows, ingest
from programs import needs_browser
from vcpuid.cli import run
from vcpuid.fleet.store import Store

pytestmark = needs_browser()

ROOT = Path(__file__).parents[2]
HOSTS = ("docs/examples/h07.json", "docs/examples/h10.json", "tests/dumps/amd-renoir.json")
FLEET = "fleet"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    written = {}
    for host in HOSTS:
        written[host] = folder / f"{Path(host).stem}.html"
        assert run(["report", "--host", str(ROOT / host), "-o", str(written[host])]) == 0
    store = Store(folder / "store")
    for seed, date in enumerate(("2026-01-01", "2026-01-02")):
        ingest(store, fleet_rows(200, seed), date)
    written[FLEET] = folder / "fleet.html"
    assert run(["report", "--store", str(folder / "store"), "-o", str(written[FLEET])]) == 0
    return written


def open_report(chromium: Browser, path: Path, **options: Any) -> tuple[Page, list[str]]:  # noqa: ANN401 - playwright's
    """Open a report without a network, and what goes wrong there: complaints, and requests of any kind."""
    wrong: list[str] = []
    context = chromium.new_context(viewport=options.pop("viewport", DESK), offline=True, **options)
    page = context.new_page()
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
    page.goto(path.as_uri())
    return page, wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("host", [*HOSTS, FLEET])
def test_a_report_is_accessible_fits_and_asks_nobody(
    chromium: Browser, reports: dict[str, Path], scheme: str, viewport: ViewportSize, host: str
) -> None:
    page, wrong = open_report(chromium, reports[host], color_scheme=scheme, viewport=viewport, bypass_csp=True)
    check_looks(page)
    page.context.close()
    assert wrong == []


def test_its_policy_lets_it_be_seen_as_it_was_made(chromium: Browser, reports: dict[str, Path]) -> None:
    page, wrong = open_report(chromium, reports[HOSTS[0]])
    assert page.evaluate("getComputedStyle(document.querySelector('.register')).display") == "grid"
    with pytest.raises(Exception, match=r"unsafe-eval|Content Security Policy"):
        page.add_script_tag(content="window.ran = true")
    assert page.evaluate("window.ran === undefined")
    page.context.close()
    assert [text for text in wrong if "script" not in text] == []


def test_a_bit_leads_to_its_feature_with_the_keyboard_alone(chromium: Browser, reports: dict[str, Path]) -> None:
    page, wrong = open_report(chromium, reports[HOSTS[0]])
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the report")).to_be_focused()
    page.get_by_role("navigation", name="Contents").get_by_role("link", name="Bit by bit").press("Enter")
    expect(page.get_by_role("heading", name="Bit by bit")).to_be_in_viewport()
    page.locator("#\\37 -0-ebx").get_by_role("link", name="sgx").press("Enter")
    row = page.locator("#feature-sgx")
    expect(row).to_be_in_viewport()
    expect(row.locator("td.here")).to_have_text("no")
    assert page.url.endswith("#feature-sgx")
    page.context.close()
    assert wrong == []


def test_the_picture_of_a_fleet_has_its_colours_and_fits_the_paper(
    chromium: Browser, reports: dict[str, Path]
) -> None:
    page, wrong = open_report(chromium, reports[FLEET], viewport=ViewportSize(width=688, height=1000))
    picture = page.locator(".picture")
    assert picture.locator(".blank").first.evaluate("cell => getComputedStyle(cell).fill") == "rgb(238, 240, 243)"
    page.emulate_media(media="print")
    box = picture.bounding_box()
    assert box is not None
    assert box["width"] <= 688
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.context.close()
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "shown", "style", "light"),
    [
        (HOSTS[0], ".chip.at-kvm", "backgroundColor", "rgb(227, 201, 243)"),
        (FLEET, ".picture .blank", "fill", "rgb(238, 240, 243)"),
    ],
)
def test_paper_is_light_also_for_who_reads_in_the_dark(
    chromium: Browser, reports: dict[str, Path], name: str, shown: str, style: str, light: str
) -> None:
    page, wrong = open_report(chromium, reports[name], color_scheme="dark")
    colour = f"shown => getComputedStyle(shown).{style}"
    assert page.locator(shown).first.evaluate(colour) != light
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(shown).first.evaluate(colour) == light
    page.context.close()
    assert wrong == []


def test_what_one_jumps_to_is_not_hidden_by_the_contents(chromium: Browser, reports: dict[str, Path]) -> None:
    page, _ = open_report(chromium, reports[HOSTS[0]])
    contents = page.get_by_role("navigation", name="Contents")
    for name in ("Findings", "Evidence"):
        contents.get_by_role("link", name=name).click()
        heading = page.get_by_role("heading", name=name).bounding_box()
        head = page.locator("header").bounding_box()
        assert heading is not None
        assert head is not None
        assert heading["y"] >= head["y"] + head["height"]
    page.context.close()


def test_a_printed_report_has_its_grid_whole_and_its_colours(chromium: Browser, reports: dict[str, Path]) -> None:
    page, wrong = open_report(chromium, reports[HOSTS[0]], viewport=ViewportSize(width=688, height=1000))
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for shown in (".lit .at-firmware", ".hops td.here", ".chip", ".hop"):
        adjusts = page.locator(shown).first.evaluate("shown => getComputedStyle(shown).printColorAdjust")
        assert adjusts == "exact", shown
    assert page.locator(".register").first.evaluate("grid => getComputedStyle(grid).breakInside") == "avoid"
    expect(page.get_by_role("navigation", name="Contents").get_by_role("link", name="Findings")).to_be_hidden()
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.context.close()
    assert wrong == []
