"""The socket of market data: quotes, charts, and questions about instruments."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from trading import protocol
from trading.diff.translation import quotes
from trading.diff.translation.chart_board import ChartBoard, Follow
from trading.diff.translation.conversation import Conversation
from trading.diff.translation.words import InsQuery, Patch, Said, SetChart, SubscribeQuote, clock_text

AT_ONCE = 100
"""Instruments in one subscription."""
AGAIN_SECONDS = 5.0
"""Until what could not be followed is tried again."""
OF_QUOTES = ("orderbook", "ticker")


class MarketConversation(Conversation):
    """Anybody may have it: market data is public."""

    name = "md"

    def __init__(self, first: str, *further: str) -> None:
        super().__init__(first, *further)
        self._wanted: list[str] = []
        self._quoted: set[str] = set()
        self._quotes: dict[str, Patch] = {}
        """What a quote is now, of each instrument whose book or trades are followed."""
        self._followed: set[Follow] = set()
        self._charts = ChartBoard(self, self._follow, lambda name: self._quotes.get(name, {}))
        self._ready = False
        self._waiting: list[Callable[[], None]] = []
        self.patches.add({"quotes": {}, "klines": {}, "ticks": {}, "charts": {}, "symbols": {}})
        self.patches.add({"ins_list": "", "mdhis_more_data": False})
        self.look_at_instruments()
        self._subscribe("instruments", "", [])

    def take(self, said: Said) -> None:
        match said:
            case SubscribeQuote():
                self._when_ready(lambda: self._quote(said.ins_list))
            case SetChart():
                self._when_ready(lambda: self._charts.set(said))
            case InsQuery():
                self._when_ready(lambda: self.describe(said))
            case _:
                super().take(said)

    def _when_ready(self, act: Callable[[], None]) -> None:
        """Without the instruments nothing can be said of a symbol."""
        if self._ready:
            act()
        else:
            self._waiting.append(act)

    def learned(self) -> None:
        known, self._ready = list(self._quotes), True
        waiting, self._waiting = self._waiting, []
        for act in waiting:
            act()
        self._follow()
        for name in known:
            self._tell(name, self.instruments.quote(name))
        self._look_at_days(known)

    # -- what is followed

    def _quote(self, ins_list: str) -> None:
        self._wanted = [symbol for symbol in ins_list.split(",") if symbol]
        self._follow()
        self.patches.add({"ins_list": ins_list})

    def _follow(self) -> None:
        """Follow what is wanted and listed, and no more. What is not listed yet is followed when it is."""
        before, self._quoted = self._quoted, {name for name in map(self.instruments.name, self._wanted) if name}
        needed = {(channel, "", name) for name in self._quoted for channel in OF_QUOTES} | self._charts.needs()
        added, left, self._followed = needed - self._followed, self._followed - needed, needed
        for channel, period, names in _together(left):
            self.ask(_nothing, "unsubscribe", **_asked(channel, period, names))
        for channel, period, names in _together(added):
            self._subscribe(channel, period, names)
        live = {name for channel, _, name in needed if channel in OF_QUOTES}
        new = sorted(live - self._quotes.keys())
        self._quotes = {name: self._quotes.get(name) or self.instruments.quote(name) for name in live}
        for name in sorted(self._quoted - before):
            self._tell(name, self._quotes[name])
        self._look_at_days(new)

    def _subscribe(self, channel: str, period: str, names: list[str]) -> None:
        def take(answer: Any) -> None:
            self._subscribed(answer, channel, period, names)

        self.ask(take, "subscribe", **_asked(channel, period, names))

    def _subscribed(self, answer: Any, channel: str, period: str, names: list[str]) -> None:
        """An exchange that is closed gives no market data: it is asked again."""
        if isinstance(answer, protocol.SubscribeResponse) and answer.success:
            return
        self.note("WARNING", 0, answer.message)
        still = [name for name in names if (channel, period, name) in self._followed]
        if still or not names:
            self._subscribe(channel, period, still)
            self.asks[-1] = (AGAIN_SECONDS, self.asks[-1][1])

    def _look_at_days(self, names: list[str]) -> None:
        """One is asked for by its name, several all together."""
        if names:
            one = {"instrument_id": names[0]} if len(names) == 1 else {}
            self.ask(self._take_days, "query_statistics", **one)

    # -- quotes

    def _take_days(self, answer: Any) -> None:
        days = answer.data.statistics or [] if isinstance(answer, protocol.QueryResponse) else []
        for day in days:
            name = day.instrument_id
            if name in self._quotes:
                timed = {} if "datetime" in self._quotes[name] else {"datetime": clock_text(self.now)}
                self._tell(name, quotes.of_day(day, self._multiplier(name)) | timed)

    def _multiplier(self, name: str) -> int:
        found = self.instruments.named(name)
        return 1 if found is None else found.multiplier

    def _tell(self, name: str, fields: Patch) -> None:
        self._quotes[name].update(fields)
        if name in self._quoted:
            self.patches.add({"quotes": {self.instruments.symbol(name): fields}})

    def told(self, message: protocol.ServerMessage) -> None:
        match message:
            case protocol.OrderBook(instrument_id=name) if name in self._quotes:
                self._tell(name, quotes.of_book(message))
            case protocol.Ticker(instrument_id=name) if name in self._quotes:
                self._tell(name, quotes.of_trade(message, self._multiplier(name)))
            case _:
                super().told(message)
        self._charts.hear(message)


def _nothing(answer: Any) -> None:
    """Becomes of an answer that changes nothing."""


def _asked(channel: str, period: str, names: list[str]) -> dict[str, Any]:
    return {"channels": [channel], "instruments": names, **({"period": period} if period else {})}


def _together(follows: Iterable[Follow]) -> Iterator[tuple[str, str, list[str]]]:
    """Those of one channel and period, some at once."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for channel, period, name in follows:
        found[channel, period].append(name)
    for (channel, period), names in sorted(found.items()):
        for start in range(0, len(names), AT_ONCE):
            yield channel, period, sorted(names)[start : start + AT_ONCE]
