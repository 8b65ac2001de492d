"""Every page of the desk and the office as people with and without eyes, colours or a wide screen find it: nothing is
cut off, and axe-core finds nothing serious."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import chromium, missing, new_page
from tests.e2e.office.desk import beyond, enter, furnish, pages
from tests.e2e.server import Server

pytestmark = pytest.mark.long
AXE = Path(__file__).resolve().parents[3] / "node_modules/axe-core/axe.min.js"
WIDTHS = (1440, 820, 390)
RUN = """() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations']})
    .then(found => found.violations.filter(each => ['serious', 'critical'].includes(each.impact))
    .map(each => each.id + ': ' + each.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.mark.parametrize(("language", "colours"), [("en-US", "light"), ("zh-CN", "dark")])
def test_nothing_is_cut_and_nothing_serious_is_found(browser: Any, server: Server, language: str, colours: str) -> None:
    if not AXE.exists():
        missing("axe-core is not installed: npm ci")
    script, faults = AXE.read_text(), []  # which marks what it looks at, so the policy is off here
    with new_page(browser, locale=language, color_scheme=colours, bypass_csp=True) as page:
        addresses = pages(furnish(server))
        enter(page, server)
        for path in addresses:
            page.goto(f"{server.http}/{path}")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                if beyond(page):
                    faults.append(f"{path}: {beyond(page)} px beyond {width}")
            page.evaluate(script)
            faults += [f"{path}: {each}" for each in page.evaluate(RUN)]
    assert not faults, "\n".join(faults)
