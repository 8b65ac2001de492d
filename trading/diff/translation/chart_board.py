"""The charts of one client: which bars and ticks they show, and what is told of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from trading import protocol
from trading.core.codes import Code
from trading.diff.translation.charts import MOST, PERIODS, TICK_FIELDS, Series, Ticks
from trading.diff.translation.conversation import Conversation
from trading.diff.translation.words import NANOSECONDS, UNKNOWN, Patch, SetChart
from trading.protocol import BarData, PublicTradeData

PAGE = 1_000
PAGES = 15
"""Of stored bars that a chart looks at."""
MOST_CHARTS = 64
Follow = tuple[str, str, str]
"""A channel, a period (of bars) and an instrument."""


class Chart(msgspec.Struct):
    """`state`: as the client has asked for it. The first instrument is the one whose numbers count."""

    state: Patch
    names: list[str]
    duration: int
    width: int
    told: bool = False


class ChartBoard:
    """`follow`: called when other things must be followed than before. `quote`: what a quote is now."""

    def __init__(self, conversation: Conversation, follow: Callable[[], None], quote: Callable[[str], Patch]) -> None:
        self._conversation = conversation
        self._follow = follow
        self._quote = quote
        self._charts: dict[str, Chart] = {}
        self._series: dict[tuple[str, int], Series] = {}
        self._widths: dict[tuple[str, int], int] = {}
        self._ticks: dict[str, Ticks] = {}

    def needs(self) -> set[Follow]:
        """What must be followed for them."""
        found: set[Follow] = set()
        for (name, _), series in self._series.items():
            found.add(("ticker", "", name) if series.period is None else ("kline", series.period, name))
        for name in self._ticks:
            found |= {("ticker", "", name), ("orderbook", "", name)}
        return found

    # -- what the client wants

    def set(self, said: SetChart) -> None:
        self._charts.pop(said.chart_id, None)
        if said.ins_list:
            wrong = self._put(said)
            if wrong is not None:
                code, what = wrong
                self._conversation.note("ERROR", code, f"{code.text}: {what}")
        else:
            self._conversation.patches.add({"charts": {said.chart_id: None}})
        self._forget()
        self._follow()
        self._load()

    def _put(self, said: SetChart) -> tuple[Code, str] | None:
        """What is wrong with it, if anything is."""
        symbols = said.ins_list.split(",")
        names = [self._conversation.instruments.name(symbol) for symbol in symbols]
        duration = said.duration // NANOSECONDS
        if None in names:
            return Code.INSTRUMENT_UNKNOWN, symbols[names.index(None)]
        if said.duration and (duration < 1_000 or duration % 1_000):
            return Code.MALFORMED, "bars have a length of whole seconds"
        if said.focus_datetime is not None or said.left_kline_id is not None:
            return Code.MALFORMED, "parts of the past are not given, only what was last"
        if said.duration == 0 and len(names) > 1:
            return Code.MALFORMED, "ticks are of one instrument"
        if len(self._charts) >= MOST_CHARTS:
            return Code.MALFORMED, f"at most {MOST_CHARTS} charts"
        state = {"aid": "set_chart", **msgspec.structs.asdict(said)}
        state = {name: value for name, value in state.items() if value is not None}
        width = min(max(said.view_width, 1), MOST)
        self._charts[said.chart_id] = Chart(state, [name for name in names if name], duration, width)
        return None

    def _forget(self) -> None:
        """What no chart shows any more is not followed."""
        wanted = {(name, chart.duration) for chart in self._charts.values() for name in chart.names}
        self._series = {key: series for key, series in self._series.items() if key in wanted}
        self._ticks = {name: ticks for name, ticks in self._ticks.items() if (name, 0) in wanted}
        self._widths = {key: width for key, width in self._widths.items() if key in wanted}
        for name, duration in wanted:
            if duration == 0:
                self._ticks.setdefault(name, Ticks())
            elif (name, duration) not in self._series:
                self._series[name, duration] = self._begun(name, duration)

    def _begun(self, name: str, duration: int) -> Series:
        """Of bars that are followed already nothing comes at once, and what is stored may be behind: it begins with
        what others were told last."""
        series = Series(duration)
        for (other_name, _), other in self._series.items():
            newest = other.newest() if other_name == name and other.period == series.period else None
            if series.period is not None and newest is not None and newest.trades:
                series.put(newest)
                break
        return series

    # -- what was

    def _load(self) -> None:
        """Look at the past of what is new, or wanted further back than before; what is there is told at once."""
        for chart in self._charts.values():
            for name in chart.names:
                key = (name, chart.duration)
                if self._widths.get(key, 0) < chart.width:
                    self._widths[key] = chart.width
                    self._look_back(key, chart.width)
        self._tell_ready()

    def _look_back(self, key: tuple[str, int], width: int) -> None:
        name, duration = key
        if duration and (series := self._series[key]).period is not None:
            series.loaded = False
            self._page(key, series, width, [], 1)
        else:
            self._conversation.ask(
                lambda answer: self._take_trades(key, answer), "query_public_trades", instrument_id=name
            )

    def _page(self, key: tuple[str, int], series: Series, width: int, found: list[BarData], number: int) -> None:
        """Pages of stored bars, back to where the chart begins. The oldest bar may lack parts, so there is one more."""
        count = min(PAGE, width * (series.duration // series.part) + 1)
        before = {"before": found[-1].start} if found else {}

        def take(answer: Any) -> None:
            page = answer.data.bars or [] if isinstance(answer, protocol.QueryResponse) else []
            bars = [*found, *page]
            enough = len({part.start // series.duration for part in bars}) > width
            if len(page) == count and not enough and number < PAGES:
                self._page(key, series, width, bars, number + 1)
            elif self._series.get(key) is series:
                series.learn(bars)
                self._is_known(key[0], series)
                self._tell_ready()

        self._conversation.ask(
            take, "query_bars", instrument_id=key[0], period=PERIODS[series.part], limit=count, **before
        )

    def _is_known(self, name: str, series: Series) -> None:
        found = self._conversation.instruments.named(name)
        if found is not None:
            series.begin_flat(found.settlement_price, self._conversation.now)
        series.number(self._conversation.now)
        series.loaded = True

    def _take_trades(self, key: tuple[str, int], answer: Any) -> None:
        """The last trades, the newest first."""
        name, duration = key
        trades = answer.data.public_trades or [] if isinstance(answer, protocol.QueryResponse) else []
        if duration:
            series = self._series.get(key)
            if series is not None and not series.loaded:
                held = self._quote(name).get("open_interest", 0)
                for trade in reversed(trades):
                    series.put_trade(trade.price, trade.volume, trade.timestamp, held)
                series.known_until = trades[0].timestamp if trades else 0
                self._is_known(name, series)
        elif name in self._ticks and not self._ticks[name].loaded:
            self._begin_ticks(name, trades)
        self._tell_ready()

    def _begin_ticks(self, name: str, trades: Sequence[PublicTradeData]) -> None:
        """Of the past there are trades, but no books."""
        ticks, symbol = self._ticks[name], self._conversation.instruments.symbol(name)
        ticks.begin(self._conversation.now, len(trades))
        ticks.loaded = True
        volume = self._quote(name).get("volume", 0)
        told: dict[str, Patch] = {}
        for back, trade in enumerate(trades):
            fields = dict.fromkeys(TICK_FIELDS, UNKNOWN) | {"last_price": trade.price, "volume": max(volume, 0)}
            fields |= {field: 0 for field in TICK_FIELDS if "_volume" in field}
            told[str(ticks.last - back)] = fields | {"datetime": trade.timestamp * NANOSECONDS}
            volume -= round(trade.volume)
        if trades:
            self._conversation.patches.add({"ticks": {symbol: {"last_id": ticks.last, "data": told}}})
        else:
            self._tick(name, self._conversation.now)

    def _tell_ready(self) -> None:
        """Charts of which all is known, and was not told."""
        for chart_id, chart in self._charts.items():
            if chart.told or not all(self._is_loaded(name, chart.duration) for name in chart.names):
                continue
            chart.told = True
            first, last = self._range(chart)
            if chart.duration:
                for name in chart.names:
                    series = self._series[name, chart.duration]
                    self._tell(name, series, range(max(series.first, series.last - chart.width + 1), series.last + 1))
                self._bind(chart, range(first, last + 1))
            ready = {"left_id": first, "right_id": last, "more_data": False, "ready": True, "state": chart.state}
            self._conversation.patches.add({"charts": {chart_id: ready}, "mdhis_more_data": False})

    def _is_loaded(self, name: str, duration: int) -> bool:
        return self._series[name, duration].loaded if duration else self._ticks[name].loaded

    def _range(self, chart: Chart) -> tuple[int, int]:
        shown: Series | Ticks
        shown = self._series[chart.names[0], chart.duration] if chart.duration else self._ticks[chart.names[0]]
        if shown.last < 0:
            return -1, -1
        return max(shown.first, shown.last - chart.width + 1), shown.last

    # -- what is

    def hear(self, message: protocol.ServerMessage) -> None:
        """Bars, trades and books of what is followed."""
        match message:
            case protocol.Kline():
                for (name, _), series in self._series.items():
                    if name == message.instrument_id and series.period == message.period:
                        self._changed(name, series, series.put(message))
            case protocol.Ticker():
                held = 0.0 if message.day is None else message.day.open_interest
                for (name, _), series in self._series.items():
                    if name != message.instrument_id or series.period is not None or not series.loaded:
                        continue
                    if message.timestamp > series.known_until:
                        told = message.last_price, message.volume, message.timestamp, held
                        self._changed(name, series, series.put_trade(*told))
                self._tick(message.instrument_id, message.timestamp)
            case protocol.OrderBook():
                self._tick(message.instrument_id, message.timestamp)

    def _tick(self, name: str, time: int) -> None:
        ticks = self._ticks.get(name)
        if ticks is None or not ticks.loaded:
            return
        quote = self._quote(name)
        fields = {field: quote.get(field, UNKNOWN) for field in TICK_FIELDS} | {"datetime": time * NANOSECONDS}
        number = ticks.add(self._conversation.now)
        told = {"last_id": number, "data": {str(number): fields}}
        self._conversation.patches.add({"ticks": {self._conversation.instruments.symbol(name): told}})
        self._move(name, 0)

    def _changed(self, name: str, series: Series, numbers: Sequence[int]) -> None:
        if not series.loaded:
            return
        self._tell(name, series, numbers)
        for chart in self._charts.values():
            if chart.duration == series.duration and name in chart.names and len(chart.names) > 1:
                main = self._series[chart.names[0], chart.duration]
                same = [number if series is main else series.same_time(number, main) for number in numbers]
                self._bind(chart, [number for number in same if number is not None])
        self._move(name, series.duration)

    def _move(self, name: str, duration: int) -> None:
        for chart_id, chart in self._charts.items():
            if chart.duration == duration and chart.names[0] == name and chart.told:
                first, last = self._range(chart)
                self._conversation.patches.add({"charts": {chart_id: {"left_id": first, "right_id": last}}})

    def _tell(self, name: str, series: Series, numbers: Sequence[int]) -> None:
        symbol, length = self._conversation.instruments.symbol(name), str(series.duration * NANOSECONDS)
        told = {"last_id": series.last, "data": series.bars(numbers)}
        self._conversation.patches.add({"klines": {symbol: {length: told}}})

    def _bind(self, chart: Chart, numbers: Iterable[int]) -> None:
        """Which bars of the others are of the time of these, the first one's."""
        if len(chart.names) < 2:
            return
        main = self._series[chart.names[0], chart.duration]
        bound: Patch = {}
        for name in chart.names[1:]:
            other = self._series[name, chart.duration]
            there = {number: main.same_time(number, other) for number in numbers if main.first <= number <= main.last}
            symbol = self._conversation.instruments.symbol(name)
            bound[symbol] = {str(number): same for number, same in there.items() if same is not None}
        symbol, length = self._conversation.instruments.symbol(chart.names[0]), str(chart.duration * NANOSECONDS)
        self._conversation.patches.add({"klines": {symbol: {length: {"binding": bound}}}})
