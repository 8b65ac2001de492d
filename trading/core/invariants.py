"""What must be true of the state after every command; asserted by tests, at start-up and by the operators' checks."""

from collections import defaultdict
from collections.abc import Mapping

from trading.core.accounts import Leg, Position
from trading.core.money import share
from trading.core.orders import Account, Instrument, Order, Promised
from trading.core.rules.checks import NeededPerLot
from trading.core.state import State
from trading.core.types import FIRST_RULES, OrderStatus, Phase

WAITING = OrderStatus.WAITING


def check(state: State) -> None:
    """AssertionError with one sentence when the state contradicts itself."""
    resting = sum(_check_book(state, instrument) for instrument in state.instruments.values())
    needed = NeededPerLot()
    live = sum(_check_orders(account_id, account, needed) for account_id, account in state.accounts.items())
    assert live == resting, "the books and the lists of live orders disagree"
    for account in state.accounts.values():
        _check_account(account)
    _check_lots(state)
    _check_conservation(state)
    for account in state.accounts.values():
        _check_details(account, state.rules != FIRST_RULES)


def _check_book(state: State, instrument: Instrument) -> int:
    """What rests in a book, and what is to fire, is live; returns how many rest. None is counted twice: an entry is
    linked to one place of one book."""
    instrument.book.check(crossed=instrument.phase is not Phase.CONTINUOUS)
    instrument.waiting.check()
    for order, _ in instrument.waiting.met.values():
        assert _is_live(state, order), "an order that is not live is to fire"
    assert bool(instrument.waiting) == (instrument.instrument_id in state.alert), "a waiting order is not watched"
    resting, accounts = 0, state.accounts
    for order in instrument.book.entries():
        order.check_rests(instrument, accounts)
        resting += 1
    return resting


def _is_live(state: State, order: Order) -> bool:
    account = state.accounts.get(order.account.account_id)
    return account is order.account and account.orders.get(order.order_id) is order


def _check_orders(account_id: int, account: Account, needed: NeededPerLot) -> int:
    """What limits are held against, and what the account and its positions hold, is what its live orders add up to;
    returns how many of them do not wait."""
    assert account.account_id == account_id, f"account {account_id} is listed under a strange number"
    sides: defaultdict[tuple[str, bool], Promised] = defaultdict(Promised)
    waiting, grouped = [], set()
    for order_id, order in account.orders.items():
        assert order.order_id == order_id and order.account is account, f"order {order_id} is another's"
        side = sides[order.instrument.instrument_id, order.is_buy]
        if order.options is not None and order.oco_group is not None:
            grouped.add(order_id)
        if order.status is WAITING:
            assert not order.filled and order.level is None, f"order {order_id} waits and trades"
            side.live += 1
            waiting.append(order)
        else:
            side.add(order, needed.of(order))
    money = sum(side.money for side in sides.values())
    assert account.hold == money, f"account {account_id}: hold is not its orders'"
    assert account.waiting == len(waiting), f"account {account_id}: the count of waiting orders is off"
    assert account.trailing == sum(order.trail > 0 for order in waiting), "the count of trailing stops is off"
    assert grouped == {id for group in account.groups.values() for id in group}, "groups are off"
    _check_sides(account, sides)
    return len(account.orders) - len(waiting)


def _check_sides(account: Account, sides: Mapping[tuple[str, bool], Promised]) -> None:
    going = {
        (name, side is buying): (side.live, side.opening)
        for name, (buying, selling) in account.going.items()
        for side in (buying, selling)
        if side.live or side.opening
    }
    promised = {key: (side.live, side.opening) for key, side in sides.items()}
    assert going == promised, f"account {account.account_id}: the counts of its orders are off"
    for name, position in account.positions.items():
        for is_long in (True, False):
            leg, side = position.leg(is_long), sides.get((name, not is_long))
            held = (0, 0) if side is None else (side.his, side.today)
            assert (leg.his_frozen, leg.today_frozen) == held, (
                f"account {account.account_id}: frozen lots of {name} are not its orders'"
            )


def _check_account(account: Account) -> None:
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
