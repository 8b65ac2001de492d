"""What is sent again under the same name is done once, whoever hung up in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.rest.repeats import check
from tests.e2e.server import Server

pytestmark = pytest.mark.slow


async def test_orders_that_are_repeated_at_random_are_done_once(new_server: Callable[..., Server]) -> None:
    """A hundred; a thousand: `make fuzz-rest`."""
    repeats = await check(new_server(LIVE_ORDERS=0), orders=100, seed=1)
    assert sum(repeats.made.values()) < 100, "no answer was lost"
