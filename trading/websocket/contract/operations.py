"""What clients may send and how each is answered, and what the exchange tells unasked: by message, once.

A message that stands nowhere in these tables is in no document, which a test does not let pass.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import msgspec

from trading import protocol
from trading.core.codes import Code
from trading.protocol.market_data import InstrumentStatus
from trading.schemas.refusals import AMEND_CODES, KNOWN_CODES, ORDER_CODES

Message = type[msgspec.Struct]
Right = Literal["anybody", "user", "trader"]
"""Who may send it: anybody, whoever has signed in, or with a token that may trade."""


class Request(NamedTuple):
    """A message of clients. `answer`: None where none follows. `data`: of a query, what its answer has. `codes`: why it
    may be refused, beyond what everything may be refused for."""

    message: Message
    meaning: str
    answer: Message | None
    right: Right = "anybody"
    codes: Sequence[Code] = ()
    data: Sequence[str] = ()


class Push(NamedTuple):
    """A message of the exchange that answers nothing. `channel`: where one subscribes to it; None: it comes by
    itself."""

    message: Message
    meaning: str
    channel: str | None = None


_FOR_ACCOUNT = (Code.ACCOUNT_NOT_FOUND,)
_FOR_INSTRUMENT = (Code.INSTRUMENT_UNKNOWN,)
_PRIVATE = (*_FOR_ACCOUNT, *_FOR_INSTRUMENT)

REQUESTS = (
    Request(
        protocol.Auth,
        "Signs in. Nothing private is told before it has succeeded.",
        protocol.AuthResponse,
    ),
    Request(
        protocol.Logout,
        "Makes the connection nobody's: no private message comes after the answer.",
        protocol.LogoutResponse,
        "user",
    ),
    Request(
        protocol.Resume,
        "Asks for the private messages that were missed. Behind the answer come those after `last_seq`, as they were"
        " sent, or a snapshot in their place, and then the live ones.",
        protocol.ResumeResponse,
        "user",
        _FOR_ACCOUNT,
    ),
    Request(
        protocol.SetSession,
        "Says what becomes of the orders when this connection ends without `logout`.",
        protocol.SetSessionResponse,
        "trader",
        _FOR_ACCOUNT,
    ),
    Request(
        protocol.Subscribe,
        "Follows channels. An unknown channel or instrument makes all of it fail; `trade`, `order_status` and"
        " `account_update` are for those who have signed in.",
        protocol.SubscribeResponse,
    ),
    Request(
        protocol.Unsubscribe,
        "Leaves channels. Nothing of them comes behind the answer.",
        protocol.SubscribeResponse,
    ),
    Request(protocol.Ping, "Asks whether the exchange is there.", protocol.PongFrame),
    Request(protocol.Pong, "Answers a ping of the exchange. Every other message is a sign of life, too.", None),
    Request(
        protocol.SubmitOrder,
        "Places an order. Its answer comes when the order is stored, then what became of it.",
        protocol.OrderResponse,
        "trader",
        ORDER_CODES,
    ),
    Request(
        protocol.AmendOrder,
        "Changes the price or the volume (all lots, filled ones included) of an own order.",
        protocol.OrderResponse,
        "trader",
        AMEND_CODES,
    ),
    Request(protocol.CancelOrder, "Cancels an own order.", protocol.OrderResponse, "trader", KNOWN_CODES),
    Request(
        protocol.CancelAll,
        "Cancels all own orders, or those of an instrument or a side.",
        protocol.CancelAllResponse,
        "trader",
        _PRIVATE,
    ),
    Request(
        protocol.CancelAfter,
        "The dead man's switch: all own orders are cancelled when the time has passed, unless it is set anew before.",
        protocol.CancelAfterResponse,
        "trader",
        _FOR_ACCOUNT,
    ),
    Request(
        protocol.SubmitOrders,
        "Places up to 50 orders, one after the other: nothing comes between them. Each has a result of its own.",
        protocol.OrdersResponse,
        "trader",
        ORDER_CODES,
    ),
    Request(
        protocol.CancelOrders,
        "Cancels up to 50 own orders. Each has a result of its own.",
        protocol.OrdersResponse,
        "trader",
        KNOWN_CODES,
    ),
    Request(
        protocol.QueryOrder,
        "An own order, as it is after all that this connection has sent before.",
        protocol.QueryResponse,
        "user",
        (Code.ORDER_NOT_FOUND,),
        ("order",),
    ),
    Request(
        protocol.QueryAccount,
        "The own account, valued at the last prices.",
        protocol.QueryResponse,
        "user",
        _FOR_ACCOUNT,
        ("account",),
    ),
    Request(
        protocol.QueryPosition,
        "The own positions that are not flat.",
        protocol.QueryResponse,
        "user",
        _PRIVATE,
        ("positions",),
    ),
    Request(
        protocol.QueryOrders,
        "Own orders, newest first, in pages.",
        protocol.QueryResponse,
        "user",
        _PRIVATE,
        ("orders", "next", "archived_until"),
    ),
    Request(
        protocol.QueryTrades,
        "Own trades, newest first, in pages.",
        protocol.QueryResponse,
        "user",
        (*_PRIVATE, Code.ORDER_NOT_FOUND),
        ("trades", "next", "archived_until"),
    ),
    Request(
        protocol.QueryStatements,
        "Statements of settled days, newest first.",
        protocol.QueryResponse,
        "user",
        _FOR_ACCOUNT,
        ("statements",),
    ),
    Request(
        protocol.QueryInstruments,
        "What the instruments are: ticks, limits, margin, fees, phase, prices.",
        protocol.QueryResponse,
        codes=_FOR_INSTRUMENT,
        data=("instruments",),
    ),
    Request(
        protocol.QueryBars,
        "Bars of an instrument, newest first.",
        protocol.QueryResponse,
        codes=_FOR_INSTRUMENT,
        data=("bars",),
    ),
    Request(
        protocol.QueryPublicTrades,
        "The last trades of an instrument, newest first.",
        protocol.QueryResponse,
        codes=_FOR_INSTRUMENT,
        data=("public_trades",),
    ),
    Request(
        protocol.QueryStatistics,
        "The trading day in figures, of one instrument or all.",
        protocol.QueryResponse,
        codes=_FOR_INSTRUMENT,
        data=("statistics",),
    ),
)

PUSHES = (
    Push(protocol.Trade, "An own order has traded.", "trade"),
    Push(
        protocol.OrderStatusFrame,
        "An own order has changed. It comes to whoever has signed in, subscribed or not.",
        "order_status",
    ),
    Push(
        protocol.AccountUpdate,
        "The own account has changed: by its orders, trades, money, rules or a settlement, not by prices alone. It"
        " comes to whoever has signed in, subscribed or not.",
        "account_update",
    ),
    Push(
        protocol.Portfolio,
        "The own account at the present prices, while they move. It is not numbered, and not kept for `resume`.",
        "portfolio",
    ),
    Push(protocol.RiskWarning, "The own account is near liquidation."),
    Push(protocol.Liquidation, "The exchange begins to close own positions, or has ended it."),
    Push(protocol.PositionExpired, "An instrument has expired, and with it an own position."),
    Push(protocol.Statement, "The day is settled: the own statement of it."),
    Push(protocol.Snapshot, "All that private messages tell about, where `resume` asks for what is not kept."),
    Push(protocol.OrderBook, "The ten best levels of each side: at once, then after changes.", "orderbook"),
    Push(
        protocol.OrderBookDelta,
        "The whole book of 100 levels a side at once, then what has changed in it.",
        "orderbook_delta",
    ),
    Push(protocol.Ticker, "A trade of the market, and the day in figures after it.", "ticker"),
    Push(protocol.Kline, "The present bar: at once, then after changes.", "kline"),
    Push(
        InstrumentStatus,
        "An instrument trades otherwise than before. The channel `orderbook` tells it of the instruments that one"
        " follows, `instruments` of all.",
        "instruments",
    ),
    Push(
        protocol.InstrumentState,
        "What queries tell of an instrument has changed: it is listed, changed, settled or delisted.",
        "instruments",
    ),
    Push(
        protocol.TradeBroken,
        "An operator has taken back an own trade: lots and profit are as without it. An account update follows.",
    ),
    Push(
        protocol.Announcements,
        "All that operators announce to everybody or to this user: at once, then after changes.",
        "announcements",
    ),
    Push(protocol.Announcement, "A sentence of the exchange to everybody."),
    Push(
        protocol.Error,
        "What cannot be read, or may not be asked, is refused with it. Messages to the engine that can be read are"
        " refused by their own answer.",
    ),
    Push(
        protocol.PingFrame,
        "Asks for a sign of life. Any message is one, and so is the pong of WebSocket that libraries send.",
    ),
)

COMMON = (Code.MALFORMED, Code.TOO_FAST, Code.UNAVAILABLE)
"""Why anything may be refused."""


def codes_of(request: Request) -> list[Code]:
    """Every code with which it may be refused."""
    codes = {*COMMON, *request.codes}
    codes |= {Code.NOT_AUTHENTICATED} if request.right != "anybody" or request.message is protocol.Subscribe else set()
    codes |= {Code.FORBIDDEN} if request.right == "trader" else set()
    codes |= {Code.UNKNOWN_OUTCOME} if request.message in get_args(protocol.EngineMessage) else set()
    return sorted(codes)
