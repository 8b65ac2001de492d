"""What a connection hears: subscriptions add up, fail whole, send the present at once and stop when they are told."""

from typing import Any

import pytest

from exchange_site.wiring.exchange import Exchange
from tests.builders import Founded
from tests.websocket.client import Client, assert_frames, is_like, order_message
from tests.websocket.conftest import Join
from trading.core.commands import HaltInstrument, ResumeInstrument, SetInstrumentPhase
from trading.core.types import Phase
from trading.delivery.channel_groups import market_group, market_message
from trading.websocket.subscriptions import Subscriptions

EMPTY_BOOK = {"type": "orderbook", "instrument_id": "IX2301", "bids": [], "asks": []}
BOTH = ["IX2301", "IF2301"]


async def subscribe(client: Client, *channels: str, to: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return await client.ask(type="subscribe", channels=list(channels), instruments=to or ["IX2301"], **more)


async def unsubscribe(client: Client, *channels: str, of: list[str]) -> dict[str, Any]:
    return await client.ask(type="unsubscribe", channels=list(channels), instruments=of)


async def trade(buyer: Client, seller: Client, instrument_id: str = "IX2301", volume: int = 1) -> None:
    """Let two clients meet at 120; everything that follows from it has been sent when this returns."""
    await buyer.place(f"BUY OPEN {volume} @ 120", instrument_id)
    sold = await seller.place(f"SELL OPEN {volume} @ 120", instrument_id)
    await seller.hear_until("order_status", order_id=sold["order_id"], status="Filled")
    await seller.hear_until("account_update")


def of_type(frames: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [frame for frame in frames if frame["type"] == kind]


# --- asking


async def test_the_answer_repeats_what_was_asked(visitor: Client) -> None:
    answer = await subscribe(visitor, "ticker", to=BOTH, request_id="s1")
    assert list(answer.items()) == [
        ("type", "subscribe_response"),
        ("success", True),
        ("channels", ["ticker"]),
        ("instruments", BOTH),
        ("message", "Subscribed successfully"),
        ("request_id", "s1"),
    ]


async def test_unsubscribing_is_answered_by_a_subscribe_response(visitor: Client) -> None:
    answer = await unsubscribe(visitor, "ticker", of=["IX2301"])
    assert answer == {
        "type": "subscribe_response",
        "success": True,
        "channels": ["ticker"],
        "instruments": ["IX2301"],
        "message": "Unsubscribed successfully",
    }


WRONG = [
    (["orderbook", "depth"], ["IX2301"], 400, "Unknown channel depth"),
    (["orderbook"], ["IX2301", "XX", "YY"], 1004, "Unknown instrument XX, YY"),
    (["orderbook"], [], 400, "Name at least one instrument for orderbook"),
    ([], ["IX2301"], 400, "Name at least one channel"),
    (["ORDERBOOK"], ["IX2301"], 400, "Unknown channel ORDERBOOK"),
]


@pytest.mark.parametrize(("channels", "instruments", "code", "message"), WRONG)
async def test_a_wrong_request_fails_whole_and_says_why(
    visitor: Client, alice: Client, channels: list[str], instruments: list[str], code: int, message: str
) -> None:
    answer = await visitor.ask(type="subscribe", channels=channels, instruments=instruments)
    wrong = {"success": False, "message": message, "error_code": code}
    assert_frames([answer], {"type": "subscribe_response", **wrong})
    await alice.place("BUY OPEN 1 @ 120")
    await alice.rest()
    await visitor.hears_nothing()


async def test_unsubscribing_from_nonsense_fails_too(visitor: Client) -> None:
    await subscribe(visitor, "orderbook")
    await visitor.rest()
    answer = await unsubscribe(visitor, "orderbook", of=["XX"])
    assert_frames([answer], {"success": False, "message": "Unknown instrument XX", "error_code": 1004})


# --- the present at once


async def test_an_empty_book_is_sent_at_once(visitor: Client) -> None:
    await visitor.say(type="subscribe", channels=["orderbook"], instruments=["IX2301"])
    frames = await visitor.rest()
    assert_frames(frames, {"type": "subscribe_response", "success": True}, EMPTY_BOOK)
    assert list(frames[1]) == ["type", "instrument_id", "bids", "asks", "timestamp"]


async def test_the_present_book_is_sent_at_once(visitor: Client, alice: Client) -> None:
    for words in ("BUY OPEN 2 @ 119", "BUY OPEN 3 @ 119", "SELL OPEN 4 @ 121.5"):
        await alice.place(words)
        await alice.rest()
    await subscribe(visitor, "orderbook")
    book = await visitor.hear()
    assert book["bids"] == [{"price": 119.0, "volume": 5.0, "order_count": 2}]
    assert book["asks"] == [{"price": 121.5, "volume": 4.0, "order_count": 1}]


async def test_there_is_no_ticker_before_the_first_trade(visitor: Client) -> None:
    await subscribe(visitor, "ticker")
    await visitor.hears_nothing()


async def test_the_last_tick_is_sent_at_once(visitor: Client, alice: Client, bob: Client) -> None:
    await trade(alice, bob, volume=7)
    await subscribe(visitor, "ticker", to=BOTH)
    frames = await visitor.rest()
    assert_frames(frames, {"type": "ticker", "instrument_id": "IX2301", "last_price": 120.0, "volume": 7.0})
    assert list(frames[0]) == ["type", "instrument_id", "last_price", "volume", "timestamp", "direction", "day"]


async def test_the_present_survives_a_restart(open_exchange: Any, market: Founded, join: Join) -> None:
    exchange = await open_exchange()
    alice, bob = [
        await (await join(exchange.services)).sign_in(name, market.tokens[name]) for name in ("user001", "user002")
    ]
    await trade(alice, bob, volume=2)
    await alice.place("BUY OPEN 3 @ 119")
    exchange = await open_exchange()
    visitor = await join(exchange.services)
    await subscribe(visitor, "orderbook", "ticker")
    assert_frames(
        await visitor.rest(),
        {"type": "orderbook", "bids": [{"price": 119.0, "volume": 3.0, "order_count": 1}], "asks": []},
        {"type": "ticker", "last_price": 120.0, "volume": 2.0},
    )


# --- what comes


async def test_a_subscriber_hears_books_and_ticks_of_his_instrument_only(
    visitor: Client, alice: Client, bob: Client
) -> None:
    await subscribe(visitor, "orderbook", "ticker")
    await visitor.hear()
    await trade(alice, bob, "IF2301")
    await visitor.hears_nothing()
    await trade(alice, bob)
    ticker = await visitor.hear_until("ticker")
    assert is_like(ticker, {"instrument_id": "IX2301", "last_price": 120.0, "volume": 1.0})
    await visitor.hear_until("orderbook", instrument_id="IX2301", bids=[], asks=[])


async def test_the_last_state_of_a_busy_book_goes_out(visitor: Client, alice: Client) -> None:
    await subscribe(visitor, "orderbook")
    for volume in range(1, 21):
        await alice.say(**order_message(f"BUY OPEN {volume} @ 119"))
    last = [{"price": 119.0, "volume": 210.0, "order_count": 20}]
    await visitor.hear_until("orderbook", bids=last)


async def test_subscriptions_add_up(visitor: Client, alice: Client, bob: Client) -> None:
    await subscribe(visitor, "ticker")
    await subscribe(visitor, "ticker", to=["IF2301"])
    await trade(alice, bob)
    await trade(alice, bob, "IF2301")
    heard = {frame["instrument_id"] for frame in of_type(await visitor.rest(), "ticker")}
    assert heard == {"IX2301", "IF2301"}


async def test_subscribing_twice_sends_nothing_twice(visitor: Client, alice: Client, bob: Client) -> None:
    await subscribe(visitor, "ticker")
    await subscribe(visitor, "ticker", "ticker")
    await trade(alice, bob)
    assert_frames(await visitor.rest(), {"type": "ticker"})


async def test_unsubscribing_stops_it_for_one_instrument(visitor: Client, alice: Client, bob: Client) -> None:
    await subscribe(visitor, "ticker", to=BOTH)
    await unsubscribe(visitor, "ticker", of=["IX2301"])
    await trade(alice, bob)
    await trade(alice, bob, "IF2301")
    assert_frames(await visitor.rest(), {"type": "ticker", "instrument_id": "IF2301"})


async def test_nothing_comes_behind_the_answer_that_was_under_way_when_it_was_left(
    exchange: Exchange, visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message waits for this connection when it leaves the group: the layer has it, the client does not yet."""
    await subscribe(visitor, "ticker")
    await visitor.rest()
    group = market_group("ticker", "IX2301")
    late = '{"type":"ticker","instrument_id":"IX2301","last_price":120.0,"volume":1.0,"timestamp":1700000000000}'
    discard = exchange.layer.group_discard

    async def send_and_discard(name: str, channel: str) -> None:
        await exchange.layer.group_send(group, market_message(group, [late]))
        await discard(name, channel)

    monkeypatch.setattr(exchange.layer, "group_discard", send_and_discard)
    answer = await unsubscribe(visitor, "ticker", of=["IX2301"])
    assert answer["success"]
    assert await visitor.rest() == []


async def test_unsubscribing_from_one_channel_leaves_the_other(visitor: Client, alice: Client, bob: Client) -> None:
    await subscribe(visitor, "ticker", "orderbook")
    await visitor.hear()
    await unsubscribe(visitor, "orderbook", of=["IX2301"])
    await trade(alice, bob)
    await visitor.hear_until("ticker")
    await visitor.hears_nothing()


async def test_unsubscribing_without_instruments_stops_the_channel(visitor: Client, alice: Client, bob: Client) -> None:
    await subscribe(visitor, "ticker", to=BOTH)
    await unsubscribe(visitor, "ticker", of=[])
    await trade(alice, bob)
    await trade(alice, bob, "IF2301")
    await visitor.hears_nothing()


# --- own trades


@pytest.fixture
async def named(exchange: Exchange, join: Join, market: Founded) -> Client:
    """Account 1 on a connection that named it in the URL."""
    client = await join(exchange.services, "/ws?user_id=user001")
    return await client.sign_in("user001", market.tokens["user001"])


async def test_a_named_connection_hears_all_own_trades(named: Client, bob: Client) -> None:
    await trade(named, bob)
    await trade(named, bob, "IF2301")
    heard = [frame["instrument_id"] for frame in of_type(await named.rest(), "trade")]
    assert heard == ["IX2301", "IF2301"]


async def test_an_unnamed_connection_hears_no_trades_unless_subscribed(alice: Client, bob: Client) -> None:
    await trade(alice, bob)
    frames = await alice.rest()
    assert not of_type(frames, "trade")
    assert of_type(frames, "order_status") and of_type(frames, "account_update")


async def test_a_subscription_brings_the_trades_of_its_instrument(alice: Client, bob: Client) -> None:
    await subscribe(alice, "trade")
    await trade(alice, bob)
    await trade(alice, bob, "IF2301")
    assert [frame["instrument_id"] for frame in of_type(await alice.rest(), "trade")] == ["IX2301"]


async def test_nobody_hears_the_trades_of_others(exchange: Exchange, join: Join, market: Founded) -> None:
    clients = {}
    for name in ("user001", "user002", "user003"):
        clients[name] = await join(exchange.services, f"/ws?user_id={name}")
        await clients[name].sign_in(name, market.tokens[name])
    await subscribe(clients["user003"], "trade", "order_status", "account_update")
    await trade(clients["user001"], clients["user002"])
    await clients["user003"].hears_nothing()


async def test_unsubscribed_trades_stop_even_on_a_named_connection(named: Client, bob: Client) -> None:
    await unsubscribe(named, "trade", of=["IX2301"])
    await trade(named, bob)
    await trade(named, bob, "IF2301")
    assert [frame["instrument_id"] for frame in of_type(await named.rest(), "trade")] == ["IF2301"]


async def test_order_states_and_money_always_come(alice: Client) -> None:
    await unsubscribe(alice, "order_status", "account_update", of=["IX2301"])
    await alice.place("BUY OPEN 1 @ 120")
    assert_frames(await alice.rest(), {"type": "order_status"}, {"type": "account_update"})


# --- the rules alone


def test_trades_of_all_instruments_can_be_asked_for_without_naming_them() -> None:
    wishes = Subscriptions(all_trades=False)
    wishes.add(["trade"], [])
    assert wishes.wants_trade("IX2301")


def test_trades_of_several_instruments_add_up() -> None:
    wishes = Subscriptions(all_trades=False)
    for name in ("IX2301", "IF2301"):
        wishes.add(["trade"], [name])
    wishes.remove(["trade"], ["IC2301"])
    assert wishes.wants_trade("IX2301") and wishes.wants_trade("IF2301") and not wishes.wants_trade("IC2301")


def test_what_was_unsubscribed_can_be_subscribed_again() -> None:
    wishes = Subscriptions(all_trades=True)
    wishes.remove(["trade"], ["IX2301"])
    assert not wishes.wants_trade("IX2301") and wishes.wants_trade("IF2301")
    wishes.add(["trade"], ["IX2301"])
    assert wishes.wants_trade("IX2301")


def test_unsubscribing_from_all_trades_stops_all_of_them() -> None:
    wishes = Subscriptions(all_trades=True)
    wishes.add(["trade"], ["IX2301"])
    wishes.remove(["trade"], [])
    assert not wishes.wants_trade("IX2301") and not wishes.wants_trade("IF2301")


def test_asking_for_all_trades_forgets_what_was_not_wanted() -> None:
    wishes = Subscriptions(all_trades=True)
    wishes.remove(["trade"], ["IX2301"])
    wishes.add(["trade"], [])
    assert wishes.wants_trade("IX2301")


def test_public_channels_do_not_touch_trades() -> None:
    wishes = Subscriptions(all_trades=False)
    assert wishes.add(["orderbook", "order_status"], ["IX2301"]) == {("orderbook", "IX2301")}
    assert not wishes.wants_trade("IX2301")
    assert wishes.remove(["ticker"], ["IX2301"]) == set()
    assert wishes.remove(["orderbook"], []) == {("orderbook", "IX2301")}
    assert wishes.public == set()


# --- phases


async def test_whoever_follows_a_book_is_told_its_phase(exchange: Exchange, visitor: Client, alice: Client) -> None:
    await subscribe(visitor, "orderbook", to=["IX2301"])
    await visitor.rest()
    for command, phase in ((HaltInstrument("IX2301"), "halted"), (ResumeInstrument("IX2301"), "continuous")):
        exchange.gateway.submit(command, lambda event: None)
        assert_frames([await visitor.hear_until("instrument_status")], {"instrument_id": "IX2301", "phase": phase})
        book = await visitor.hear_until("orderbook")
        assert book.get("phase", "continuous") == phase
    exchange.gateway.submit(HaltInstrument("IF2301"), lambda event: None)
    await visitor.hears_nothing()


async def test_an_auction_is_told_with_what_it_would_trade(
    exchange: Exchange, visitor: Client, alice: Client, bob: Client
) -> None:
    exchange.gateway.submit(SetInstrumentPhase("IX2301", Phase.AUCTION), lambda event: None)
    for client, words in ((alice, "BUY OPEN 5 @ 121"), (bob, "SELL OPEN 3 @ 120.5")):
        assert (await client.place(words))["success"]
        await client.rest()
    await visitor.say(type="subscribe", channels=["orderbook"], instruments=["IX2301"])
    book = await visitor.hear_until("orderbook")
    assert_frames([book], {"phase": "auction", "indicative_price": 120.5, "indicative_volume": 3.0})
    exchange.gateway.submit(SetInstrumentPhase("IX2301", Phase.CONTINUOUS), lambda event: None)
    assert_frames([await visitor.hear_until("instrument_status")], {"phase": "continuous"})
    assert list(await visitor.hear_until("orderbook")) == ["type", "instrument_id", "bids", "asks", "timestamp"]
