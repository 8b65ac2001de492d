"""A twin of the whole market, slow and plain: lists, loops and sums, written from `docs/market-rules.md`.

Knows nothing of the engine's code and remembers no sum: what an account has, holds and may do is counted anew at every
look. Prices and money are in 1/10,000. Where the rules leave two answers open it takes the engine's. Liquidation is
left to others: after it the twin is made anew from the engine's records.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from trading.core.commands import (
    AmendOrder,
    CancelAfter,
    CancelAll,
    CancelAnyOrder,
    CancelOrder,
    ChangePhase,
    ChangeTerms,
    Command,
    Deposit,
    FreezeAccount,
    HaltInstrument,
    ListInstrument,
    OpenAccount,
    PassTime,
    ResumeInstrument,
    SetAccountRules,
    SetFeeGroup,
    SetPhase,
    Settle,
    SubmitOrder,
    WatchRisk,
    Withdraw,
)
from trading.core.events import Event, OrderAccepted, OrderCancelled, OrderWaiting, Refused
from trading.core.snapshot import Snapshot
from trading.core.types import (
    AccountRules,
    CancelReason,
    Contract,
    Fee,
    Handling,
    Offset,
    OrderType,
    Phase,
    SelfTrade,
    StopKind,
    Terms,
    TimeCondition,
    Trigger,
)

WHOLE = 100_000_000
"""A rate of 1."""

NO_END = 10**18
STAYS = (TimeCondition.GTC, TimeCondition.GTD)
RESTS = (TimeCondition.GFD, *STAYS)
NOTHING = Handling()

Told = tuple[Any, ...]
"""What happened, in one line: ("cancelled", order id, lots, reason) and so on."""

Key = tuple[int, str, bool]
"""(account, instrument, is it the long side)."""


class Lots(msgspec.Struct):
    """One side of a position."""

    his: int = 0
    today: int = 0
    his_cost: int = 0
    today_cost: int = 0
    his_paid: int = 0

    @property
    def all(self) -> int:
        return self.his + self.today

    @property
    def cost(self) -> int:
        return self.his_cost + self.today_cost


class Placed(msgspec.Struct, eq=False):
    """A live order. `place`: who came first. `stop`: where it fires, None when it does not wait (any more).
    `held_at`: the price that a lot's margin is held at."""

    order_id: int
    account: int
    name: str
    is_buy: bool
    offset: Offset
    market: bool
    stays: TimeCondition
    price: int
    volume: int
    left: int
    shown: int
    handling: Handling
    place: int
    stop: int | None = None
    waits: bool = False
    his_held: int = 0
    today_held: int = 0
    held_at: int = 0

    @property
    def opens(self) -> bool:
        return self.offset is Offset.OPEN

    @property
    def rises(self) -> bool:
        """Whether it fires at its stop price and above."""
        return self.is_buy == (self.handling.stop_kind is StopKind.STOP)

    def takes(self, price: int) -> bool:
        """Whether it would trade at a price."""
        return self.market or (price <= self.price if self.is_buy else price >= self.price)


class Listed(msgspec.Struct):
    contract: Contract
    terms: Terms
    phase: Phase
    scheduled: Phase
    settlement: int
    mark: int | None = None
    last: int | None = None

    @property
    def low(self) -> int:
        """The lowest price of the day."""
        tick, rate = self.contract.tick, self.contract.limit_rate
        return -(-self.settlement * (WHOLE - rate) // (WHOLE * tick)) * tick if rate else tick

    @property
    def high(self) -> int:
        tick, rate = self.contract.tick, self.contract.limit_rate
        return self.settlement * (WHOLE + rate) // (WHOLE * tick) * tick if rate else NO_END

    def value(self, price: int | None) -> int:
        """What a lot is worth."""
        return (price or 0) * self.contract.multiplier


class Holder(msgspec.Struct):
    """An account: its counters of the day, and what operators and clocks say of it."""

    user_id: str
    pre_balance: int = 0
    deposits: int = 0
    withdrawals: int = 0
    close_profit: int = 0
    commission: int = 0
    rules: AccountRules = AccountRules()
    frozen: bool = False
    liquidating: bool = False
    cancel_at: int | None = None
    disconnect_at: int | None = None
    own_ids: dict[str, int] = {}
    asked: dict[str, SubmitOrder] = {}


class NaiveMarket:
    """`do` does a command and tells what has happened; `picture` is all that is remembered."""

    def __init__(self, records: Snapshot) -> None:
        self.now = 0
        self.day = records.day.trading_day
        self.factors = dict(records.day.fee_groups)
        self.instruments = {
            r.contract.instrument_id: Listed(r.contract, r.terms, r.phase, r.scheduled, r.settlement, r.mark, r.last)
            for r in records.instruments
        }
        self.accounts: dict[int, Holder] = {}
        for account in records.accounts:
            known = {name: each.order_id for name, each in account.client_orders}
            self.accounts[account.account_id] = Holder(
                account.user_id,
                *(account.pre_balance, account.deposits, account.withdrawals, account.close_profit, account.commission),
                *(account.rules, account.frozen, account.liquidating, account.cancel_at, account.disconnect_at),
                own_ids=known,
            )
        self.lots: dict[Key, Lots] = {}
        for position in records.positions:
            for is_long, leg in ((True, position.long), (False, position.short)):
                if leg.his or leg.today:
                    self.lots[position.account_id, position.instrument_id, is_long] = Lots(
                        leg.his, leg.today, leg.his_cost, leg.today_cost, leg.his_open_cost
                    )
        self.orders: list[Placed] = []
        self.met: list[Placed] = []
        self.places = 0
        for record in records.orders:
            waits = record.status.value == "Waiting"
            self.orders.append(
                Placed(
                    record.order_id,
                    record.account_id,
                    record.instrument_id,
                    record.direction.value == "BUY",
                    record.offset,
                    record.order_type is OrderType.MARKET,
                    record.time_condition,
                    record.price,
                    record.volume,
                    record.volume - record.filled,
                    record.shown,
                    record.handling or NOTHING,
                    self.next_place(),
                    record.stop if waits else None,
                    waits,
                    record.his_held,
                    record.today_held,
                    self.hold_price(record.instrument_id, record.direction.value == "BUY", record.price),
                )
            )
        self.told: list[Told] = []
        self.heard: list[Event] = []

    def next_place(self) -> int:
        self.places += 1
        return self.places

    def tell(self, *what: Any) -> None:
        self.told.append(what)

    # --- commands

    def do(self, command: Command, now: int, heard: list[Event]) -> list[Told]:
        """What the rules say that happens; `heard` is what the engine said."""
        self.now = max(self.now, now)
        self.told, self.heard = [], heard
        self.obey(command)
        self.fire_all()
        return self.told

    def obey(self, command: Command) -> None:
        match command:
            case SubmitOrder():
                self.submit(command)
            case AmendOrder():
                self.amend(command)
            case CancelOrder(account_id=account, order_id=number):
                self.cancel_one(account, number)
            case CancelAll():
                self.cancel_all(command)
            case CancelAnyOrder(order_id=number):
                found = self.find(number)
                if found is None:
                    self.tell("refused", 1002)
                else:
                    self.cancel(found, CancelReason.OPERATOR)
            case CancelAfter():
                self.cancel_after(command)
            case PassTime():
                self.pass_time()
            case SetPhase() | ChangePhase() | HaltInstrument() | ResumeInstrument():
                self.change_phases(command)
            case Settle():
                self.settle(command)
            case WatchRisk():
                raise AssertionError("the twin does not liquidate")
            case _:
                self.operate(command)

    def operate(self, command: Any) -> None:
        """Simple commands of operators. What is refused of them is tested elsewhere."""
        if isinstance(self.heard[0], Refused):
            self.tell("refused", self.heard[0].code.value)
            return
        if isinstance(command, OpenAccount):
            self.accounts[len(self.accounts) + 1] = Holder(command.user_id)
        elif isinstance(command, ListInstrument):
            contract = command.contract
            listed = Listed(contract, command.terms, Phase.CONTINUOUS, Phase.CONTINUOUS, contract.reference_price)
            self.instruments[contract.instrument_id] = listed
        elif isinstance(command, ChangeTerms):
            self.instruments[command.instrument_id].terms = command.terms
        elif isinstance(command, SetFeeGroup):
            self.factors[command.name] = command.factor
        else:
            (account,) = (each for each in self.accounts.values() if each.user_id == command.user_id)
            match command:
                case Deposit(amount=amount):
                    account.deposits += amount
                case Withdraw(amount=amount):
                    account.withdrawals += amount
                case FreezeAccount(frozen=frozen):
                    account.frozen = frozen
                case SetAccountRules(rules=rules):
                    account.rules = rules
        self.tell("done")

    def refuses(self, certain: set[int], perhaps: set[int], said: int | None) -> int | None:
        """The code of the refusal: the engine's where that is one of ours, or where none of ours is certain."""
        if said is not None and said in certain | perhaps:
            return said
        return min(certain) if certain else None

    # --- money and lots

    def factor(self, account: int) -> int:
        return self.factors.get(self.accounts[account].rules.fee_group, WHOLE)

    def profit(self, account: int) -> int:
        """Position profit: what the lots are worth above their cost."""
        total = 0
        for (whose, name, is_long), lots in self.lots.items():
            if whose == account:
                listed = self.instruments[name]
                gain = lots.all * listed.value(listed.mark) - lots.cost
                total += gain if is_long else -gain
        return total

    def margin(self, account: int) -> int:
        """Of all positions; where the product says so only of its larger side."""
        total = 0
        sides: dict[str, list[int]] = {}
        for (whose, name, is_long), lots in self.lots.items():
            if whose == account:
                listed = self.instruments[name]
                rate = listed.terms.margin_long if is_long else listed.terms.margin_short
                margin = half_up(lots.cost, rate)
                if listed.terms.larger_side:
                    sides.setdefault(listed.contract.product_id, [0, 0])[is_long] += margin
                else:
                    total += margin
        return total + sum(max(side) for side in sides.values())

    def balance(self, account: int) -> int:
        of = self.accounts[account]
        return of.pre_balance + of.deposits - of.withdrawals + of.close_profit + self.profit(account) - of.commission

    def hold(self, account: int) -> int:
        """What the resting orders to open hold."""
        return sum(
            order.left * self.lot_hold(order, order.held_at)
            for order in self.orders
            if order.account == account and order.opens and not order.waits
        )

    def available(self, account: int) -> int:
        return self.balance(account) - self.margin(account) - self.hold(account)

    def lot_hold(self, order: Placed, price: int) -> int:
        """Margin and commission of opening a lot, each rounded up."""
        listed = self.instruments[order.name]
        value, fee = listed.value(price), listed.terms.fee_open
        commission = fee.per_lot + rounded_up(value, fee.rate)
        rate = listed.terms.margin_long if order.is_buy else listed.terms.margin_short
        return rounded_up(value, rate) + rounded_up(commission, self.factor(order.account))

    def hold_price(self, name: str, is_buy: bool, price: int) -> int:
        """In an auction a sale holds its margin at the upper price limit."""
        listed = self.instruments[name]
        return listed.high if listed.phase is Phase.AUCTION and not is_buy else price

    def free_lots(self, order: Placed) -> tuple[int, int]:
        """Yesterday's and today's lots that the order may close and no other order holds."""
        lots = self.lots.get((order.account, order.name, not order.is_buy), Lots())
        his, today = lots.his, lots.today
        for other in self.orders:
            if (other.account, other.name, other.is_buy) == (order.account, order.name, order.is_buy):
                his -= other.his_held
                today -= other.today_held
        if order.offset is Offset.CLOSETODAY:
            his = 0
        if order.offset is Offset.CLOSEYESTERDAY:
            today = 0
        return his, today

    # --- what may be wrong with an order

    def misfits(self, order: Placed) -> set[int]:
        """Where it fits neither the phase, nor the limits, nor itself."""
        wrong = set()
        listed, handling = self.instruments[order.name], order.handling
        rests = not order.market and order.stays in RESTS
        gathers = order.waits or (rests and not handling.post_only and handling.display_volume is None)
        if listed.phase is not Phase.CONTINUOUS and not (listed.phase is Phase.AUCTION and gathers):
            wrong.add(1009)
        most = self.accounts[order.account].rules.max_volume
        if not listed.terms.min_volume <= order.volume <= (listed.terms.max_volume if most is None else most):
            wrong.add(1006)
        if not order.market:
            wrong |= self.misfit_price(order)
        if (order.stays is TimeCondition.GTD) != (handling.expires_at is not None):
            wrong.add(400)
        if handling.expires_at is not None and handling.expires_at <= self.now:
            wrong.add(400)
        if (handling.post_only or handling.display_volume is not None) and not rests:
            wrong.add(400)
        if handling.display_volume is not None and not 0 < handling.display_volume < order.volume:
            wrong.add(400)
        if handling.reduce_only and order.opens:
            wrong.add(400)
        if handling.trail is not None and handling.stop_kind is not StopKind.STOP:
            wrong.add(400)
        follows = handling.trail is not None and handling.stop_price is None
        if follows and self.present(order.name, handling.trigger) is None:
            wrong.add(1009)
        return wrong

    def misfit_price(self, order: Placed) -> set[int]:
        listed = self.instruments[order.name]
        if order.price % listed.contract.tick:
            return {1007}
        return set() if listed.low <= order.price <= listed.high else {1008}

    def cannot(self, order: Placed) -> tuple[set[int], set[int]]:
        """Why its account cannot have it go to the book: (certainly, perhaps)."""
        account = self.accounts[order.account]
        certain: set[int] = set()
        perhaps: set[int] = set()
        if account.frozen or account.liquidating:
            certain.add(1012)
        if order.opens:
            least, most = self.needed(order)
            available = self.available(order.account)
            (certain if least > available else perhaps if most > available else set()).add(1001)
            if self.too_many_lots(order):
                certain.add(1013)
        else:
            free = sum(self.free_lots(order))
            if free == 0 or (order.left > free and not order.handling.reduce_only):
                certain.add(1005)
        if self.too_many_orders(order):
            (certain if order.stays in RESTS and not order.market else perhaps).add(1013)
        if order.handling.post_only:
            meets = [maker for maker in self.queue(order.name, not order.is_buy) if order.takes(maker.price)]
            if any(maker.account != order.account for maker in meets):
                certain.add(1015)
            elif meets:
                perhaps.add(1015)
        return certain, perhaps

    def needed(self, order: Placed) -> tuple[int, int]:
        """What its worst fills take, at least and at most: they differ where own orders are in the way."""
        price = 0 if order.market else self.hold_price(order.name, order.is_buy, order.price)
        resting = 0 if order.market else self.lot_hold(order, price)
        taken = costs = 0
        own = False
        if self.instruments[order.name].phase is Phase.CONTINUOUS:
            for maker, lots in self.offered(order):
                own = own or maker.account == order.account
                if maker.account != order.account and taken < order.left:
                    lots = min(lots, order.left - taken)
                    taken += lots
                    costs += lots * max(
                        resting, 0 if self.bought_at_limit(order) else self.lot_hold(order, maker.price)
                    )
        full = costs + (order.left - taken) * resting
        all_or_none = order.stays is TimeCondition.FOK
        if not own and not all_or_none:
            return full, full
        highest = max((self.lot_hold(order, maker.price) for maker, _ in self.offered(order)), default=0)
        return 0, order.left * max(resting, highest)

    def bought_at_limit(self, order: Placed) -> bool:
        """A buyer's worst price is his limit."""
        return order.is_buy and not order.market

    def offered(self, order: Placed) -> list[tuple[Placed, int]]:
        """Who could trade with it, with all lots, in price order."""
        return [(maker, maker.left) for maker in self.queue(order.name, not order.is_buy) if order.takes(maker.price)]

    def too_many_lots(self, order: Placed) -> bool:
        most = self.accounts[order.account].rules.max_position
        if most is None:
            most = self.instruments[order.name].terms.max_position or NO_END
        lots = self.lots.get((order.account, order.name, order.is_buy), Lots()).all
        for other in self.orders:
            same = (other.account, other.name, other.is_buy) == (order.account, order.name, order.is_buy)
            if same and other.opens and not other.waits and other is not order:
                lots += other.left
        return lots + order.left > most

    def too_many_orders(self, order: Placed) -> bool:
        most = self.accounts[order.account].rules.max_orders
        if most is None:
            most = self.instruments[order.name].terms.max_orders or NO_END
        live = [
            other
            for other in self.orders
            if (other.account, other.name) == (order.account, order.name) and other is not order
        ]
        return len(live) >= most

    # --- submit

    def submit(self, command: SubmitOrder) -> None:
        said = self.heard[0].code.value if isinstance(self.heard[0], Refused) else None
        account = self.accounts.get(command.account_id)
        if account is None:
            self.tell("refused", 1003)
            return
        own_id = command.client_order_id
        if own_id is not None and own_id in account.own_ids:
            first = account.asked.get(own_id)
            again = same_but_for_its_end(first, command) if first else said is None
            self.tell(*("repeated", account.own_ids[own_id]) if again else ("refused", 409))
            return
        certain: set[int] = set()
        perhaps: set[int] = set()
        handling = command.handling or NOTHING
        if handling.valid_until is not None and handling.valid_until < self.now:
            certain.add(1014)
        order = None
        if command.instrument_id in self.instruments:
            order = self.drafted(command)
            certain |= self.misfits(order)
            if not order.waits:
                sure, unsure = self.cannot(order)
                certain |= sure
                perhaps |= unsure
            else:
                certain |= {1013} if self.too_many_orders(order) else set()
                certain |= {1012} if account.frozen or account.liquidating else set()
        else:
            certain.add(1004)
        refusal = self.refuses(certain, perhaps, said)
        if refusal is not None or order is None:
            self.tell("refused", refusal)
            return
        if isinstance(self.heard[0], OrderAccepted | OrderWaiting):
            order.order_id = self.heard[0].order_id
        if own_id is not None:
            account.own_ids[own_id] = order.order_id
            account.asked[own_id] = command
        if order.waits:
            self.wait(order)
        else:
            self.cut(order)
            self.tell("accepted", order.order_id, order.volume)
            self.enter(order)

    def drafted(self, command: SubmitOrder) -> Placed:
        handling = command.handling or NOTHING
        is_buy, market = command.direction.value == "BUY", command.order_type is OrderType.MARKET
        price = 0 if market or command.price is None else command.price
        return Placed(
            0,
            command.account_id,
            command.instrument_id,
            is_buy,
            command.offset,
            market,
            command.time_condition,
            price,
            command.volume,
            command.volume,
            command.volume,
            handling,
            self.next_place(),
            waits=handling.stop_price is not None or handling.trail is not None,
        )

    def cut(self, order: Placed) -> None:
        """A reduce-only order is cut down to the lots that are free."""
        if order.handling.reduce_only:
            too_many = max(0, order.left - sum(self.free_lots(order)))
            order.volume -= too_many
            order.left -= too_many

    def enter(self, order: Placed) -> None:
        """Into the book: hold, trade, rest or be cancelled."""
        order.held_at = self.hold_price(order.name, order.is_buy, order.price)
        if not order.opens:
            his, _ = self.free_lots(order)
            order.his_held = min(his, order.left)
            order.today_held = order.left - order.his_held
        self.orders.append(order)
        if self.instruments[order.name].phase is Phase.AUCTION:
            self.keep_from_own(order)
        elif order.stays is not TimeCondition.FOK or self.fills_wholly(order):
            self.match(order)
        if order in self.orders:
            if order.market or order.stays not in RESTS:
                self.cancel(order, CancelReason.UNFILLED)
            else:
                self.show(order)

    def show(self, order: Placed) -> None:
        """Show what may be seen of it, behind all others."""
        order.place = self.next_place()
        order.shown = min(order.left, order.handling.display_volume or order.left)

    # --- matching

    def queue(self, name: str, is_buy: bool) -> list[Placed]:
        """A side of the book: the best price first, then who came first."""
        side = [order for order in self.orders if order.name == name and order.is_buy == is_buy and self.rests(order)]
        return sorted(side, key=lambda order: (-order.price if is_buy else order.price, order.place))

    def rests(self, order: Placed) -> bool:
        return not order.waits and not order.market and order.stays in RESTS

    def stp(self, order: Placed) -> SelfTrade:
        return order.handling.stp or self.accounts[order.account].rules.stp

    def match(self, taker: Placed) -> None:
        """Trade with the best of the others, again and again. What is done to the taker ends it."""
        while taker in self.orders:
            meets = [maker for maker in self.queue(taker.name, not taker.is_buy) if taker.takes(maker.price)]
            if not meets:
                return
            maker = meets[0]
            if maker.account == taker.account:
                self.prevent(taker, maker)
            else:
                lots = min(taker.left, maker.shown)
                self.trade(taker, maker, maker.price, lots)
                maker.shown -= lots
                if maker in self.orders and not maker.shown:
                    self.show(maker)

    def prevent(self, taker: Placed, maker: Placed) -> None:
        """Self-trade prevention."""
        how = self.stp(taker)
        if how is not SelfTrade.CANCEL_TAKER:
            self.cancel(maker, CancelReason.SELF_TRADE)
        if how is not SelfTrade.CANCEL_MAKER:
            self.cancel(taker, CancelReason.SELF_TRADE)

    def keep_from_own(self, order: Placed) -> None:
        """In an auction: as if it met its own orders, and no others."""
        for maker in self.queue(order.name, not order.is_buy):
            if order in self.orders and maker.account == order.account and order.takes(maker.price):
                self.prevent(order, maker)

    def fills_wholly(self, order: Placed) -> bool:
        """Whether the others offer enough; hidden lots count, own orders do not, and may stand in the way."""
        stops = self.stp(order) is not SelfTrade.CANCEL_MAKER
        line = [
            [
                maker.shown,
                maker.left,
                maker.account == order.account,
                maker.handling.display_volume or maker.left,
                maker.price,
            ]
            for maker in self.queue(order.name, not order.is_buy)
            if order.takes(maker.price)
        ]
        wanted = order.left
        while line and wanted > 0:
            shown, left, own, display, price = line.pop(0)
            if own and stops:
                return False
            if not own:
                wanted -= shown
                left -= shown
                if left:
                    behind = sum(each[4] == price for each in line)
                    line.insert(behind, [min(left, display), left, own, display, price])
        return wanted <= 0

    def trade(self, taker: Placed, maker: Placed, price: int, lots: int) -> None:
        self.tell("traded", taker.name, price, lots, *sorted((taker.order_id, maker.order_id)))
        listed = self.instruments[taker.name]
        listed.mark = listed.last = price
        for order in (taker, maker):
            self.fill(order, price, lots)
        self.see(taker.name, Trigger.LAST, price)
        for order in (maker, taker):
            self.cancel_group(order)

    def fill(self, order: Placed, price: int, lots: int) -> None:
        listed, account = self.instruments[order.name], self.accounts[order.account]
        value, terms = listed.value(price), listed.terms
        order.left -= lots
        if not order.left:
            self.forget(order)
        if order.opens:
            leg = self.lots.setdefault((order.account, order.name, order.is_buy), Lots())
            leg.today += lots
            leg.today_cost += lots * value
            commission = charged(terms.fee_open, lots, value)
        else:
            leg = self.lots[order.account, order.name, not order.is_buy]
            his = min(lots, order.his_held)
            today = lots - his
            order.his_held -= his
            order.today_held -= today
            cost = share_of(leg.his_cost, his, leg.his) + share_of(leg.today_cost, today, leg.today)
            leg.his_cost -= share_of(leg.his_cost, his, leg.his)
            leg.his_paid -= share_of(leg.his_paid, his, leg.his)
            leg.today_cost -= share_of(leg.today_cost, today, leg.today)
            leg.his -= his
            leg.today -= today
            account.close_profit += cost - lots * value if order.is_buy else lots * value - cost
            commission = charged(terms.fee_close, his, value) + charged(terms.fee_close_today, today, value)
            if not leg.all:
                del self.lots[order.account, order.name, not order.is_buy]
        account.commission += half_up(commission, self.factor(order.account))

    def cancel_group(self, first: Placed) -> None:
        """Of the account's orders of a group the first to fire or trade cancels all others."""
        group = first.handling.oco_group
        for other in list(self.orders):
            same = other.account == first.account and other.handling.oco_group == group
            if group is not None and same and other is not first:
                self.cancel(other, CancelReason.OCO)

    # --- waiting for a price

    def present(self, name: str, trigger: Trigger) -> int | None:
        if trigger is Trigger.LAST:
            return self.instruments[name].last
        queue = self.queue(name, trigger is Trigger.BID)
        return queue[0].price if queue else None

    def wait(self, order: Placed) -> None:
        self.tell("waiting", order.order_id, order.volume)
        handling = order.handling
        price = self.present(order.name, handling.trigger)
        order.stop = handling.stop_price
        if order.stop is None:
            assert price is not None and handling.trail is not None
            order.stop = price + handling.trail if order.is_buy else price - handling.trail
        self.orders.append(order)
        if price is not None and self.instruments[order.name].phase is Phase.CONTINUOUS:
            self.met += [order] if self.meets(order, price) else []

    def meets(self, order: Placed, price: int) -> bool:
        assert order.stop is not None
        return price >= order.stop if order.rises else price <= order.stop

    def see(self, name: str, trigger: Trigger, price: int) -> None:
        """A price that waiting orders look at: trailing stops follow it, others meet it."""
        found = []
        for order in self.orders:
            if order.waits and order.name == name and order.handling.trigger is trigger and order not in self.met:
                if order.handling.trail is not None and order.stop is not None:
                    trail = order.handling.trail
                    order.stop = min(order.stop, price + trail) if order.is_buy else max(order.stop, price - trail)
                if self.meets(order, price):
                    found.append(order)
        self.met += in_turn(found)

    def look(self) -> None:
        """The best prices, where trading is continuous."""
        for name, listed in self.instruments.items():
            if listed.phase is Phase.CONTINUOUS:
                for trigger in (Trigger.BID, Trigger.ASK):
                    price = self.present(name, trigger)
                    if price is not None:
                        self.see(name, trigger, price)

    def fire_all(self) -> None:
        """Whatever has met its price, and what that brings about."""
        while True:
            self.look()
            ready: dict[str, Placed] = {}
            for order in self.met:
                if self.instruments[order.name].phase is Phase.CONTINUOUS:
                    ready.setdefault(order.name, order)
            if not ready:
                return
            first = min(ready.values(), key=self.turn)
            self.met.remove(first)
            self.fire(first)

    def turn(self, order: Placed) -> int:
        """Instruments have no order among themselves: the engine's is as good as any."""
        numbers = [getattr(event, "order_id", None) for event in self.heard]
        return numbers.index(order.order_id) if order.order_id in numbers else len(numbers)

    def fire(self, order: Placed) -> None:
        self.cancel_group(order)
        certain, perhaps = self.cannot(order)
        certain |= set() if order.market else self.misfit_price(order)
        said = None
        for event in self.heard:
            if isinstance(event, OrderCancelled) and event.order_id == order.order_id and event.code is not None:
                said = event.code.value if event.reason is CancelReason.REFUSED else None
        refusal = self.refuses(certain, perhaps, said)
        if refusal is not None:
            self.cancel(order, CancelReason.REFUSED, refusal)
            return
        self.orders.remove(order)
        self.cut(order)
        order.waits = False
        order.stop = None
        self.tell("fired", order.order_id, order.left)
        self.enter(order)

    # --- amend

    def amend(self, command: AmendOrder) -> None:
        said = self.heard[0].code.value if isinstance(self.heard[0], Refused) else None
        if command.account_id not in self.accounts:
            self.tell("refused", 1003)
            return
        order = self.find(command.order_id)
        certain: set[int] = set()
        perhaps: set[int] = set()
        if command.valid_until is not None and command.valid_until < self.now:
            certain.add(1014)
        if order is None or order.account != command.account_id:
            self.tell("refused", self.refuses(certain | {1002}, set(), said))
            return
        price = order.price if command.price is None else command.price
        volume = order.volume if command.volume is None else command.volume
        filled = order.volume - order.left
        new = msgspec.structs.replace(order, price=price, volume=volume, left=volume - filled)
        certain |= self.amendment_misfits(order, new, command)
        if command.volume is None and 1006 in certain:
            certain.remove(1006)
            perhaps.add(1006)
        if not order.waits:
            where = self.orders.index(order)
            self.orders.remove(order)
            sure, unsure = self.cannot(new)
            self.orders.insert(where, order)
            shrinks = command.price in (None, order.price) and volume <= order.volume
            certain |= sure & {1012} if shrinks else sure
            perhaps |= unsure | sure
        elif self.accounts[order.account].frozen or self.accounts[order.account].liquidating:
            certain.add(1012)
        refusal = self.refuses(certain, perhaps, said)
        if refusal is not None:
            self.tell("refused", refusal)
            return
        self.replace(order, new, command)

    def amendment_misfits(self, order: Placed, new: Placed, command: AmendOrder) -> set[int]:
        certain = self.misfits(new) - {400, 1009}
        if self.instruments[order.name].phase not in (Phase.CONTINUOUS, Phase.AUCTION):
            certain.add(1009)
        if new.left <= 0:
            certain.add(1006)
        if new.handling.display_volume is not None and new.volume <= new.handling.display_volume:
            certain |= {400, 1006}
        if command.price is None and command.volume is None:
            certain.add(400)
        if command.price is not None and order.market:
            certain.add(400)
        return certain

    def replace(self, order: Placed, new: Placed, command: AmendOrder) -> None:
        shrinks = command.price in (None, order.price) and new.volume <= order.volume
        gone = order.volume - new.volume
        order.price, order.volume, order.left = new.price, new.volume, new.left
        if order.waits:
            self.tell("amended", order.order_id, order.price, order.volume, order.left)
        elif shrinks:
            order.shown = min(order.shown, order.left)
            if not order.opens:
                his, today = order.his_held, order.today_held
                order.today_held = max(0, today - gone)
                order.his_held = his - max(0, gone - today)
            self.tell("amended", order.order_id, order.price, order.volume, order.left)
        else:
            self.orders.remove(order)
            self.cut(order)
            self.tell("amended", order.order_id, order.price, order.volume, order.left)
            self.enter(order)

    # --- cancel

    def find(self, order_id: int) -> Placed | None:
        return next((order for order in self.orders if order.order_id == order_id), None)

    def forget(self, order: Placed) -> None:
        self.orders.remove(order)
        if order in self.met:
            self.met.remove(order)

    def cancel(self, order: Placed, reason: CancelReason, code: int | None = None) -> None:
        self.forget(order)
        self.tell("cancelled", order.order_id, order.left, reason.value, *([code] if code else []))

    def cancel_each(self, orders: Iterable[Placed], reason: CancelReason) -> None:
        for order in sorted(orders, key=lambda each: each.order_id):
            self.cancel(order, reason)

    def cancel_one(self, account: int, order_id: int) -> None:
        order = self.find(order_id)
        if account not in self.accounts:
            self.tell("refused", 1003)
        elif order is None or order.account != account:
            self.tell("refused", 1002)
        else:
            self.cancel(order, CancelReason.ASKED)

    def cancel_all(self, command: CancelAll) -> None:
        if command.account_id not in self.accounts:
            self.tell("refused", 1003)
            return
        if command.instrument_id is not None and command.instrument_id not in self.instruments:
            self.tell("refused", 1004)
            return
        found = []
        for order in self.orders:
            there = command.instrument_id in (None, order.name)
            side = command.direction is None or (command.direction.value == "BUY") == order.is_buy
            if order.account == command.account_id and there and side:
                found.append(order)
        self.tell("all cancelled", len(found))
        self.cancel_each(found, CancelReason.ASKED)

    # --- time

    def cancel_after(self, command: CancelAfter) -> None:
        account = self.accounts.get(command.account_id)
        if account is None:
            self.tell("refused", 1003)
            return
        if command.reason is CancelReason.DISCONNECT:
            account.disconnect_at = command.deadline
        else:
            account.cancel_at = command.deadline
        self.tell("deadline", command.account_id, command.deadline)

    def pass_time(self) -> None:
        """What is due, in the order of its time."""
        due: list[tuple[int, int, int]] = []
        due += [(order.handling.expires_at or NO_END, 0, order.order_id) for order in self.orders]
        due += [(account.cancel_at or NO_END, 1, number) for number, account in self.accounts.items()]
        due += [(account.disconnect_at or NO_END, 2, number) for number, account in self.accounts.items()]
        for time, what, number in sorted(due):
            if time > self.now:
                return
            if what == 0:
                order = self.find(number)
                if order is not None:
                    self.cancel(order, CancelReason.EXPIRED)
                continue
            account = self.accounts[number]
            own = [order for order in self.orders if order.account == number]
            self.tell("deadline", number, None)
            if what == 1:
                account.cancel_at = None
                self.cancel_each(own, CancelReason.COUNTDOWN)
            else:
                account.disconnect_at = None
                self.cancel_each(own, CancelReason.DISCONNECT)

    # --- phases

    def change_phases(self, command: SetPhase | ChangePhase | HaltInstrument | ResumeInstrument) -> None:
        if isinstance(self.heard[0], Refused):
            self.tell("refused", self.heard[0].code.value)
            return
        if isinstance(command, ChangePhase):
            moves = []
            for name, listed in sorted(self.instruments.items()):
                if listed.phase is not Phase.DELISTED:
                    phase = command.phase
                    if phase is Phase.AUCTION and not listed.contract.limit_rate:
                        phase = Phase.CLOSED
                    listed.scheduled = phase
                    if listed.phase not in (Phase.HALTED, phase):
                        moves.append((name, phase))
            self.tell("moved", len(moves))
            for name, phase in moves:
                self.go_to(name, phase)
            return
        listed = self.instruments[command.instrument_id]
        phase = Phase.HALTED
        if isinstance(command, SetPhase):
            phase = listed.scheduled = command.phase
        if isinstance(command, ResumeInstrument):
            phase = listed.scheduled
        self.go_to(command.instrument_id, phase)

    def go_to(self, name: str, phase: Phase) -> None:
        listed = self.instruments[name]
        self.tell("phase", name, phase.value)
        gathered = listed.phase is Phase.AUCTION
        bids, asks = self.queue(name, True), self.queue(name, False)
        crossed = bids and asks and bids[0].price >= asks[0].price
        if phase is Phase.CONTINUOUS and crossed:
            listed.phase = Phase.AUCTION
            self.hold_for_auction(name)
            self.uncross(name)
        elif phase is Phase.CONTINUOUS and gathered:
            self.tell("uncrossed", name, None, 0)
        listed.phase = phase
        if phase is Phase.AUCTION:
            self.hold_for_auction(name)
            return
        for order in self.orders:
            if order.name == name:
                order.held_at = order.price
        if phase is Phase.CONTINUOUS:
            self.look_again(name)

    def look_again(self, name: str) -> None:
        """What watches the last price may have come in while nothing could fire."""
        price = self.present(name, Trigger.LAST)
        if price is not None:
            self.see(name, Trigger.LAST, price)

    def hold_for_auction(self, name: str) -> None:
        """A sale to open holds its margin at the upper limit, or goes."""
        for order in sorted(self.orders, key=lambda each: each.place):
            if order.name == name and order.opens and self.rests(order) and not order.is_buy:
                before = order.held_at
                high = self.instruments[name].high
                more = order.left * (self.lot_hold(order, high) - self.lot_hold(order, before))
                if more > 0 and more > self.available(order.account):
                    self.cancel(order, CancelReason.AUCTION)
                order.held_at = high

    def uncross(self, name: str) -> None:
        """All trades at one price, found by trying every one."""
        listed = self.instruments[name]
        bids, asks = self.queue(name, True), self.queue(name, False)
        prices = [order.price for order in bids + asks]
        found: tuple[int, int, int, int] | None = None
        for price in range(min(prices, default=0), max(prices, default=-1) + 1, listed.contract.tick):
            wanted = sum(order.left for order in bids if order.price >= price)
            offered = sum(order.left for order in asks if order.price <= price)
            rank = (min(wanted, offered), -abs(wanted - offered), -abs(price - listed.settlement), price)
            found = rank if found is None or rank > found else found
        if found is None or not found[0]:
            self.tell("uncrossed", name, None, 0)
            return
        price = found[3]
        said, self.told = self.told, []
        volume = self.trade_all(name, price)
        self.told = [*said, ("uncrossed", name, price, volume), *self.told]

    def trade_all(self, name: str, price: int) -> int:
        """Whatever can trade at one price: better prices first, then who came first. How many lots that were."""
        volume = 0
        while True:
            buys = [order for order in self.queue(name, True) if order.price >= price]
            sells = [order for order in self.queue(name, False) if order.price <= price]
            if not buys or not sells:
                return volume
            buy, sell = buys[0], sells[0]
            lots = min(buy.left, sell.left)
            volume += lots
            self.trade(buy, sell, price, lots)
            for order in (buy, sell):
                order.shown = min(order.left, max(order.shown - lots, order.handling.display_volume or order.left))

    # --- settlement

    def settle(self, command: Settle) -> None:
        if isinstance(self.heard[0], Refused):
            expected = 409 if command.day < self.day else None
            self.tell("refused", expected or self.heard[0].code.value)
            return
        assert command.day >= self.day, "a day is settled once"
        ends = {
            name
            for name, listed in self.instruments.items()
            if listed.phase is not Phase.DELISTED and 0 < listed.terms.last_day <= command.day
        }
        self.tell("day settled", command.day, command.next_day)
        over = [
            order
            for order in self.orders
            if order.stays not in STAYS or order.offset is Offset.CLOSETODAY or order.name in ends
        ]
        self.cancel_each(over, CancelReason.SETTLEMENT)
        settled = [name for name, listed in self.instruments.items() if listed.phase is not Phase.DELISTED]
        for name in settled:
            listed = self.instruments[name]
            last = listed.settlement if listed.mark is None else listed.mark
            listed.mark = command.prices.get(name, last)
            self.tell("settled", name, listed.mark, name in ends)
        for name in ends:
            self.expire(name)
        for number, account in self.accounts.items():
            self.close_day(number, account)
        for name in settled:
            self.instruments[name].settlement = self.instruments[name].mark or 0
        for order in list(self.orders):
            if self.rests(order) and self.misfit_price(order):
                self.cancel(order, CancelReason.SETTLEMENT)
        for order in self.orders:
            order.held_at = self.hold_price(order.name, order.is_buy, order.price)
        self.day = command.next_day

    def expire(self, name: str) -> None:
        """Close all positions at the settlement price."""
        listed = self.instruments[name]
        for number, account in self.accounts.items():
            sides = [self.lots.pop((number, name, is_long), Lots()) for is_long in (True, False)]
            long, short = sides
            if long.all or short.all:
                gain = (long.all - short.all) * listed.value(listed.mark) - long.cost + short.cost
                account.close_profit += gain
                self.tell("ended", number, name, long.all, short.all, listed.mark, gain)
        listed.phase = listed.scheduled = Phase.DELISTED

    def close_day(self, number: int, account: Holder) -> None:
        """The statement, and the first balance of the next day."""
        closing = self.balance(number)
        before = (account.pre_balance, account.deposits, account.withdrawals, account.close_profit)
        gained, paid = self.profit(number), account.commission
        for (whose, name, _), lots in self.lots.items():
            if whose == number:
                listed = self.instruments[name]
                lots.his_paid += lots.today_cost
                lots.his, lots.today = lots.all, 0
                lots.his_cost, lots.today_cost = lots.his * listed.value(listed.mark), 0
        account.pre_balance = closing
        account.deposits = account.withdrawals = account.close_profit = account.commission = 0
        live = set()
        for order in self.orders:
            if order.account == number:
                order.his_held, order.today_held = order.his_held + order.today_held, 0
                live.add(order.order_id)
        account.own_ids = {name: order_id for name, order_id in account.own_ids.items() if order_id in live}
        account.asked = {name: asked for name, asked in account.asked.items() if name in account.own_ids}
        self.tell("statement", number, *before, gained, paid, closing, self.margin(number))

    # --- how things stand

    def picture(self) -> dict[str, Any]:
        """All that is remembered, to be compared."""
        sides = {(name, is_buy): self.queue(name, is_buy) for name in self.instruments for is_buy in (True, False)}
        return {
            "instruments": {
                name: (each.phase, each.scheduled, each.settlement, each.mark, each.last)
                for name, each in self.instruments.items()
            },
            "accounts": {
                number: (*self.counters(each), self.balance(number), self.margin(number), self.hold(number))
                for number, each in self.accounts.items()
            },
            "lots": {
                key: (each.his, each.today, each.his_cost, each.today_cost, each.his_paid)
                for key, each in self.lots.items()
            },
            "orders": {
                order.order_id: (
                    *(order.price, order.volume, order.left, None if order.waits else order.shown),
                    *(order.stop or 0, order.his_held, order.today_held),
                )
                for order in self.orders
            },
            "queues": {key: [order.order_id for order in side] for key, side in sides.items() if side},
            "day": (self.day, self.factors),
        }

    def counters(self, account: Holder) -> Told:
        return (
            *(account.pre_balance, account.deposits, account.withdrawals, account.close_profit, account.commission),
            *(account.rules, account.frozen, account.liquidating, account.cancel_at, account.disconnect_at),
            account.own_ids,
        )


def in_turn(orders: list[Placed]) -> list[Placed]:
    """A rising price meets lower stop prices first, a falling one the higher; among equal ones the oldest is first."""
    return sorted(
        orders, key=lambda each: (not each.rises, (each.stop or 0) * (1 if each.rises else -1), each.order_id)
    )


def half_up(amount: int, rate: int) -> int:
    return (2 * amount * rate + WHOLE) // (2 * WHOLE)


def rounded_up(amount: int, rate: int) -> int:
    return -(-amount * rate // WHOLE)


def charged(fee: Fee, lots: int, value: int) -> int:
    return fee.per_lot * lots + half_up(value * lots, fee.rate)


def share_of(cost: int, lots: int, of: int) -> int:
    """The cost of some lots of a side, averaged, rounded half up."""
    return (2 * cost * lots + of) // (2 * of) if lots else 0


def same_but_for_its_end(first: SubmitOrder, again: SubmitOrder) -> bool:
    """Whether an order is sent again; how long it is valid is not part of it."""

    def plain(order: SubmitOrder) -> SubmitOrder:
        handling = msgspec.structs.replace(order.handling or NOTHING, valid_until=None)
        return msgspec.structs.replace(order, handling=handling)

    return plain(first) == plain(again)
