"""What of the market is followed over the socket: subscriptions, whom they serve, and their end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ccxt.async_support.base.ws.future import Future
from ccxt.base.errors import ArgumentsRequired, UnsubscribeError

from ccxt_bourse.arguments import check_timeframe
from ccxt_bourse.parsing import Fields
from ccxt_bourse.streams import BEGINS, Streams


class Feed(NamedTuple):
    """What may be waited for (`name`), and the subscription that gives it, which may give more. Its channel, the
    instrument's id, and the period of bars."""

    name: str
    subscription: str
    channel: str
    instrument_id: str
    period: str | None = None


class Following(Streams):
    """Mixed into a class of asyncio, which has the address of the socket (`_url`)."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._served: dict[str, set[str]] = {}
        """Of a subscription: what of it somebody wants."""

    # -- feeds

    def _of_symbols(self, what: str, symbols: Sequence[str] | None, *, all_of_them: bool = False) -> list[Feed]:
        """`what`: ticker, trades, book or bidask."""
        if not symbols and not all_of_them:
            raise ArgumentsRequired("bourse: name the symbols")
        channel = "ticker" if what in ("ticker", "trades") else "orderbook_delta"
        kind = "ticker" if channel == "ticker" else "book"
        markets = [self.market(symbol) for symbol in symbols or self.symbols or []]
        return [
            Feed(f"{what}:{each['symbol']}", f"{kind}:{each['symbol']}", channel, each["id"])
            for each in markets
            if symbols or each["active"]
        ]

    def _of_bars(self, wanted: Sequence[Sequence[str]]) -> list[Feed]:
        if not wanted:
            raise ArgumentsRequired("bourse: name the symbols and their timeframes: [['IX2301/CNY:CNY', '1m']]")
        feeds = []
        for symbol, timeframe in wanted:
            check_timeframe(timeframe)
            market = self.market(symbol)
            name = f"kline:{market['symbol']}:{timeframe}"
            feeds.append(Feed(name, name, "kline", market["id"], timeframe))
        return feeds

    # -- to and fro

    async def _first(self, feeds: Sequence[Feed]) -> Any:
        """Waits for the first news of any of these, which are subscribed where they are not."""
        url = self._url()
        client = self.client(url)
        waits = []
        for (channel, period), some in _together(feeds).items():
            missing = {each.subscription: each for each in some if each.subscription not in client.subscriptions}
            message: Fields | None = None
            if missing:
                message = _message("subscribe", channel, period, list(missing.values()))
                message = self._numbered(message, tuple(missing), *_served_by(feeds, missing))
                self._served |= {name: set() for name in missing}
            for each in some:
                self._served[each.subscription].add(each.name)
            subscription = BEGINS if channel == "ticker" else True
            names = [each.name for each in some]
            waits.append(self.watch_multiple(url, names, message, list(missing), subscription))
        return await (waits[0] if len(waits) == 1 else Future.race(waits))

    async def _end(self, feeds: Sequence[Feed]) -> bool:
        """These are wanted no more: who waits for one reads an UnsubscribeError. A subscription ends with the last that
        it serves, and then the exchange says that it has."""
        client = self.client(self._url())
        ended: list[Feed] = []
        for each in feeds:
            served = self._served.get(each.subscription, set())
            served.discard(each.name)
            if each.name in client.futures:
                client.reject(UnsubscribeError(f"bourse {each.name}"), each.name)
            if not served and client.subscriptions.pop(each.subscription, None) is not None:
                ended.append(each)
        for (channel, period), some in _together(ended).items():
            name = f"end:{self._requests + 1}"
            message = self._numbered(_message("unsubscribe", channel, period, some), (), name)
            done = client.future(name)
            self._send(client, message)
            await done
        return True


def _together(feeds: Sequence[Feed]) -> dict[tuple[str, str | None], list[Feed]]:
    """Those that one message may name."""
    found: dict[tuple[str, str | None], list[Feed]] = {}
    for each in feeds:
        found.setdefault((each.channel, each.period), []).append(each)
    return found


def _served_by(feeds: Sequence[Feed], subscriptions: Fields) -> list[str]:
    return [each.name for each in feeds if each.subscription in subscriptions]


def _message(kind: str, channel: str, period: str | None, feeds: Sequence[Feed]) -> Fields:
    names = list(dict.fromkeys(each.instrument_id for each in feeds))
    return {"type": kind, "channels": [channel], "instruments": names} | ({"period": period} if period else {})
