"""The explorer's pages of a fleet in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FilePayload, ViewportSize, expect

from explorer import DESK, PHONE, check_looks, open_page, serving
from fleets import documents, fleet_rows, ingest
from programs import needs_browser
from vcpuid.fleet.store import Store

pytestmark = needs_browser()

BEFORE, NOW = "2026-01-02", "2026-02-03"
PAGES = (
    "/fleet",
    f"/fleet?at={BEFORE}",
    "/fleet/matrix",
    "/fleet/pair",
    f"/fleet/pair?first={fleet_rows()[3].host}&second={fleet_rows()[99].host}",
    "/fleet/baseline?by=zone",
    "/fleet/drift",
    "/fleet/precheck",
    "/fleet/missing",
    "/fleet/missing?feature=umip",
    "/fleet/which-hosts?model=Icelake-Server",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a fleet that changed between two dates; longer than the explorer of other files."""
    folder = tmp_path_factory.mktemp("fleet") / "store"
    rows, others = fleet_rows(), fleet_rows(seed=1)
    ingest(Store(folder), rows, BEFORE)
    moved = [
        row._replace(kernel="6.12.0", configuration=other.configuration)
        for row, other in zip(rows[1:], others, strict=False)
    ]
    ingest(Store(folder), moved, NOW)
    with serving("--store", str(folder)) as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_every_page_is_accessible_fits_and_complains_of_nothing(
    chromium: Browser, server: str, scheme: str, viewport: ViewportSize
) -> None:
    page, wrong = open_page(chromium, server, color_scheme=scheme, viewport=viewport)
    for path in PAGES:
        page.goto(path)
        check_looks(page)
    page.context.close()
    assert wrong == []


def test_a_drift_is_asked_with_the_keyboard_alone(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server, java_script_enabled=False)
    page.goto("/fleet")
    page.get_by_role("navigation", name="Questions").get_by_role("link", name="Drift").press("Enter")
    expect(page.get_by_text("lost a feature")).to_be_visible()
    page.get_by_label("From").focus()
    page.keyboard.type(NOW)
    page.keyboard.press("Tab")
    page.keyboard.type(BEFORE)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Compare")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server}/fleet/drift?before={NOW}&at={BEFORE}")
    expect(page.get_by_text(f"From {NOW} to {BEFORE}")).to_be_visible()
    page.context.close()
    assert wrong == []


def test_a_cell_of_the_picture_leads_to_the_reasons_and_the_table_does_for_who_has_no_mouse(
    chromium: Browser, server: str
) -> None:
    page, wrong = open_page(chromium, server)
    page.goto("/fleet/matrix")
    cell = page.locator(".picture a").first
    fills = page.evaluate(
        "[...document.querySelectorAll('.picture a rect')].map(box => getComputedStyle(box).fill)"
    )
    assert len(set(fills)) > 1  # the style beside the page colours it
    cell.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(" and ")
    expect(page.locator(".way")).to_have_count(2)
    here = page.url
    page.go_back()
    page.locator(".pairs a").first.press("Enter")
    expect(page).to_have_url(here)
    page.context.close()
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_a_canary_is_checked(chromium: Browser, server: str, scheme: str, viewport: ViewportSize) -> None:
    page, wrong = open_page(chromium, server, color_scheme=scheme, viewport=viewport)
    page.goto(f"/fleet/precheck?at={BEFORE}")
    expect(page.get_by_label("Guests of the fleet of")).to_have_value(BEFORE)
    canary = FilePayload(name="canary.json", mimeType="application/json", buffer=documents()[0])
    page.get_by_label("The upgraded host").set_input_files(canary)
    page.get_by_role("button", name="Check").press("Enter")
    expect(page.get_by_role("heading", name="Cannot start there as defined")).to_be_visible()
    expect(page.get_by_text(f"of the fleet of {BEFORE}")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.context.close()
    assert wrong == []


def test_a_model_leads_to_the_hosts_that_can_run_it(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server, java_script_enabled=False)
    page.goto("/fleet")
    model = page.locator(".chart a").first
    name = model.inner_text()
    model.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Who can run {name}")
    page.context.close()
    assert wrong == []


def test_the_questions_keep_to_the_snapshot_that_was_chosen(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server)
    page.goto("/fleet")
    page.get_by_role("navigation", name="Snapshots").get_by_role("link", name=BEFORE).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Fleet of {BEFORE}")
    page.get_by_role("navigation", name="Questions").get_by_role("link", name="Baseline").click()
    expect(page.get_by_text(f"Fleet of {BEFORE}.")).to_be_visible()
    page.context.close()
    assert wrong == []


def test_a_printed_page_has_no_controls(chromium: Browser, server: str) -> None:
    page, _ = open_page(chromium, server)
    page.goto("/fleet/baseline")
    page.emulate_media(media="print")
    expect(page.locator("form:visible, nav[aria-label=Questions]:visible")).to_have_count(0)
    expect(page.locator("pre.code").first).to_be_visible()
    page.context.close()


def test_what_is_not_there_has_a_page_too(chromium: Browser, server: str) -> None:
    page, _ = open_page(chromium, server)
    answer = page.goto("/fleet?at=2020-01-01")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("alert")).to_contain_text("no snapshot of this date")
    assert Axe().run(page).violations_count == 0
    page.get_by_role("link", name=BEFORE).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Fleet of {BEFORE}")
    page.context.close()
