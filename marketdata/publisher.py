"""The way out of public market data: makes its frames and sends them to their groups."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from marketdata import frames
from marketdata.conflation import Conflation
from marketdata.core.bars import Bar, Period
from marketdata.core.day import Statistics
from marketdata.core.depth import LEVELS, Depth
from marketdata.core.states import StateEvent
from trading import protocol
from trading.core.types import Direction, Phase
from trading.delivery.channel_groups import ALL_INSTRUMENTS, market_group, market_message


class ChannelLayer(Protocol):
    async def group_send(self, group: str, message: dict[str, Any]) -> None: ...


class MarketPublisher:
    """Books and trades. Prices come in 1/10,000, volumes in lots."""

    def __init__(self, layer: ChannelLayer) -> None:
        self._layer = layer

    def book_frame(self, depth: Depth) -> str:
        """The best levels of a book."""
        bids, asks = depth.bids[:LEVELS], depth.asks[:LEVELS]
        book = protocol.orderbook(depth.instrument_id, bids, asks, depth.time, depth.phase, depth.indicative)
        return protocol.encode(book)

    def delta_frame(self, change: Depth, *, seq: int, prev_seq: int | None) -> str:
        """What has changed since the frame `prev_seq`; everything, where that is None."""
        name, bids, asks = change.instrument_id, change.bids, change.asks
        return protocol.encode(
            protocol.orderbook_delta(name, bids, asks, change.time, seq, prev_seq, change.phase, change.indicative)
        )

    def tick_frame(
        self,
        instrument_id: str,
        price: int,
        volume: int,
        time: int,
        direction: Direction | None = None,
        day: Statistics | None = None,
    ) -> str:
        """`direction`: of the side that came to the book; `day`: the figures after the trade."""
        figures = None if day is None else frames.statistics_data(day)
        return protocol.encode(protocol.ticker(instrument_id, price, volume, time, direction, figures))

    async def send_book(self, instrument_id: str, frame: str) -> None:
        await self._send("orderbook", instrument_id, [frame])

    async def send_delta(self, instrument_id: str, frame: str) -> None:
        await self._send("orderbook_delta", instrument_id, [frame])

    async def send_ticks(self, instrument_id: str, frames: Sequence[str]) -> None:
        await self._send("ticker", instrument_id, frames)

    async def send_phase(self, instrument_id: str, phase: Phase, time: int) -> None:
        """Tell whoever follows the book, or keeps a list of instruments, that this one is in another phase of trading;
        changes of the book say so themselves."""
        frame = protocol.encode(protocol.instrument_status(instrument_id, phase, time))
        await self._send("orderbook", instrument_id, [frame])
        await self._send("instruments", ALL_INSTRUMENTS, [frame])

    async def send_states(self, events: Sequence[StateEvent], time: int) -> None:
        """Tell whoever keeps a list of instruments that it is not what it was."""
        told = [protocol.encode(protocol.instrument_state(event, time)) for event in events]
        await self._send("instruments", ALL_INSTRUMENTS, told)

    async def _send(self, channel: str, instrument_id: str, frames: Sequence[str]) -> None:
        group = market_group(channel, instrument_id)
        await self._layer.group_send(group, market_message(group, frames))


class BarPublisher:
    """Bars. Each is told at most once in `interval` seconds; its last state always is, and a bar that ends at once."""

    def __init__(self, layer: ChannelLayer, interval: float) -> None:
        self._layer = layer
        self._changed: dict[tuple[str, Period], Bar] = {}
        self._news = Conflation(self._tell_changed, interval, at_once=False)

    async def send_bars(self, bars: Sequence[Bar]) -> None:
        """The present bar of each period of the instruments that have traded."""
        ended = []
        for bar in bars:
            before = self._changed.get((bar.instrument_id, bar.period))
            if before is not None and before.start < bar.start:
                ended.append(before)
            self._changed[bar.instrument_id, bar.period] = bar
        if self._changed:
            await self._news.changed("bars")
        for bar in ended:
            await self._send(bar)

    async def _tell_changed(self, _: str) -> None:
        for key, bar in list(self._changed.items()):
            await self._send(bar)
            if self._changed.get(key) is bar:  # or it has changed once more
                del self._changed[key]

    async def _send(self, bar: Bar) -> None:
        group = market_group(kline_channel(bar.period), bar.instrument_id)
        await self._layer.group_send(group, market_message(group, [bar_frame(bar)]))

    def close(self) -> None:
        """Tell nothing more."""
        self._news.close()


class Bars(Protocol):
    def present(self, instrument_id: str) -> list[Bar]: ...


def bars_at_present(bars: Bars) -> dict[str, Callable[[str], str | None]]:
    """By channel: the present bar of an instrument as a frame, None before its first trade."""

    def frame(period: Period) -> Callable[[str], str | None]:
        return lambda name: next((bar_frame(bar) for bar in bars.present(name) if bar.period is period), None)

    return {kline_channel(period): frame(period) for period in Period}


def kline_channel(period: Period) -> str:
    """The channel of bars of one length."""
    return f"kline.{period.value}"


def bar_frame(bar: Bar) -> str:
    """A bar so far."""
    return protocol.encode(frames.kline(bar))
