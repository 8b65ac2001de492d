"""The engine and the model side by side: what each tells, and everything that can be seen of each, in the same words.

The model numbers orders 1, 2, ... as they come in; `Duel` knows which of the engine's ids is which.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from tests.core.model.books import Order, Told, profit
from tests.core.model.market import Market
from tests.core.model.rules import FIRST, PRESENT, Rules
from trading.core import events as said
from trading.core.commands import AmendOrder, BreakTrade, CancelOrder, Command, ForceCancelOrder, WithdrawAnnouncement
from trading.core.engine import Engine
from trading.core.state import State
from trading.core.types import FIRST_RULES, OrderStatus, TradeSide

Picture = dict[str, Any]
NO_ORDER = 7
"""An order id that no order has."""


class Duel:
    """Gives every command to both. `seen`: how often what has happened."""

    def __init__(self, rules: Rules = PRESENT) -> None:
        self.engine = Engine(State(FIRST_RULES)) if rules == FIRST else Engine()
        self.model = Market(rules)
        self.ids: list[int] = []
        self.trades: list[int] = []
        self.announcements: list[int] = []
        self.seen: Counter[str] = Counter()

    def play(self, command: Command, now: int) -> None:
        """AssertionError where they differ, also in how the state looks afterwards."""
        events = self.engine.apply(self.with_ids(command), now)
        expected = self.model.do(command, now)
        told = [self.words(event) for event in events]
        self.count(command, told)
        same_story(told, expected)
        assert all(getattr(event, "time", self.model.now) == self.model.now for event in events), f"at {now}: {events}"
        self.compare()

    def restore(self) -> None:
        """The engine ends, and begins again from its records."""
        self.engine = Engine.restore(self.engine.snapshot())
        self.seen["restored"] += 1
        self.compare()

    def compare(self) -> None:
        found, expected = self.engine_picture(), model_picture(self.model)
        for what, there in expected.items():
            assert found[what] == there, f"{what}: {difference(found[what], there)}"

    def count(self, command: Command, told: list[Told]) -> None:
        self.seen[type(command).__name__] += 1
        for what in told:
            self.seen[str(what[0])] += 1
            if what[0] == "cancelled":
                self.seen[f"cancelled {what[5]}"] += 1
            if what[0] == "uncrossed" and what[3]:
                self.seen["uncrossed with trades"] += 1
            if what[0] == "refused":
                self.seen[f"refused {what[1]}"] += 1

    # --- ids

    def with_ids(self, command: Command) -> Command:
        if isinstance(command, AmendOrder | CancelOrder | ForceCancelOrder):
            number = command.order_id
            known = self.ids[number - 1] if 0 < number <= len(self.ids) else NO_ORDER
            return msgspec.structs.replace(command, order_id=known)
        if isinstance(command, BreakTrade):
            buyer, seller = (
                msgspec.structs.replace(side, order_id=self.ids[side.order_id - 1])
                for side in (command.buyer, command.seller)
            )
            known = self.trades[command.trade_id - 1]
            return msgspec.structs.replace(command, trade_id=known, buyer=buyer, seller=seller)
        if isinstance(command, WithdrawAnnouncement):
            number = command.number
            known = self.announcements[number - 1] if 0 < number <= len(self.announcements) else NO_ORDER
            return WithdrawAnnouncement(known)
        return command

    def number(self, order_id: int) -> int:
        return self.ids.index(order_id) + 1

    def new(self, order_id: int) -> int:
        return begun(self.ids, order_id)

    # --- the engine's words

    def fill(self, fill: said.Fill) -> Told:
        status = OrderStatus.PARTIALLY_FILLED if fill.remaining else OrderStatus.FILLED
        assert fill.status is status
        sides = fill.direction.value, fill.offset.value
        amounts = fill.filled, fill.remaining, fill.commission, fill.close_profit
        return self.number(fill.order_id), fill.account_id, *sides, *amounts

    def words(self, event: said.Event) -> Told:
        match event:
            case said.OrderAccepted() | said.OrderWaiting():
                word = "accepted" if isinstance(event, said.OrderAccepted) else "waiting"
                return word, self.new(event.order_id), event.account_id, event.volume
            case said.OrderRepeated():
                return "repeated", self.number(event.order_id)
            case said.OrderFired():
                return "fired", self.number(event.order_id), event.account_id, event.volume
            case said.OrderAmended():
                lots = event.volume, event.filled, event.remaining
                return "amended", self.number(event.order_id), event.account_id, event.price, *lots
            case said.Traded():
                begun(self.trades, event.trade_id)
                fills = self.fill(event.taker), self.fill(event.maker)
                return "trade", event.instrument_id, event.price, event.volume, *fills
            case said.OrderCancelled():
                code = [] if event.code is None else [event.code.value]
                left = event.filled, event.remaining
                return "cancelled", self.number(event.order_id), event.account_id, *left, event.reason.value, *code
            case said.Refused():
                return "refused", event.code.value
            case said.TradeBroken():
                trade = event.instrument_id, event.price, event.volume
                return "broken", self.trade(event.trade_id), *trade, self.side(event.buyer), self.side(event.seller)
            case said.Announced():
                return "announced", begun(self.announcements, event.number)
            case said.AnnouncementWithdrawn():
                return "announcement withdrawn", self.announcements.index(event.number) + 1
        return operators_words(event)

    def trade(self, trade_id: int) -> int:
        return self.trades.index(trade_id) + 1

    def side(self, side: TradeSide) -> Told:
        return side.account_id, self.number(side.order_id), side.offset.value, side.commission, side.close_profit

    # --- what can be seen of the engine

    def engine_picture(self) -> Picture:
        records, state = self.engine.snapshot(), self.engine.state
        frozen = self.frozen(records.orders)
        return {
            "day": (records.day.trading_day, records.day.fee_groups, self.engine.firing),
            "broken": [self.trade(trade_id) for trade_id in records.day.broken],
            "announced": [
                (self.announcements.index(each.number) + 1, *msgspec.structs.astuple(each)[1:])
                for each in records.day.announcements
                if each.until > self.model.now
            ],
            "restraints": (
                *(state.day.limits, state.day.restrictions.close_only, state.day.restrictions.closing),
                *(
                    state.day.restrictions.no_connections,
                    state.day.restrictions.spared,
                    {a.account_id for a in state.accounts.values() if a.close_only},
                ),
            ),
            "instruments": {
                each.contract.instrument_id: (
                    *(each.phase.value, each.scheduled.value, each.settlement, each.mark, each.last, each.terms),
                    self.limits(each.contract.instrument_id),
                )
                for each in records.instruments
            },
            "book": {
                name: (self.depth(of.book.bids, of), self.depth(of.book.asks, of))
                for name, of in state.instruments.items()
            },
            "queues": {
                name: [self.number(order.order_id) for order in of.book.entries()]
                for name, of in state.instruments.items()
            },
            "orders": {
                self.number(each.order_id): (
                    *(each.account_id, each.instrument_id, each.direction.value, each.offset.value, each.status.value),
                    *(each.price, each.volume, each.filled, None if waits(each) else each.shown, each.stop),
                )
                for each in records.orders
            },
            "legs": {
                (account.account_id, name, long): (
                    *leg_lots(position.leg(long)),
                    *(position.leg(long).margin, position.leg_profit(long), position.leg_float_profit(long)),
                    frozen.get((account.account_id, name, long), (0, 0)),
                )
                for account in state.accounts.values()
                for name, position in account.positions.items()
                for long in (True, False)
                if position.leg(long).lots
            },
            "going": {
                (account.account_id, name, side is buying): (side.live, side.opening)
                for account in state.accounts.values()
                for name, (buying, selling) in account.going.items()
                for side in (buying, selling)
                if side.live or side.opening
            },
            "accounts": {number: account_figures(account) for number, account in state.accounts.items()},
            "deadlines": {each.account_id: (each.cancel_at, each.disconnect_at) for each in records.accounts},
            "own ids": {
                each.account_id: {name: self.number(known.order_id) for name, known in each.client_orders}
                for each in records.accounts
            },
        }

    def frozen(self, orders: Iterable[Any]) -> dict[tuple[int, str, bool], tuple[int, int]]:
        found: dict[tuple[int, str, bool], tuple[int, int]] = {}
        for each in orders:
            if each.his_held or each.today_held:
                key = each.account_id, each.instrument_id, each.direction.value == "SELL"
                his, today = found.get(key, (0, 0))
                found[key] = his + each.his_held, today + each.today_held
        return found

    def limits(self, name: str) -> tuple[int, int | None]:
        of = self.engine.state.instruments[name]
        tick = of.contract.tick
        return of.limit_down * tick, of.limit_up * tick if of.contract.limit_rate else None

    def depth(self, side: Any, of: Any) -> list[tuple[int, int, int]]:
        return [(price * of.contract.tick, volume, orders) for price, volume, orders in side.depth(1_000)]


def begun(numbers: list[int], number: int) -> int:
    """The engine has numbered one more thing of a kind; which of them it is."""
    assert not numbers or number > numbers[-1], "numbers tell what came first"
    numbers.append(number)
    return len(numbers)


def waits(record: Any) -> bool:
    return bool(record.status is OrderStatus.WAITING)


def leg_lots(leg: Any) -> tuple[int, int, int, int]:
    return leg.his, leg.today, leg.cost, leg.open_cost


def account_figures(account: Any) -> Told:
    figures = account.figures()
    return (
        *(account.user_id, account.pre_balance, account.deposits, account.withdrawals),
        *(figures.static_balance, figures.close_profit, figures.position_profit, figures.commission),
        *(figures.balance, figures.margin, figures.hold, figures.available, figures.withdrawable, figures.risk_ratio),
        *(account.rules, account.frozen, account.warned, account.liquidating, account.available),
    )


def operators_words(event: said.Event) -> Told:
    match event:
        case said.AllCancelled():
            return "all cancelled", event.account_id, event.count
        case said.CountdownSet():
            return "countdown", event.account_id, event.deadline
        case said.TimePassed():
            return ("time passed",)
        case said.RiskWatched():
            return ("risk watched",)
        case said.FiringContinued():
            return ("firing goes on",)
        case said.RulesAdopted():
            return "rules adopted", event.version
        case said.RiskWarned() | said.RiskEased() | said.LiquidationStarted() | said.LiquidationEnded():
            return RISKS[type(event)], event.account_id, event.margin, event.balance
        case said.PhasesChanged():
            return "phases", event.phase.value, event.count
        case said.PhaseChanged():
            return "phase", event.instrument_id, event.phase.value
        case said.AuctionUncrossed():
            return "uncrossed", event.instrument_id, event.price, event.volume
        case said.AccountOpened():
            return "opened", event.account_id, event.user_id
        case said.Deposited():
            return "deposited", event.account_id, event.amount
        case said.Withdrawn():
            return "withdrawn", event.account_id, event.amount
        case said.TransferSent():
            return "sent", event.account_id, event.transfer
        case said.TransferReceived():
            return "received", event.account_id, event.transfer, event.returned
        case said.AccountFrozen():
            return "frozen", event.account_id, event.frozen
        case said.OrdersCancelled():
            return "orders cancelled", event.orders
        case said.CloseOnlySet():
            return "close only", event.account_id, event.close_only, event.orders
        case said.LiquidationStopped():
            return "liquidation stopped", event.account_id, event.stopped, event.orders
        case said.ConnectionsRefused():
            return "connections", event.refused
        case said.MarketLimitsSet():
            return ("market limits",)
        case said.RulesSet():
            return "rules", event.account_id
        case said.FeeGroupSet():
            return "fee group", event.name
        case said.InstrumentListed():
            return "listed", event.instrument_id
        case said.TermsChanged():
            return "terms", event.instrument_id
    return settlement_words(event)


RISKS: dict[type, str] = {
    said.RiskWarned: "warned",
    said.RiskEased: "eased",
    said.LiquidationStarted: "liquidation starts",
    said.LiquidationEnded: "liquidation ends",
}


def settlement_words(event: said.Event) -> Told:
    match event:
        case said.DaySettled():
            return "day settled", event.day, event.next_day
        case said.InstrumentSettled():
            return "settled", event.instrument_id, event.day, event.price, event.delisted
        case said.PositionExpired():
            lots = event.long, event.short
            return "expired", event.account_id, event.instrument_id, *lots, event.price, event.close_profit
        case said.Statement():
            lines = tuple(
                (each.instrument_id, each.long, each.short, each.price, each.margin) for each in event.positions
            )
            counters = event.opening, event.deposits, event.withdrawals, event.close_profit, event.position_profit
            result = event.commission, event.closing, event.margin, lines
            return "statement", event.account_id, event.day, *counters, *result
    raise AssertionError(f"the model has no word for {event}")


# --- what can be seen of the model


def model_picture(model: Market) -> Picture:
    return {
        "day": (model.day, model.groups, model.behind()),
        "broken": model.broken,
        "announced": model.shown_announcements(),
        "restraints": (
            *(model.limits, model.nobody_opens, tuple(sorted(model.closing)), model.no_connections),
            tuple(sorted(model.spared)),
            model.closing | model.spared,
        ),
        "instruments": {
            name: (
                *(of.phase.value, of.scheduled.value, of.settlement, of.mark, of.last, of.terms),
                (of.low, of.high),
            )
            for name, of in model.instruments.items()
        },
        "book": {name: (levels(model, name, True), levels(model, name, False)) for name in model.instruments},
        "queues": {
            name: [order.number for buy in (True, False) for order in model.queue(name, buy)]
            for name in model.instruments
        },
        "orders": {
            order.number: (
                *(order.account, order.name, "BUY" if order.buy else "SELL", order.offset.value, status(order)),
                *(order.price, order.volume, order.filled, None if order.waits else order.shown, order.stop),
            )
            for order in model.orders
        },
        "legs": {key: leg_figures(model, *key) for key, leg in model.legs.items() if leg.lots},
        "going": {
            key: (len(orders), sum(order.left for order in orders if order.opens and order.resting))
            for key, orders in by_side(model).items()
        },
        "accounts": {number: figures(model, number) for number in model.accounts},
        "deadlines": {number: (each.cancel_at, each.disconnect_at) for number, each in model.accounts.items()},
        "own ids": {
            number: {name: known[0] for name, known in each.own_ids.items()} for number, each in model.accounts.items()
        },
    }


def by_side(model: Market) -> dict[tuple[int, str, bool], list[Order]]:
    """Live orders of an account, an instrument and a side."""
    found: dict[tuple[int, str, bool], list[Order]] = {}
    for order in model.orders:
        found.setdefault((order.account, order.name, order.buy), []).append(order)
    return found


def status(order: Any) -> str:
    if order.waits:
        return "Waiting"
    return "PartiallyFilled" if order.filled else "Submitted"


def levels(model: Market, name: str, buy: bool) -> list[tuple[int, int, int]]:
    """(price, lots that are shown, orders), best first."""
    queue = model.queue(name, buy)
    prices = dict.fromkeys(order.price for order in queue)
    at = {price: [order.shown for order in queue if order.price == price] for price in prices}
    return [(price, sum(shown), len(shown)) for price, shown in at.items()]


def leg_figures(model: Market, account: int, name: str, long: bool) -> Told:
    of, leg = model.instruments[name], model.legs[account, name, long]
    closings = [o for o in model.orders if (o.account, o.name, o.buy) == (account, name, not long)]
    worth = leg.lots * of.worth
    return (
        *(sum(each.lots for each in leg.his), sum(each.lots for each in leg.today), leg.cost, leg.paid),
        *(model.leg_margin(of, long, leg), profit(long, worth, leg.cost), profit(long, worth, leg.paid)),
        (sum(order.his_held for order in closings), sum(order.today_held for order in closings)),
    )


def figures(model: Market, number: int) -> Told:
    of = model.accounts[number]
    margin, balance = model.margin(number), model.balance(number)
    available = model.available(number)
    return (
        *(of.user, of.opening, of.deposits, of.withdrawals, of.opening + of.deposits - of.withdrawals),
        *(of.close_profit, model.position_profit(number), of.commission, balance, margin, model.hold(number)),
        *(available, model.withdrawable(number), ratio(margin, balance)),
        *(of.rules, of.frozen, of.warned, of.liquidating, available),
    )


def ratio(margin: int, balance: int) -> float:
    """Margin / balance to six decimals; where no balance is left, a number that is larger than all others."""
    if balance <= 0:
        return 9999.0 if margin else 0.0
    return min(9999.0, round(margin / balance, 6))


# --- comparing


def same_story(told: list[Told], expected: list[Told]) -> None:
    """The same in the same order; when the rest of a group goes is seen in the trades that follow."""
    found, right = settled(told), settled(expected)
    assert len(found) == len(right), f"told {found}, expected {right}"
    for one, other in zip(found, right, strict=True):
        codes = other[-1] if other and isinstance(other[-1], frozenset) else None
        if codes is None:
            assert one == other, f"told {one}, expected {other}"
        else:
            plain = one[: len(other) - 1]
            code = one[len(other) - 1 :]
            assert plain == other[:-1], f"told {one}, expected {other}"
            assert set(code) <= codes and bool(code) == bool(codes), f"told {one}, expected {other}"


def settled(told: list[Told]) -> list[Told]:
    group = [each for each in told if each[0] == "cancelled" and each[5] == "OCO"]
    return [each for each in told if each not in group] + sorted(group, key=lambda each: each[1])


def difference(found: Any, expected: Any) -> str:
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = [key for key in {**found, **expected} if found.get(key) != expected.get(key)]
        return "; ".join(f"{key} is {found.get(key)}, expected {expected.get(key)}" for key in keys)
    return f"is {found}, expected {expected}"
