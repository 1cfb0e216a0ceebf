"""The explorer's forms in a real browser: what is pasted or chosen there is answered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FilePayload, Page, ViewportSize, expect

from cpus import GENUINE_INTEL, apic_rows, cpu
from explorer import DESK, PHONE, check_looks, open_page
from programs import needs_browser
from vcpuid.dumps import write_dump
from vcpuid.terms.dump import Dump

pytestmark = needs_browser()

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
H07 = EXAMPLES / "h07.json"
NOVA = "[libvirt]\ncpu_mode = custom\ncpu_models = Haswell\ncpu_model_extra_flags = sgx-lc\n"


def lint(page: Page) -> None:
    page.goto("/lint")
    page.get_by_label("A domain XML").fill(NOVA)
    page.get_by_text("For which hosts").click()
    page.get_by_label("Snapshots of the hosts").set_input_files([H07, EXAMPLES / "h10.json"])
    page.get_by_role("button", name="Lint").click()
    expect(page.locator("#line-4 .finding").first).to_contain_text("sgxlc")


def diagnose(page: Page) -> None:
    page.goto("/diagnose")
    page.get_by_label("An error of QEMU").fill("host doesn't support requested feature: CPUID.07H:EBX.sgx [bit 2]")
    page.get_by_text("Where it happened").click()
    page.get_by_label("A snapshot of the host").set_input_files(H07)
    page.get_by_label("The guest").fill("web-1")
    page.get_by_role("button", name="Diagnose").click()
    expect(page.get_by_text("Tested on h07, domain web-1.")).to_be_visible()


def show_host(page: Page) -> None:
    page.goto("/host")
    page.get_by_label("A snapshot, as").set_input_files(H07)
    page.get_by_role("button", name="Show").click()
    lost = page.locator("#\\37 -0-ebx").get_by_role("listitem").filter(has_text="sgx")
    expect(lost).to_contain_text("lost at firmware")


def show_many_cpus(page: Page) -> None:
    cpus = (
        cpu({(0, 0): (0xB, *GENUINE_INTEL), **apic_rows(n % 128 | n // 128 << 7, cores=64)}, number=n)
        for n in range(256)
    )
    dump = FilePayload(
        name="many.txt", mimeType="text/plain", buffer=write_dump(Dump(tuple(cpus), "here"), "cpuid").encode()
    )
    page.goto("/host")
    page.get_by_label("A snapshot, as").set_input_files(dump)
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".machine .stack")).to_have_count(2)
    expect(page.locator(".machine")).to_contain_text("CPUs 128-255")


def show_shared_caches(page: Page) -> None:
    page.goto("/host")
    page.get_by_label("A snapshot, as").set_input_files(EXAMPLES.parents[1] / "tests/dumps/intel-goldmont.json")
    page.get_by_role("button", name="Show").click()
    pair = page.get_by_role("listitem").filter(has_text="2 CPUs with one L2").last
    expect(pair.get_by_role("listitem").filter(has_text="core")).to_have_count(2)
    strip, core = pair.locator("> .caches").bounding_box(), pair.locator(".core").first.bounding_box()
    assert strip is not None
    assert core is not None
    assert strip["width"] > core["width"]


def show_this_machine(page: Page) -> None:
    page.goto("/host")
    page.get_by_role("button", name="This machine").click()
    expect(page.get_by_role("heading", name="What CPUID says")).to_be_visible()


def follow(page: Page) -> None:
    page.goto("/why")
    page.get_by_label("A feature in any dialect").fill("sgx, avx2")
    page.get_by_label("The host").set_input_files(H07)
    page.get_by_label("The guest, if").fill("web-1")
    page.get_by_role("button", name="Follow").click()
    expect(page.locator(".break").first).to_contain_text("firmware no MSR 3AH=5: bit 18 clear breaks here")


def compare(page: Page) -> None:
    page.goto("/compare")
    page.locator("[name=first]").set_input_files(H07)
    page.locator("[name=second]").set_input_files(EXAMPLES / "h10.json")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator(".way")).to_have_count(2)
    expect(page.locator(".way").nth(1)).to_contain_text("lost at firmware")


def compare_hosts(page: Page) -> None:
    page.goto("/compare")
    page.get_by_label("Two to eight hosts").set_input_files(
        [EXAMPLES / f"{name}.json" for name in ("h07", "h10", "h11", "h12")]
    )
    page.get_by_role("button", name="Compare hosts").click()
    expect(page.locator(".matrix tbody tr")).to_have_count(4)
    expect(page.locator(".hosts td.at-firmware")).to_contain_text("no lost at firmware")


ANSWERS = (
    lint,
    diagnose,
    show_host,
    show_many_cpus,
    show_shared_caches,
    show_this_machine,
    follow,
    compare,
    compare_hosts,
)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_every_answer_is_accessible_fits_and_complains_of_nothing(
    chromium: Browser, server: str, scheme: str, viewport: ViewportSize, answer: Callable[[Page], None]
) -> None:
    page, wrong = open_page(chromium, server, color_scheme=scheme, viewport=viewport)
    answer(page)
    check_looks(page)
    page.context.close()
    assert wrong == []


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_answer_needs_no_javascript_and_is_printed_without_its_form(
    chromium: Browser, server: str, answer: Callable[[Page], None]
) -> None:
    page, wrong = open_page(chromium, server, java_script_enabled=False)
    answer(page)
    page.emulate_media(media="print")
    expect(page.locator("form.ask:visible")).to_have_count(0)
    expect(page.get_by_role("main").get_by_role("heading", level=1)).to_be_visible()
    page.context.close()
    assert wrong == []


def test_paper_has_what_is_folded_and_no_heading_of_what_it_leaves_out(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server)
    show_host(page)
    folded = page.locator("details.lost .mend").first
    expect(folded).to_be_hidden()
    page.emulate_media(media="print")
    expect(folded).to_be_visible()
    expect(page.get_by_role("heading", name="Another")).to_be_hidden()
    page.context.close()
    assert wrong == []


def test_paper_keeps_the_lines_of_a_path_together(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server)
    follow(page)
    page.emulate_media(media="print")
    expect(page.locator(".break dl").first).to_be_hidden()
    expect(page.get_by_text("A click on a hop")).to_be_hidden()
    expect(page.get_by_text("Seen 2026-01-15T09:30:00Z.")).to_be_visible()
    page.context.close()
    assert wrong == []


def test_a_hops_evidence_is_shown_on_a_click(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server)
    follow(page)
    evidence = page.locator(".break dl").first
    expect(evidence).to_be_hidden()
    page.locator(".break summary").first.press("Enter")
    expect(evidence).to_be_visible()
    page.context.close()
    assert wrong == []


def test_an_error_is_asked_about_with_the_keyboard_alone(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server)
    page.goto("/diagnose")
    page.get_by_label("An error of QEMU").focus()
    page.keyboard.type("unknown CPU feature: sha_ni")
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Diagnose")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="sha-ni")).to_have_attribute("href", "/cpuid/7/0/ebx/29")
    page.context.close()
    assert wrong == []


def test_what_cannot_be_read_is_told_and_what_was_typed_is_kept(chromium: Browser, server: str) -> None:
    page, _ = open_page(chromium, server)
    page.goto("/lint")
    page.get_by_label("A domain XML").fill("<domain><oh")
    page.get_by_role("button", name="Lint").click()
    expect(page.get_by_role("alert")).to_contain_text("not well-formed XML")
    expect(page.get_by_label("A domain XML")).to_have_value("<domain><oh")
    assert Axe().run(page).violations_count == 0
    page.context.close()


def test_who_goes_back_finds_the_answer_to_a_form(chromium: Browser, server: str) -> None:
    page, wrong = open_page(chromium, server)
    lint(page)
    page.goto("/cpuid/7")
    page.go_back()
    expect(page.locator("#line-4 .finding").first).to_contain_text("sgxlc")
    assert wrong == []


def test_a_file_that_is_too_large_is_told_on_a_page(chromium: Browser, server: str, tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    large.write_bytes(b" " * (20 << 20))
    page, _ = open_page(chromium, server)
    page.goto("/host")
    page.get_by_label("A snapshot, as").set_input_files(large)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("the form is too large")
    expect(page.get_by_text("Send fewer or smaller files")).to_be_visible()
    page.get_by_role("link", name="Lint").click()  # the connection and the server go on
    expect(page.get_by_role("button", name="Lint")).to_be_visible()
