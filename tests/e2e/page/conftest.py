"""A browser, the page in it, and people to trade with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.browser import WatchedPage, chromium, new_page
from tests.e2e.page.steps import Trader, cancel_all, open_live


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Any, server: Any) -> Iterator[WatchedPage]:
    """The page, live, as a visitor sees it. Its console must have stayed silent."""
    with new_page(browser) as opened:
        open_live(opened, server)
        yield opened
        cancel_all(opened)
        assert opened.complaints == []


@pytest.fixture
def trader(server: Any) -> Iterator[Callable[[str], Trader]]:
    traders: list[Trader] = []

    def enter(user_id: str) -> Trader:
        traders.append(Trader(server, user_id))
        return traders[-1]

    yield enter
    for one in traders:
        one.leave()
