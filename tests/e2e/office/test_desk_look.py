"""Every page of the desk and the office as people with and without eyes, colours or a wide screen find it: nothing is
cut off, and axe-core finds nothing serious."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.accessibility import faults_of
from tests.e2e.browser import chromium, new_page
from tests.e2e.office.desk import enter, furnish, pages
from tests.e2e.server import Server

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.mark.parametrize(("language", "colours"), [("en-US", "light"), ("zh-CN", "dark")])
def test_nothing_is_cut_and_nothing_serious_is_found(browser: Any, server: Server, language: str, colours: str) -> None:
    with new_page(browser, locale=language, color_scheme=colours, bypass_csp=True) as page:
        addresses = pages(furnish(server))
        enter(page, server)
        faults = faults_of(page, server.http, addresses)
    assert not faults, "\n".join(faults)
