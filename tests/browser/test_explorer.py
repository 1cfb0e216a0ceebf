"""The explorer in a real browser, from the server that `vcpuid serve` starts."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ViewportSize, expect

from explorer import DESK, PHONE, check_looks, open_page
from programs import needs_browser

pytestmark = needs_browser()

PAGES = (
    "/",
    "/host",
    "/why",
    "/compare",
    "/compare/hosts",
    "/lint",
    "/diagnose",
    "/fleet",
    "/fleet/drift",
    "/cpuid",
    "/cpuid/7",
    "/cpuid/d/33",
    "/cpuid/40000003",
    "/cpuid/80000006",
    "/cpuid/7/0/ebx/2",
    "/cpuid/4/0/eax/20",
    "/cpuid/7/0/ecx/15",
    "/cpuid/1/0/ecx/5",
    "/msr",
    "/msr/10a",
    "/msr/8b",
    "/msr/48e",
    "/msr/486",
    "/msr/3a/18",
    "/msr/48/0",
    "/msr/7ffe/3",
    "/search?q=sgx",
    "/search?q=avx512",
    "/search?q=stibp",
    "/search?q=sqxlc",
    "/search?q=7.0.ebx%3D0x29c6fbf",
    "/search?q=4.0.eax",
    "/search?q=MSR 0x48b%3D0x555cfe00000000",
)


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


def test_a_search_leads_to_a_bit_with_the_keyboard_alone(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server)
    page.goto("/")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("HW_CPU_X86_SGX")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Software Guard Extensions")
    expect(page).to_have_url(f"{server}/search?q=HW_CPU_X86_SGX")
    page.get_by_role("link", name="CPUID.07H.0:EBX[2]").first.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server}/cpuid/7/0/ebx/2")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.context.close()
    assert wrong == []


def test_a_search_needs_no_javascript(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server, java_script_enabled=False)
    page.goto("/cpuid")
    page.get_by_role("searchbox").fill("num_threads_sharing")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="num_threads_sharing").first.click()
    expect(page).to_have_url(f"{server}/cpuid/4/0/eax/14")
    page.context.close()
    assert wrong == []


def test_a_bit_is_reached_by_its_address_and_marked_in_its_register(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server)
    page.goto("/cpuid/7/0/ebx/2")
    cell = page.locator(".register [aria-current=true]")
    expect(cell).to_have_text("2 sgx")
    page.get_by_role("link", name="bit 3 →").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("bmi1")
    page.get_by_role("navigation", name="Place").get_by_role("link", name="EBX").click()
    expect(page).to_have_url(f"{server}/cpuid/7/0#ebx")
    page.context.close()
    assert wrong == []


def test_a_register_is_a_grid_of_32_bits_over_which_fields_span(chromium: Browser, server: str) -> None:
    page, _ = open_page(chromium, server, viewport=PHONE)
    page.goto("/cpuid/4")
    register = page.locator("#eax .register")
    whole = register.bounding_box()
    assert whole is not None
    widths = [box["width"] for cell in register.locator("> div").all() if (box := cell.bounding_box())]
    assert round(sum(widths) / (whole["width"] / 8)) == 32
    spans = register.locator("a", has_text="num_cores_on_die").locator("..").bounding_box()
    assert spans is not None
    assert round(spans["width"] / (whole["width"] / 8)) == 6
    page.context.close()


def test_an_msr_is_a_grid_of_64_bits_in_two_halves(chromium: Browser, server: str) -> None:
    page, _ = open_page(chromium, server)
    page.goto("/msr/10a")
    cells = page.locator(".register > div")
    assert cells.count() == 64
    tops = [box["y"] for cell in cells.all() if (box := cell.bounding_box())]
    rows = sorted(set(tops))
    assert len(rows) == 8
    heights = [box["height"] for cell in cells.all() if (box := cell.bounding_box())][::8]
    gaps = [below - above - height for above, below, height in zip(rows, rows[1:], heights, strict=False)]
    assert max(gaps) == gaps[3] > gaps[2]
    page.context.close()


def test_arrow_keys_move_among_the_bits_of_a_register(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server)
    page.goto("/cpuid/7/0")
    focused = page.locator(":focus")
    page.locator("#ebx .register a").filter(has_text="avx512vl").focus()
    for key, text in (
        ("ArrowRight", "30 avx512bw"),
        ("ArrowDown", "22 pcommit"),
        ("ArrowLeft", "23 clflushopt"),
        ("ArrowUp", "31 avx512vl"),
        ("ArrowUp", "31 avx512vl"),
        ("ArrowLeft", "31 avx512vl"),
    ):
        page.keyboard.press(key)
        expect(focused).to_have_text(text)
    page.keyboard.press("Tab")
    expect(focused).to_have_text("30 avx512bw")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server}/cpuid/7/0/ebx/30")
    page.context.close()
    assert wrong == []


def test_a_printed_page_has_no_controls(chromium: Browser, server: str) -> None:
    page, _ = open_page(chromium, server)
    page.goto("/cpuid/7/0/ebx/2")
    page.emulate_media(media="print")
    expect(page.get_by_role("combobox", include_hidden=True)).to_be_hidden()
    expect(page.locator(".register [aria-current=true]")).to_be_visible()
    page.context.close()


def test_a_printed_register_says_what_its_bits_mean(chromium: Browser, server: str) -> None:
    page, _ = open_page(chromium, server)
    for path, said in (("/cpuid/7", "Software Guard Extensions"), ("/msr/10a", "Immune to Meltdown")):
        page.goto(path)
        meaning = page.locator(".meanings dd", has_text=said)
        expect(meaning).to_be_hidden()
        page.emulate_media(media="print")
        expect(meaning).to_be_visible()
        page.emulate_media(media="screen")
    page.context.close()


def test_what_is_not_there_has_a_page_too(chromium: Browser, server: str) -> None:
    page, _ = open_page(chromium, server)
    answer = page.goto("/cpuid/7/99")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("the atlas has no such subleaf of leaf 07H")
    assert Axe().run(page).violations_count == 0
    page.context.close()


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("path", ["/", "/cpuid/7"])
def test_suggestions_come_as_one_types_and_are_chosen_with_the_keyboard(
    chromium: Browser, server: str, path: str, viewport: ViewportSize
) -> None:
    page, wrong = open_page(chromium, server, viewport=viewport)
    page.goto(path)
    field = page.get_by_role("combobox")
    field.press_sequentially("sgxl")
    option = page.get_by_role("option").first
    expect(option).to_contain_text("sgxlc")
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("status")).to_contain_text("suggestion")
    field.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", option.get_attribute("id") or "")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    field.press("Escape")
    expect(option).to_be_hidden()
    expect(field).to_have_value("sgxl")
    field.press("c")
    expect(option).to_be_visible()
    field.press("ArrowDown")
    field.press("Enter")
    expect(page).to_have_url(f"{server}/search?q=sgxlc")
    page.context.close()
    assert wrong == []


def test_msrs_are_suggested_by_their_names_too(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server)
    page.goto("/msr")
    page.get_by_role("combobox").press_sequentially("IA32_PRED")
    option = page.get_by_role("option").filter(has_text="MSR 49H")
    expect(option).to_contain_text("IA32_PRED_CMD")
    option.click()
    page.get_by_role("link", name="49H", exact=True).first.click()
    expect(page).to_have_url(f"{server}/msr/49")
    page.context.close()
    assert wrong == []


def test_a_suggestion_is_chosen_with_the_mouse(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server)
    page.goto("/cpuid")
    page.get_by_role("combobox").press_sequentially("sha_n")
    page.get_by_role("option").filter(has_text="sha-ni").click()
    expect(page).to_have_url(f"{server}/search?q=sha-ni")
    page.context.close()
    assert wrong == []


def test_a_search_works_where_suggestions_fail(chromium: Browser, server: str) -> None:
    page, _ = open_page(chromium, server)
    page.route("**/api/v1/search*", lambda route: route.abort())
    page.goto("/cpuid")
    field = page.get_by_role("combobox")
    with page.expect_event("requestfailed"):
        field.press_sequentially("sgx")
    field.press("Enter")
    expect(page).to_have_url(f"{server}/search?q=sgx")
    page.context.close()
