"""Headless Chromium for the page tests: where it is, how it starts, what it complained about. Knows no trading."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

try:
    from playwright.sync_api import Browser, Page, expect, sync_playwright
except ImportError:  # The reason is given where a browser is asked for.
    sync_playwright, Page = None, object  # type: ignore[assignment,misc]


class WatchedPage(Page):
    """A page with what its console complained of."""

    complaints: list[str]


CANDIDATES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000


def find_chromium() -> str | None:
    """The browser that CHROMIUM names, else Debian's, else whatever the PATH has."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    if os.path.exists("/usr/bin/chromium"):
        return "/usr/bin/chromium"
    return next((found for found in map(shutil.which, CANDIDATES) if found), None)


def missing(reason: str) -> None:
    """Skips here, but fails in CI: a check that never ran must not look like one that passed."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser. Keep it to one module: Playwright occupies the thread's event loop until it is closed."""
    if sync_playwright is None:
        missing("Playwright is not installed: pip install -r requirements-dev.txt")
    path = find_chromium()
    if path is None:
        missing("no Chromium found: apt-get install chromium, or set CHROMIUM to its path")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def new_page(browser: Browser, **context_options: Any) -> Iterator[WatchedPage]:
    """A page of its own context (no shared storage), with what its console complained of."""
    options = {"viewport": {"width": 1440, "height": 900}, "locale": "en-US", "color_scheme": "dark"} | context_options
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    page = cast("WatchedPage", context.new_page())
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda message: page.complaints.extend([message.text] if message.type == "error" else []))
    try:
        yield page
    finally:
        context.close()
