"""The socket of market data: quotes, and questions about instruments."""

from collections.abc import Callable, Iterable
from typing import Any

from trading import protocol
from trading.diff.translation import quotes
from trading.diff.translation.conversation import Conversation
from trading.diff.translation.words import InsQuery, Said, SubscribeQuote, clock_text

AT_ONCE = 100
"""Instruments in one subscription."""
AGAIN_SECONDS = 5.0
"""Until what could not be followed is tried again."""
CHANNELS = ["orderbook", "ticker"]


class MarketConversation(Conversation):
    """Anybody may have it: market data is public."""

    name = "md"

    def __init__(self, first: str) -> None:
        super().__init__(first)
        self._wanted: list[str] = []
        self._quoted: set[str] = set()
        self._timed: set[str] = set()
        self._ready = False
        self._waiting: list[Callable[[], None]] = []
        self.patches.add({"quotes": {}, "klines": {}, "ticks": {}, "charts": {}, "symbols": {}})
        self.patches.add({"ins_list": "", "mdhis_more_data": False})
        self.look_at_instruments()
        self._subscribe(["instruments"], [])

    def take(self, said: Said) -> None:
        match said:
            case SubscribeQuote():
                self._when_ready(lambda: self._quote(said.ins_list))
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
        before, self._ready = self._quoted, True
        waiting, self._waiting = self._waiting, []
        for act in waiting:
            act()
        self._follow()
        for name in before:
            self._tell(name, self.instruments.quote(name))
        self._look_at_days(before)

    # -- quotes

    def _quote(self, ins_list: str) -> None:
        self._wanted = [symbol for symbol in ins_list.split(",") if symbol]
        self._follow()
        self.patches.add({"ins_list": ins_list})

    def _follow(self) -> None:
        """Follow what is wanted and listed. What is not listed yet is followed when it is."""
        wanted = {name for symbol in self._wanted if (name := self.instruments.name(symbol)) is not None}
        new, old = wanted - self._quoted, self._quoted - wanted
        self._quoted = wanted
        self._timed -= old
        for names in _chunks(sorted(new)):
            self._subscribe(CHANNELS, names)
        for names in _chunks(sorted(old)):
            self.ask(_nothing, "unsubscribe", channels=CHANNELS, instruments=names)
        for name in new:
            self._tell(name, self.instruments.quote(name))
        self._look_at_days(new)

    def _subscribe(self, channels: list[str], names: list[str]) -> None:
        def take(answer: Any) -> None:
            self._subscribed(answer, channels, names)

        self.ask(take, "subscribe", channels=channels, instruments=names)

    def _subscribed(self, answer: Any, channels: list[str], names: list[str]) -> None:
        """An exchange that is closed gives no market data: it is asked again."""
        if isinstance(answer, protocol.SubscribeResponse) and answer.success:
            return
        self.note("WARNING", 0, answer.message)
        still = [name for name in names if name in self._quoted]
        if still or not names:
            self._subscribe(channels, still)
            self.asks[-1] = (AGAIN_SECONDS, self.asks[-1][1])

    def _look_at_days(self, names: Iterable[str]) -> None:
        some = sorted(names)
        if len(some) == 1:
            self.ask(self._take_days, "query_statistics", instrument_id=some[0])
        elif some:
            self.ask(self._take_days, "query_statistics")

    def _take_days(self, answer: Any) -> None:
        if not isinstance(answer, protocol.QueryResponse):
            return
        for day in answer.data.statistics or []:
            name = day.instrument_id
            if name in self._quoted:
                timed = {} if name in self._timed else {"datetime": clock_text(self.now)}
                self._tell(name, quotes.of_day(day, self._multiplier(name)) | timed)

    def _multiplier(self, name: str) -> int:
        found = self.instruments.named(name)
        return 1 if found is None else found.multiplier

    def _tell(self, name: str, fields: dict[str, Any]) -> None:
        if fields:
            self.patches.add({"quotes": {self.instruments.symbol(name): fields}})

    def told(self, message: protocol.ServerMessage) -> None:
        match message:
            case protocol.OrderBook() if message.instrument_id in self._quoted:
                self._timed.add(message.instrument_id)
                self._tell(message.instrument_id, quotes.of_book(message))
            case protocol.Ticker() if message.instrument_id in self._quoted:
                self._timed.add(message.instrument_id)
                self._tell(message.instrument_id, quotes.of_trade(message, self._multiplier(message.instrument_id)))
            case _:
                super().told(message)


def _nothing(answer: Any) -> None:
    """Becomes of an answer that changes nothing."""


def _chunks(names: list[str]) -> list[list[str]]:
    return [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]
