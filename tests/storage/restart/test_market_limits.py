"""Limits of the settings become a command in the journal, once, and stay after a restart."""

from typing import Any

from asgiref.sync import sync_to_async

from tests.builders import Books, Founded
from tests.conftest import OpenExchange
from tests.websocket.client import Client, order_message
from trading.core.commands import SetMarketLimits
from trading.core.engine import Engine
from trading.core.types import MarketLimits
from trading.models import Market


def journalled() -> list[Any]:
    return [command.limits for _, commands in Books().store.journal() for command in commands if is_limits(command)]


def is_limits(command: Any) -> bool:
    return isinstance(command, SetMarketLimits)


def test_limits_are_stored_and_replayed(market: Founded) -> None:
    books, limits = Books(), MarketLimits(live_orders=7)
    books.commit(SetMarketLimits(limits))
    assert Market.objects.get().limits == {"live_orders": 7}
    replayed = Engine()
    for time, commands in books.store.journal():
        for command in commands:
            replayed.apply(command, time)
    books.load()
    assert books.engine.state.day.limits == limits
    assert books.engine.state_hash() == replayed.state_hash()


async def test_a_server_sets_what_its_settings_say(open_exchange: OpenExchange, market: Founded) -> None:
    for most in (1, 1, 2):
        exchange = await open_exchange(LIVE_ORDERS=most, WAITING_ORDERS=1, TRAILING_STOPS=1)
        socket = await Client(exchange.services).connect()
        await socket.sign_in("user001", market.tokens["user001"])
        for _ in range(3):
            await socket.say(**order_message("BUY OPEN 1 @ 109"))
            answer = await socket.hear_until("order_response")
        assert answer["error_code"] == 1013
        assert f"at most {most} live orders" in answer["error_message"]
        await socket.leave()
    found = await sync_to_async(journalled)()
    assert [limits.live_orders for limits in found] == [1, 2]
