"""Where objects meet: exchanges in one process are apart, and what runs beside the engine goes on."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from exchange_site.clock import Clock
from exchange_site.config import ExchangeConfig
from exchange_site.wiring.exchange import Exchange
from exchange_site.wiring.process import keep_going
from tests.builders import in_virtual_time, order
from trading.access.rate_limits import UNLIMITED
from trading.delivery.channel_layer import InProcessLayer
from trading.transport.gateway import BUSY


def exchange(**fields: Any) -> Exchange:
    """One that was not started."""
    config = msgspec.structs.replace(ExchangeConfig.from_settings(), **fields)
    return Exchange(config, InProcessLayer(config.max_outbox), Clock())


def test_two_exchanges_in_a_process_count_apart() -> None:
    first, second = exchange(queue_limit=0), exchange()
    answers: list[object] = []
    first.gateway.submit(order(1, "BUY OPEN 1 @ 120"), answers.append)
    assert answers == [BUSY]
    assert sum(first.counters.not_done.values()) == 1
    assert vars(second.counters).keys() == vars(first.counters).keys()
    assert not second.counters.not_done and len(second.queue) == 0


def test_a_config_is_what_the_settings_say(settings: Any) -> None:
    settings.MARKET, settings.BOOK_INTERVAL_MS, settings.RISK_WARN, settings.ORDERS_PER_SECOND = "TWO", 20, 0.7, 3
    config = ExchangeConfig.from_settings()
    assert (config.market, config.book_interval, config.risk.warn_at) == ("TWO", 0.02, 70_000_000)
    assert config.limits.orders_per_second == 3
    settings.RATE_LIMITS = False
    assert ExchangeConfig.from_settings().limits == UNLIMITED


def test_work_that_breaks_is_told_and_begun_anew(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[float] = []

    async def work() -> None:
        begun.append(asyncio.get_running_loop().time())
        if len(begun) < 3:
            raise OSError("gone")
        await asyncio.sleep(3_600)

    async def live() -> None:
        task = asyncio.create_task(keep_going("work", work))
        await asyncio.sleep(100)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    in_virtual_time(live())
    assert [at - begun[0] for at in begun] == pytest.approx([0, 1, 2])
    assert [(each.levelno, str(each.exc_info and each.exc_info[1])) for each in caplog.records] == [
        (logging.ERROR, "gone")
    ] * 2
