"""The examples that run in a browser: served by their own little server, opened in Chromium. Knows no trading."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from examples.serve import NODE_MODULES, PACKAGES, serve
from tests.e2e.browser import WatchedPage, missing, new_page

PATIENCE_MS = 60_000
NAMES = ["browser", "react", "vue", "reconnecting"]
NEEDS = {"react": ["react", "react-dom", "scheduler"], "vue": ["vue"]}
"""What an example takes from npm."""


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where the examples are served."""
    with serve(0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def need_packages(name: str) -> None:
    """Skips, or fails in CI, where npm has not installed what the example needs."""
    files = [file for file in PACKAGES.values() if file.split("/")[0] in NEEDS.get(name, [])]
    if not all((NODE_MODULES / file).is_file() for file in files):
        missing(f"not in node_modules, run npm ci: {', '.join(NEEDS[name])}")


@contextmanager
def opened(browser: Any, address: str, name: str, *scripts: str) -> Iterator[WatchedPage]:
    """An example's page, after these scripts; in the end nothing may stand in its console as an error or a warning."""
    need_packages(name)
    with new_page(browser) as page:
        page.on("console", lambda said: page.complaints.extend([said.text] if said.type == "warning" else []))
        for script in scripts:
            page.add_init_script(script)
        page.goto(f"{address}/{name}/")
        yield page
        assert page.complaints == []


def connect(page: Page, url: str, user_id: str, token: str) -> None:
    """Fill in the form and send it."""
    for label, text in {"Server": url, "User": user_id, "Token": token}.items():
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Connect", exact=True).click()


def buy(page: Page, price: float) -> None:
    page.get_by_label("Price").fill(str(price))
    page.get_by_role("button", name="Buy one lot").click()


def shows(page: Page, where: str, what: str | re.Pattern[str]) -> None:
    """Wait until the page shows this text there."""
    expect(page.locator(f"#{where}")).to_have_text(what, timeout=PATIENCE_MS)
