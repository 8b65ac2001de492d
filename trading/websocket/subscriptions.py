"""What one connection wants to hear: a pure record of subscriptions, and the rules of adding and taking away."""

from collections.abc import Iterable

from trading.delivery.channel_groups import ALL_INSTRUMENTS, PORTFOLIO
from trading.websocket.announcement_board import CHANNEL

MARKET_CHANNELS = ("instruments",)
"""They speak of all instruments, those too that are yet to be listed."""
PUBLIC_CHANNELS = ("orderbook", "ticker", "orderbook_delta", "kline", *MARKET_CHANNELS)
PRIVATE_CHANNELS = ("trade", "account_update", "order_status", PORTFOLIO)
CHANNELS = (*PRIVATE_CHANNELS[:1], *PUBLIC_CHANNELS, *PRIVATE_CHANNELS[1:], CHANNEL)


def public(channels: Iterable[str], period: str) -> list[str]:
    """The public ones of some channels; bars of each period have a channel of their own."""
    found = [channel for channel in channels if channel in PUBLIC_CHANNELS]
    return [f"kline.{period}" if channel == "kline" else channel for channel in found]


def _pairs(channels: Iterable[str], instruments: Iterable[str], period: str) -> set[tuple[str, str]]:
    names = set(instruments)
    return {
        (channel, name)
        for channel in public(channels, period)
        for name in ((ALL_INSTRUMENTS,) if channel in MARKET_CHANNELS else names)
    }


class Subscriptions:
    """Public channels by instrument, and which of the user's own trades are wanted.

    Order states and account updates of the authenticated user always come. Trades come for all instruments when
    the connection named its user in the URL, otherwise for those subscribed; what is unsubscribed stops.
    """

    def __init__(self, all_trades: bool) -> None:
        self.public: set[tuple[str, str]] = set()
        self._all_trades = all_trades
        self._trades: set[str] = set()
        self._unwanted_trades: set[str] = set()

    def add(self, channels: Iterable[str], instruments: Iterable[str], period: str = "") -> set[tuple[str, str]]:
        """Subscribe; returns the public (channel, instrument) pairs asked for. No instrument means all, for trades."""
        names = set(instruments)
        if "trade" in channels:
            self._trades |= names
            self._unwanted_trades -= names
            if not names:
                self._all_trades = True
                self._unwanted_trades.clear()
        asked = _pairs(channels, names, period)
        self.public |= asked
        return asked

    def would_be(self, channels: Iterable[str], instruments: Iterable[str], period: str = "") -> int:
        """How many public pairs there would be with these."""
        return len(self.public | _pairs(channels, instruments, period))

    def remove(self, channels: Iterable[str], instruments: Iterable[str], period: str = "") -> set[tuple[str, str]]:
        """Unsubscribe; returns the public pairs that were subscribed until now. No instrument means all."""
        names = set(instruments)
        if "trade" in channels:
            self._trades -= names
            self._unwanted_trades |= names
            if not names:
                self._all_trades = False
                self._trades.clear()
        left = public(channels, period)
        wanted = {*names, ALL_INSTRUMENTS}
        gone = {pair for pair in self.public if pair[0] in left and (not names or pair[1] in wanted)}
        self.public -= gone
        return gone

    def wants_trade(self, instrument_id: str) -> bool:
        return instrument_id in self._trades or (self._all_trades and instrument_id not in self._unwanted_trades)
