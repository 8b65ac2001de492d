"""An exchange with one instrument, in the process: its engine, driven directly, with time that is handed in. Prices are
in ticks, volumes in lots."""

from __future__ import annotations

from bourse_client.messages import BUY, CLOSE, OPEN, SELL

from bots.portfolio import Instrument
from bots.portfolio import Order as Shown
from trading.core.accounts import Leg
from trading.core.commands import (
    AmendOrder,
    CancelOrder,
    CheckRisk,
    Command,
    Deposit,
    ListInstrument,
    OpenAccount,
    SubmitOrder,
)
from trading.core.engine import Engine
from trading.core.events import AccountOpened, Event, LiquidationStarted, OrderAccepted
from trading.core.money import RATE, UNIT
from trading.core.types import Contract, Direction, Fee, Offset, OrderOptions, OrderType, Terms, TimeCondition

NAME = "IX"
START = 1_700_000_000_000
"""Unix milliseconds at which each market begins: any moment will do, but always the same."""
TICK, MULTIPLIER, REFERENCE = UNIT // 2, 100, 120 * UNIT
MARGIN, LIMIT = RATE // 10, RATE // 10
MOST_LOTS = 500
"""In one order."""
POST_ONLY = OrderOptions(post_only=True)


class Market:
    """One market from its beginning. `now`: milliseconds since then."""

    def __init__(self) -> None:
        self._engine = Engine()
        self.now = 0
        self.liquidated: set[int] = set()
        terms = Terms(
            name="Index future",
            margin_long=MARGIN,
            margin_short=MARGIN,
            fee_open=Fee(2 * UNIT, 0),
            fee_close=Fee(2 * UNIT, 0),
            fee_close_today=Fee(2 * UNIT, 0),
            max_volume=MOST_LOTS,
        )
        contract = Contract(
            instrument_id=NAME,
            product_id=NAME,
            tick=TICK,
            multiplier=MULTIPLIER,
            reference_price=REFERENCE,
            limit_rate=LIMIT,
        )
        self.apply(ListInstrument(contract, terms))
        self._listed = self._engine.state.instruments[NAME]
        self.instrument = Instrument(
            instrument_id=NAME,
            tick=TICK / UNIT,
            low=REFERENCE * (RATE - LIMIT) // RATE // TICK,
            high=REFERENCE * (RATE + LIMIT) // RATE // TICK,
            anchor=REFERENCE // TICK,
            last=None,
            min_volume=1,
            max_volume=MOST_LOTS,
            max_position=None,
            max_orders=None,
            margin=REFERENCE // UNIT * MULTIPLIER * MARGIN / RATE,
        )

    def apply(self, command: Command) -> list[Event]:
        events = self._engine.apply(command, START + self.now)
        self.liquidated.update(event.account_id for event in events if isinstance(event, LiquidationStarted))
        return events

    def pass_time(self, milliseconds: int) -> None:
        """The exchange looks at risk as it goes by: accounts whose margin has reached their balance are liquidated."""
        self.now += milliseconds
        self.apply(CheckRisk(warn_at=RATE * 9 // 10, limit=RATE))
        self._engine.take_changes()

    # -- accounts

    def open(self, user_id: str, funds: int) -> int:
        """An account with so much money in currency; its number."""
        opened = self.apply(OpenAccount(user_id))[0]
        assert isinstance(opened, AccountOpened), opened
        self.apply(Deposit(user_id, funds * UNIT))
        return opened.account_id

    def equity(self, account_id: int) -> float:
        """In currency, with what positions are worth now."""
        return self._engine.state.accounts[account_id].figures().balance / UNIT

    def available(self, account_id: int) -> float:
        return self._engine.state.accounts[account_id].available / UNIT

    def legs(self, account_id: int) -> tuple[int, int]:
        """Lots held long and short."""
        position = self._engine.state.accounts[account_id].positions.get(NAME)
        long, short = (position.long, position.short) if position is not None else (Leg(), Leg())
        return long.lots, short.lots

    def net(self, account_id: int) -> int:
        long, short = self.legs(account_id)
        return long - short

    # -- the book

    def depth(self, levels: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids and asks as price and lots, best first."""
        book = self._listed.book
        bids, asks = ([(price, lots) for price, lots, _ in side.depth(levels)] for side in (book.bids, book.asks))
        return bids, asks

    @property
    def last(self) -> int | None:
        return self._listed.last

    # -- orders

    def orders(self, account_id: int) -> list[Shown]:
        """Those that live."""
        return [
            Shown(
                order_id=str(order.order_id),
                instrument_id=NAME,
                direction=BUY if order.direction is Direction.BUY else SELL,
                offset=OPEN if order.offset is Offset.OPEN else CLOSE,
                price=order.price,
                volume=order.volume,
                left=order.left,
            )
            for order in self._engine.state.accounts[account_id].orders.values()
        ]

    def free(self, account_id: int, direction: str) -> int:
        """Lots that an order of this direction may close: those that no live order closes already."""
        long, short = self.legs(account_id)
        held = short if direction == BUY else long
        if held:
            for order in self._engine.state.accounts[account_id].orders.values():
                if order.offset is Offset.CLOSE and (order.direction is Direction.BUY) == (direction == BUY):
                    held -= order.left
        return max(0, held)

    def submit(
        self, account_id: int, direction: str, offset: str, volume: int, price: int | None, *, post_only: bool = False,
        waits: bool = True,
    ) -> str | None:  # fmt: skip
        """The number of the order; null where it was refused. MARKET without a price; `waits`: what is left rests."""
        events = self.apply(
            SubmitOrder(
                account_id,
                NAME,
                Direction(direction),
                Offset(offset),
                OrderType.MARKET if price is None else OrderType.LIMIT,
                volume,
                None if price is None else price * TICK,
                TimeCondition.GFD if waits and price is not None else TimeCondition.IOC,
                options=POST_ONLY if post_only else None,
            )
        )
        first = events[0]
        return str(first.order_id) if isinstance(first, OrderAccepted) else None

    def amend(self, account_id: int, order_id: str, price: int, volume: int) -> None:
        self.apply(AmendOrder(account_id, int(order_id), price * TICK, volume))

    def cancel(self, account_id: int, order_id: str) -> None:
        self.apply(CancelOrder(account_id, int(order_id)))
