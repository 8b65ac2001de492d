"""What must be true of the state after every command; asserted by tests, at start-up and by the operators' checks."""

from collections import defaultdict

from trading.core.accounts import Leg, Position
from trading.core.money import share
from trading.core.rules.checks import needed_per_lot
from trading.core.state import Account, Order, State
from trading.core.types import FIRST_RULES, Offset, OrderStatus, Phase


def check(state: State) -> None:
    """AssertionError with one sentence when the state contradicts itself."""
    _check_books(state)
    for account in state.accounts.values():
        _check_account(account)
    _check_holds(state)
    _check_lots(state)
    _check_conservation(state)
    for account in state.accounts.values():
        _check_details(account, state.rules != FIRST_RULES)


def _check_books(state: State) -> None:
    live = state.orders
    resting: dict[int, Order] = {}
    for instrument in state.instruments.values():
        instrument.book.check(crossed=instrument.phase is not Phase.CONTINUOUS)
        instrument.waiting.check()
        for order, _ in instrument.waiting.met.values():
            assert live.get(order.order_id) is order, "an order that is not live is to fire"
        assert bool(instrument.waiting) == (instrument.instrument_id in state.alert), "a waiting order is not watched"
        for order in instrument.book.entries():
            assert order.instrument is instrument, f"order {order.order_id} rests in a strange book"
            assert instrument.limit_down <= order.price <= instrument.limit_up, "an order rests outside the limits"
            assert order.owner == order.account.account_id, "an order rests under a strange name"
            assert order.remaining + order.hidden == order.left, "an order shows and hides not what is left of it"
            resting[order.order_id] = order
    for order_id, order in live.items():
        if order.status is OrderStatus.WAITING:
            assert not order.filled and order.level is None, f"order {order_id} waits and trades"
            continue
        assert resting.pop(order_id, None) is order, "the books and the list of live orders disagree"
        wanted = OrderStatus.PARTIALLY_FILLED if order.filled else OrderStatus.SUBMITTED
        assert order.status is wanted, f"order {order_id} rests with status {order.status}"
    assert not resting, "the books and the list of live orders disagree"


def _check_account(account: Account) -> None:
    _check_counts(account)
    margin = 0
    sides: dict[str, list[int]] = {}
    for position in account.positions.values():
        _check_position(position)
        long, short = position.long.margin, position.short.margin
        if position.mark.shared:
            side = sides.setdefault(position.mark.shared, [0, 0])
            side[0] += long
            side[1] += short
        else:
            margin += long + short
    margin += sum(max(side) for side in sides.values())
    assert account.margin == margin, f"account {account.account_id}: margin is not that of its positions"


def _check_counts(account: Account) -> None:
    """What limits are held against is what the live orders add up to."""
    going: defaultdict[tuple[str, bool], list[int]] = defaultdict(lambda: [0, 0])
    waiting = [order for order in account.orders.values() if order.status is OrderStatus.WAITING]
    for order in account.orders.values():
        side = going[order.instrument.instrument_id, order.is_buy]
        side[0] += 1
        if order.offset is Offset.OPEN and order.status is not OrderStatus.WAITING:
            side[1] += order.left
    found = {key: [side.live, side.opening] for key, side in account.going.items() if side.live or side.opening}
    assert found == going, f"account {account.account_id}: the counts of its orders are off"
    assert account.waiting == len(waiting), f"account {account.account_id}: the count of waiting orders is off"
    assert account.trailing == sum(order.trail > 0 for order in waiting), "the count of trailing stops is off"
    grouped = {id for group in account.groups.values() for id in group}
    assert grouped == {id for id, order in account.orders.items() if order.oco_group is not None}, "groups are off"


def _check_position(position: Position) -> None:
    for leg, rate in ((position.long, position.mark.rate_long), (position.short, position.mark.rate_short)):
        _check_leg(leg)
        assert leg.margin == share(leg.cost, rate), "a margin is not cost × rate"
    assert position.net_lots == position.long.lots - position.short.lots, "net lots are off"
    assert position.net_cost == position.long.cost - position.short.cost, "net cost is off"


def _check_leg(leg: Leg) -> None:
    assert 0 <= leg.today_frozen <= leg.today, "more of today's lots are held than there are"
    assert 0 <= leg.his_frozen <= leg.his, "more of yesterday's lots are held than there are"
    assert (leg.today > 0) == (leg.today_cost > 0), "lots without cost or cost without lots"
    assert (leg.his > 0) == (leg.his_cost > 0), "lots without cost or cost without lots"


def _check_details(account: Account, kept: bool) -> None:
    """The lines of a position's detail are its lots and what was paid for them, the first opened first."""
    for name, position in account.positions.items():
        for sign, leg in ((1, position.long), (-1, position.short)):
            where = f"account {account.account_id}, {name}"
            for lines, lots, cost in (
                (leg.his_lots, leg.his, leg.his_open_cost),
                (leg.today_lots, leg.today, leg.today_cost),
            ):
                told = (sum(line.lots for line in lines), sum(line.cost for line in lines))
                assert told == ((lots, cost) if kept else (0, 0)), f"{where}: the detail {told} is not the position"
                assert all(line.lots > 0 and line.cost > 0 for line in lines), f"{where}: a line without lots"
            numbers = [sign * line.number for line in leg.detail]
            assert numbers == sorted(set(numbers)) and all(number > 0 for number in numbers), (
                f"{where}: the detail is out of order"
            )


def _check_holds(state: State) -> None:
    """What accounts and legs hold is what the live orders promise."""
    money: defaultdict[int, int] = defaultdict(int)
    lots: defaultdict[tuple[int, str, bool], list[int]] = defaultdict(lambda: [0, 0])
    for order in state.orders.values():
        if order.status is OrderStatus.WAITING:
            continue
        assert order.hold_per_lot == needed_per_lot(order), f"order {order.order_id} holds the wrong amount"
        if order.offset is Offset.OPEN:
            money[order.account.account_id] += order.hold_per_lot * order.left
        else:
            assert order.his_held + order.today_held == order.left, "a closing holds not what it may close"
            held = lots[order.account.account_id, order.instrument.instrument_id, not order.is_buy]
            held[0] += order.his_held
            held[1] += order.today_held
    for account in state.accounts.values():
        assert account.hold == money[account.account_id], f"account {account.account_id}: hold is not its orders'"
        for name, position in account.positions.items():
            for is_long in (True, False):
                leg = position.leg(is_long)
                assert [leg.his_frozen, leg.today_frozen] == lots[account.account_id, name, is_long], (
                    f"account {account.account_id}: frozen lots of {name} are not its orders'"
                )


def _check_lots(state: State) -> None:
    """Every long lot has its short lot, and the instrument knows all its holders."""
    for name, instrument in state.instruments.items():
        held = {a.account_id: a.positions[name] for a in state.accounts.values() if name in a.positions}
        held = {account_id: position for account_id, position in held.items() if not position.flat}
        assert instrument.holders == held, f"{name}: the list of holders is off"
        assert sum(position.net_lots for position in held.values()) == 0, f"{name}: long lots are not short lots"


def _check_conservation(state: State) -> None:
    """Deposits - withdrawals = all balances + collected commission, today's and those of the days before."""
    gains = sum(a.close_profit + a.position_profit for a in state.accounts.values())
    opening = sum(a.pre_balance for a in state.accounts.values())
    assert gains == 0, f"gains and losses do not cancel out: {gains}"
    assert opening == state.day.net_deposits - state.day.commission, "the opening balances are not what the days left"
