"""A market maker from nothing, in six steps; README.md beside this file tells the story. Run it beside `make run`:

PYTHONPATH=clients/python .venv/bin/python examples/course/maker.py TOKEN_OF_USER001 --step 1
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bourse_client import Book, Client
from bourse_client.errors import BourseError, OrderFinished, Refused, WouldTrade
from bourse_client.messages import Instrument, Order

NAME = "IX2301"
LOTS = 2
"""In each quote."""
GAP = 2
"""Ticks between the fair price and each quote."""
MOST = 10
"""Lots to be long or short at most."""
LEAVE_SECONDS = 5.0
"""What the end may take, for the exchange may be gone."""


async def instrument(client: Client) -> Instrument:
    for each in await client.instruments():
        if each.instrument_id == NAME:
            return each
    raise SystemExit(f"the exchange has no {NAME}")


def fair(client: Client, book: Book, listed: Instrument) -> float:
    """The middle between the bids and asks of others; where one side is empty, the last price, or the settlement price.
    Who looks at their own quotes follows themselves."""
    own = Counter[tuple[str, float | None]]()
    for order in client.live_orders:
        own[order.direction, order.price] += round(order.remaining_volume)
    bids = [level.price for level in book.bids if level.volume > own["BUY", level.price]]
    asks = [level.price for level in book.asks if level.volume > own["SELL", level.price]]
    if bids and asks:
        return (bids[0] + asks[0]) / 2
    return listed.last_price or listed.settlement_price


def quotes(middle: float, tick: float, net: float = 0.0) -> tuple[float, float]:
    """A bid and an ask around the middle. Who is long wants to sell: both go down a tick for each three lots."""
    ticks = round(middle / tick - net / 3)
    return (ticks - GAP) * tick, (ticks + GAP) * tick


# --- step 1: look


async def look(client: Client, seconds: float) -> None:
    listed = await instrument(client)
    print(f"{listed.name}: a tick is {listed.tick}, a point is worth {listed.multiplier} a lot")
    async with client.books(NAME) as books:
        book = await anext(books)
        print("bids", [(level.price, level.volume) for level in book.bids[:3]])
        print("asks", [(level.price, level.volume) for level in book.asks[:3]])
        print("the middle is", fair(client, book, listed))


# --- step 2: one order, from its beginning to its end


async def first_order(client: Client, seconds: float) -> None:
    listed = await instrument(client)
    far = (listed.limit_down or listed.settlement_price / 2) + 10 * listed.tick
    order = await client.buy(NAME, 1, far, post_only=True)
    print(order.order_id, order.status)
    await client.cancel(order.order_id)
    print(order.order_id, (await client.finished(order.order_id)).status)
    try:
        await client.buy(NAME, 1, far + listed.tick / 2)
    except Refused as refused:
        print("refused:", refused.code, refused.message)


# --- step 3: two quotes


async def quote(client: Client, side: str, price: float) -> Order | None:
    """One quote: it closes what is held on the other side, and never takes what is there."""
    held = client.positions.get(NAME)
    closable = 0.0 if held is None else held.volume_short if side == "BUY" else held.volume_long
    offset = "CLOSE" if closable >= LOTS else "OPEN"
    try:
        return await client.place(NAME, side, LOTS, price, offset=offset, post_only=True)
    except WouldTrade:
        return None  # The market has moved; the next look will tell where to.


async def two_quotes(client: Client, seconds: float) -> None:
    listed = await instrument(client)
    async with client.books(NAME) as books:
        bid, ask = quotes(fair(client, await anext(books), listed), listed.tick)
    for order in (await quote(client, "BUY", bid), await quote(client, "SELL", ask)):
        if order is not None:
            print(order.direction, order.volume, "@", order.price, order.status)
    print(await client.cancel_all(NAME), "cancelled")


# --- step 4 and 5: follow the market, and lean against the position


async def follow(client: Client, seconds: float, *, leans: bool = False) -> None:
    """Quote again whenever the fair price has moved, for so many seconds after the first quotes."""
    listed = await instrument(client)
    shown: tuple[float, float] | None = None
    moves = 0
    try:
        async with asyncio.timeout(None) as until, client.books(NAME) as books:
            async for book in books:
                held = client.positions.get(NAME)
                net = held.net if leans and held is not None else 0.0
                wanted = quotes(fair(client, book, listed), listed.tick, net)
                if wanted == shown:
                    continue
                await withdraw(client)
                if net < MOST:
                    await quote(client, "BUY", wanted[0])
                if net > -MOST:
                    await quote(client, "SELL", wanted[1])
                shown, moves = wanted, moves + 1
                if leans:  # Should this program die, the exchange takes its orders back.
                    await client.cancel_after(30)
                if moves == 1:
                    until.reschedule(asyncio.get_running_loop().time() + seconds)
    except TimeoutError:
        pass
    finally:  # After Ctrl-C, too.
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await leave(client, leans)
    print("quoted", moves, "times; position", held_net(client))


async def leave(client: Client, leans: bool) -> None:
    await client.cancel_all(NAME)
    if leans:
        await client.cancel_after(0)


async def withdraw(client: Client) -> None:
    for order in client.live_orders:
        with suppress(OrderFinished):
            await client.cancel(order.order_id)


def held_net(client: Client) -> float:
    held = client.positions.get(NAME)
    return 0.0 if held is None else held.net


async def lean(client: Client, seconds: float) -> None:
    await follow(client, seconds, leans=True)


# --- step 6: what it has earned


async def count(client: Client, seconds: float) -> None:
    trades = await client.query_trades(instrument_id=NAME, most=1_000)
    account = await client.query_account()
    print(len(trades), "trades,", sum(trade.volume for trade in trades), "lots")
    print("balance", account["balance"], "of which profit of the day", account["profit"])


STEPS: list[Callable[[Client, float], Awaitable[None]]] = [look, first_order, two_quotes, follow, lean, count]


async def main() -> None:
    parser = argparse.ArgumentParser(description="A market maker from nothing, in six steps.")
    parser.add_argument("token")
    parser.add_argument("--step", type=int, choices=range(1, len(STEPS) + 1), required=True)
    parser.add_argument("--user", default="user001")
    parser.add_argument("--url", default="http://localhost:8081")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long steps 4 and 5 follow the market")
    options = parser.parse_args()
    try:
        async with Client(options.url, options.user, options.token) as client:
            await STEPS[options.step - 1](client, options.seconds)
    except (BourseError, ValueError) as error:  # A wrong token, no exchange there, no money left.
        raise SystemExit(f"{type(error).__name__}: {error}") from None


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
