"""The words of the exchange: sides, offsets, states and the definition of an instrument.

Knows no rule and no state; everything else in the core is built from these.
"""

import re
from enum import IntEnum, StrEnum
from typing import Final

import msgspec

NAME = re.compile(r"\A[A-Za-z0-9_.-]{1,64}\Z")
"""Users and instruments name channel groups, which allow no other characters."""

MOST_LOTS: Final = 1_000_000
"""The largest order that any instrument may allow."""

FIRST_RULES: Final = 0
PRESENT_RULES: Final = 1
"""Versions of the market's rules. A journal is replayed under the rules that it was written under: a market has those
of the first release until an `AdoptRules` says otherwise. What differed then is in `rules/first_release.py`."""


class Direction(StrEnum):
    """Side of an order."""

    BUY = "BUY"
    SELL = "SELL"


class Offset(StrEnum):
    """What an order does to the position (CTP's CombOffsetFlag)."""

    OPEN = "OPEN"
    CLOSE = "CLOSE"
    CLOSETODAY = "CLOSETODAY"
    CLOSEYESTERDAY = "CLOSEYESTERDAY"


class OrderType(StrEnum):
    """LIMIT names its price; MARKET takes what the book has inside the day's limits, the rest is cancelled."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"


class TimeCondition(StrEnum):
    """How long an order stays: GFD for the trading day, GTC until cancelled, GTD until its `expires_at`; IOC: what
    is not filled at once is cancelled; FOK: filled at once and wholly, or cancelled wholly."""

    GFD = "GFD"
    GTC = "GTC"
    GTD = "GTD"
    IOC = "IOC"
    FOK = "FOK"


class SelfTrade(StrEnum):
    """What happens where an incoming order would trade with an order of the same account."""

    CANCEL_TAKER = "CANCEL_TAKER"
    CANCEL_MAKER = "CANCEL_MAKER"
    CANCEL_BOTH = "CANCEL_BOTH"


class Trigger(StrEnum):
    """Which price a waiting order watches: the last trade's, the best bid or the best ask."""

    LAST = "LAST"
    BID = "BID"
    ASK = "ASK"


class StopKind(StrEnum):
    """STOP fires when the price has gone against the position (a buyer's: up to it), TAKE_PROFIT when it has gone with
    it (a buyer's: down to it)."""

    STOP = "STOP"
    TAKE_PROFIT = "TAKE_PROFIT"


class Restrictions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What operators have switched off. `close_only`: nobody opens positions; `closing`: numbers of the accounts that
    do not, in order; `no_connections`: nobody else may connect; `spared`: numbers of the accounts that are not
    liquidated on this trading day, in order."""

    close_only: bool = False
    closing: tuple[int, ...] = ()
    no_connections: bool = False
    spared: tuple[int, ...] = ()

    def only_closes(self, account_id: int) -> bool:
        """Whether an account of this number opens nothing, whatever holds for all."""
        return account_id in self.closing or account_id in self.spared


NOTHING_OFF = Restrictions()


class TradeSide(msgspec.Struct, frozen=True):
    """One side of a trade that is to be broken, or is: what it did to the account. Money in 1/10,000."""

    account_id: int
    order_id: int
    offset: Offset
    commission: int
    close_profit: int


class Announcement(msgspec.Struct, frozen=True, omit_defaults=True):
    """What operators tell everybody, or one user, until some time. `stop_at`: when the exchange is to stop, which is
    counted down to. Times are Unix milliseconds."""

    number: int
    text: str
    made_at: int
    until: int
    user_id: str | None = None
    stop_at: int | None = None


class CancelReason(StrEnum):
    """Why what was left of an order is gone."""

    ASKED = "ASKED"  # by its owner
    UNFILLED = "UNFILLED"  # IOC, FOK and MARKET do not rest
    SELF_TRADE = "SELF_TRADE"
    OCO = "OCO"  # another order of its group fired or traded
    EXPIRED = "EXPIRED"  # GTD
    COUNTDOWN = "COUNTDOWN"  # `cancel_after` ran out
    DISCONNECT = "DISCONNECT"
    REFUSED = "REFUSED"  # a stop that could not be taken when it fired
    SETTLEMENT = "SETTLEMENT"  # the trading day is over, or the order does not fit the new day
    AUCTION = "AUCTION"  # it could not be paid in an auction
    LIQUIDATION = "LIQUIDATION"
    OPERATOR = "OPERATOR"


class OrderStatus(StrEnum):
    """State of an order, in the protocol's words. Waiting is ours: a stop that has not fired."""

    WAITING = "Waiting"
    SUBMITTED = "Submitted"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELLED = "Cancelled"


LIVE = (OrderStatus.WAITING, OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED)
"""The states of an order that is not finished."""

NEXT_STATUS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.WAITING: frozenset({OrderStatus.SUBMITTED, OrderStatus.CANCELLED}),
    OrderStatus.SUBMITTED: frozenset({OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.CANCELLED}),
    OrderStatus.PARTIALLY_FILLED: frozenset({OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.CANCELLED}),
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
}
"""Every move an order may make. Filled and Cancelled are final."""


class Due(IntEnum):
    """What a deadline is about."""

    ORDER = 0
    COUNTDOWN = 1
    DISCONNECT = 2


class Phase(StrEnum):
    """Trading phase of an instrument. Auction: orders gather, and trade all at one price at its end. Halted and closed:
    cancels only. Delisted: for good."""

    CLOSED = "closed"
    AUCTION = "auction"
    CONTINUOUS = "continuous"
    HALTED = "halted"
    DELISTED = "delisted"


COLLAR: Final = 10_000_000
"""10 % (in 1/100,000,000): how far from the last price a MARKET order trades, where nothing else is said."""


class Fee(msgspec.Struct, frozen=True):
    """Commission of one kind of fill: `per_lot` in money units, plus `rate` (1/100,000,000) of the notional."""

    per_lot: int = 0
    rate: int = 0


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator may change on a listed instrument. Rates are in 1/100,000,000.

    `max_position`: lots an account may have in one direction, orders to open included; `max_orders`: live orders of an
    account; 0: no limit. `larger_side`: only the larger side of the product pays margin (单向大边); all instruments of
    a product should agree. `last_day`: the trading day (YYYYMMDD) with whose settlement it expires; 0: never.
    `collar`: where there are no price limits, how far from the last price MARKET orders trade; UNSET: COLLAR. (Unset
    fields are not stored, so terms that an earlier release has stored are what they were.)
    """

    name: str
    margin_long: int
    margin_short: int
    fee_open: Fee = Fee()
    fee_close: Fee = Fee()
    fee_close_today: Fee = Fee()
    min_volume: int = 1
    max_volume: int = 1_000
    max_position: int = 0
    max_orders: int = 0
    larger_side: bool = False
    last_day: int = 0
    collar: int | msgspec.UnsetType = msgspec.UNSET


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """What never changes once an instrument is listed.

    `tick`: smallest price step, in 1/10,000 of the currency. `multiplier`: units of the underlying a lot.
    `reference_price` (1/10,000, on the tick) and `limit_rate` (1/100,000,000; 0: no limit) give the first day's limits.
    """

    instrument_id: str
    product_id: str
    tick: int
    multiplier: int
    reference_price: int
    limit_rate: int = 0


class OrderOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an order wants to be handled beyond the plain case; a plain order has none. Prices in 1/10,000.

    `expires_at`: Unix ms, for GTD. `valid_until`: Unix ms, too late is refused. `display_volume`: lots it shows.
    `stop_price`, or `trail` (distance that it keeps behind the best price since), make it wait for its `trigger`.
    Of the orders of an `oco_group` the first to fire or trade cancels the others. `stp` None: the account's default.
    `price_levels`: a MARKET order trades at so many of the best prices of the other side, as they are when it goes to
    the book (CFFEX's 最优一档 and 最优五档, 即时成交剩余撤销; CTP's BestPrice and FiveLevelPrice with IOC). 1 or more.
    """

    expires_at: int | None = None
    valid_until: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    display_volume: int | None = None
    stop_price: int | None = None
    stop_kind: StopKind = StopKind.STOP
    trigger: Trigger = Trigger.LAST
    trail: int | None = None
    oco_group: str | None = None
    stp: SelfTrade | None = None
    price_levels: int | None = None

    @property
    def waits(self) -> bool:
        """Whether the order waits for a price before it goes to the book."""
        return self.stop_price is not None or self.trail is not None


PLAIN = OrderOptions()


def lasting(options: OrderOptions | None) -> OrderOptions | None:
    """What an order is known by when it is sent again: how long it is valid is not part of it."""
    if options is not None and options.valid_until is not None:
        options = msgspec.structs.replace(options, valid_until=None)
    return None if options == PLAIN else options


class MarketLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an account may have at once in all instruments together, waiting orders being live ones too; 0: no limit."""

    live_orders: int = 0
    waiting_orders: int = 0
    trailing_stops: int = 0


NO_LIMITS = MarketLimits()


class AccountRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator may set on an account. Limits override those of every instrument and those of the market; None:
    the instrument's or the market's own."""

    stp: SelfTrade = SelfTrade.CANCEL_MAKER
    fee_group: str = ""
    max_volume: int | None = None
    max_position: int | None = None
    max_orders: int | None = None
    live_orders: int | None = None
    waiting_orders: int | None = None
    trailing_stops: int | None = None


NO_RULES = AccountRules()


class Figures(msgspec.Struct, frozen=True):
    """The money of an account at one moment, as every page and frame shows it."""

    static_balance: int
    close_profit: int
    position_profit: int
    commission: int
    margin: int
    hold: int

    @property
    def balance(self) -> int:
        return self.static_balance + self.close_profit + self.position_profit - self.commission

    @property
    def frozen(self) -> int:
        return self.margin + self.hold

    @property
    def available(self) -> int:
        return self.balance - self.frozen

    @property
    def withdrawable(self) -> int:
        """What may be taken out: unrealised gains stay in, unrealised losses count."""
        return self.available - max(0, self.position_profit)

    @property
    def profit(self) -> int:
        """Profit of the day, the protocol's `profit`."""
        return self.position_profit + self.close_profit

    @property
    def risk_ratio(self) -> float:
        return risk_ratio(self.margin, self.balance)


WIPED_OUT = 9999.0
"""The risk ratio that is shown when margin is used and no balance is left, where the quotient has no meaning."""


def risk_ratio(margin: int, balance: int) -> float:
    """Margin / balance, to six decimals."""
    if balance > 0:
        return min(round(margin / balance, 6), WIPED_OUT)
    return WIPED_OUT if margin else 0.0


class Transfer(msgspec.Struct, frozen=True):
    """Money of a user that goes from one market to another: it has left the source before it is at the target."""

    transfer_id: str
    user_id: str
    source: str
    target: str
    amount: int


def stored_name(kind: msgspec.Struct | type[msgspec.Struct]) -> str:
    """The name of a command or an event in everything that outlives the process, and in what others read by name: the
    journal, the operators' commands, keys, metrics, logs. It is the struct's tag, so the class may be renamed."""
    return str(kind.__struct_config__.tag)


def is_day(number: int) -> bool:
    """Whether a number has the form of a trading day, YYYYMMDD. Calendars must be able to go on from it."""
    year, month, day = number // 10_000, number // 100 % 100, number % 100
    return 2000 <= year <= 2999 and 1 <= month <= 12 and 1 <= day <= 31
