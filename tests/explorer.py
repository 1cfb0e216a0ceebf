"""The explorer's server and a real browser, for tests."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

CHROMIUM = "/usr/bin/chromium"
DESK, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=375, height=700)


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """Serve the explorer, and give its address."""
    command = [sys.executable, "-m", "vcpuid", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[4].rstrip("/")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


@contextmanager
def browsing() -> Iterator[Browser]:
    """Start Chromium; not the plug-in's: its event loop would last until the last test, and be in others' way."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def open_page(chromium: Browser, server: str, **options: Any) -> tuple[Page, list[str]]:  # noqa: ANN401 - playwright's
    """Open a page of its own, and what goes wrong there: complaints of the console, requests elsewhere."""
    wrong: list[str] = []
    page = chromium.new_context(base_url=server, viewport=options.pop("viewport", DESK), **options).new_page()
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(server) else None)
    return page, wrong


def check_looks(page: Page) -> None:
    """See that a page, with all its details open, is accessible and fits the window, and each name its cell."""
    page.evaluate("document.querySelectorAll('details').forEach(more => more.open = true)")
    found = Axe().run(page)
    assert found.violations_count == 0, f"{page.url}: {found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
    assert page.evaluate(
        "[...document.querySelectorAll('.register .name, .register .hop')].every(name =>"
        " name.getBoundingClientRect().right <= name.closest('div').getBoundingClientRect().right + 1)"
    ), page.url
