"""Faults that somebody could make in the core: file, the text as it is, the text with the fault.

Each changes something that can be seen, so the histories of `make test` find each: `make mutants` proves it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """`old` stands exactly once in `trading/core/<file>`."""

    file: str
    old: str
    new: str


FAULTS = (
    Fault("matching/book.py", "if not keys or key > keys[-1]:", "if keys and key > keys[0]:"),
    Fault("matching/book.py", "shown = min(maker.display, maker.hidden)", "shown = maker.hidden"),
    Fault("matching/book.py", "self.refilled.append(maker)", "pass"),
    Fault("matching/book.py", "if not volume or maker.pauses_matching:", "if not volume:"),
    Fault("matching/book.py", "hidden = min(lots, entry.hidden)", "hidden = 0"),
    Fault("accounts.py", "self.his_open_cost -= part(self.his_open_cost, lots, self.his)", "pass"),
    Fault("accounts.py", "cost = part(self.his_cost, lots, self.his)", "cost = self.his_cost // self.his * lots + 1"),
    Fault(
        "accounts.py",
        "self.margin += max(sides) - before\n\n    def remove",
        "self.margin += sum(sides) - before\n\n    def remove",
    ),
    Fault("types.py", "return self.available - max(0, self.position_profit)", "return self.available"),
    Fault("accounts.py", "return self.today_cost + self.his_open_cost", "return self.today_cost + self.his_cost"),
    Fault(
        "accounts.py", "self.his_open_cost += self.today_cost", "self.his_open_cost += self.his_cost - self.his_cost"
    ),
    Fault(
        "accounts.py",
        "if self.today_lots:\n            cost = _take_first(self.today_lots, lots, touched)",
        "if False:\n            cost = 0",
    ),
    Fault("accounts.py", "return cost + (part(lot.cost, left, lot.lots) if left else 0)", "return cost"),
    Fault("accounts.py", "self.his_lots += self.today_lots", "self.his_lots.extendleft(self.today_lots)"),
    Fault("money.py", "(rest * rate + RATE // 2) // RATE", "rest * rate // RATE"),
    Fault("money.py", "(rest * rate + RATE - 1) // RATE", "rest * rate // RATE"),
    Fault("money.py", "* factor + RATE * RATE) // (2 * RATE * RATE)", "* factor) // (2 * RATE * RATE)"),
    Fault(
        "instruments.py",
        "limit_down = -(-settlement * (RATE - rate) // (RATE * tick))",
        "limit_down = settlement * (RATE - rate) // (RATE * tick)",
    ),
    Fault(
        "instruments.py",
        "self.mark.rate_long if is_buy else self.mark.rate_short) + commission",
        "self.mark.rate_long) + commission",
    ),
    Fault(
        "instruments.py",
        "            commission = share_up(commission, fee_factor)",
        "            commission = commission",
    ),
    Fault("instruments.py", "low = min(-(-price * (RATE - collar) // RATE), price - 1)", "low = 1"),
    Fault("instruments.py", "high = max(price * (RATE + collar) // RATE, price + 1)", "high = self.limit_up"),
    Fault("matching/auction.py", "-abs(price - reference), price)", "-abs(price - reference), -price)"),
    Fault("matching/auction.py", "-abs(wanted - offered)", "0"),
    Fault("matching/stops.py", "(price * self.sign, LAST_ID))", "(price * self.sign, 0))"),
    Fault("matching/stops.py", "- order.stop) * sign < 0]", "- order.stop) * sign > 0]"),
    Fault("matching/stops.py", "moved += queue.follow(price)", "moved += []"),
    Fault("engine.py", "fire(state, 0 if behind else stop_orders.PORTION)", "fire(state, stop_orders.PORTION)"),
    Fault("snapshot/restoring.py", "liquidating=record.liquidating,", ""),
    Fault("orders.py", "self.priority = priority", "pass"),
    Fault("orders.py", "self.remaining, self.hidden = shown, left - shown", "self.remaining, self.hidden = shown, 0"),
    Fault(
        "snapshot/restoring.py",
        "    if record.mark is not None:\n        instrument.mark_at(record.mark // tick)",
        "    pass",
    ),
    Fault(
        "rules/adoption.py",
        "_begin_detail(state, position.leg(is_long), 1 if is_long else -1)",
        "_begin_detail(state, position.leg(True), 1)",
    ),
    Fault("rules/checks.py", "if not least <= volume <= most:", "if not 1 <= volume <= most:"),
    Fault("rules/checks.py", "options.expires_at <= state.now", "options.expires_at < state.now"),
    Fault("rules/checks.py", "if needed > available:", "if needed >= available:"),
    Fault("rules/checks.py", "needed += lots * max(hold,", "needed += lots * min(hold,"),
    Fault("rules/checks.py", "(not order.is_buy and best_bid is not None and best_bid > order.price)", "False"),
    Fault("rules/checks.py", "if live >= most:", "if live > most:"),
    Fault("rules/checks.py", "if lots + order.left > most:", "if lots + order.left >= most:"),
    Fault("rules/checks.py", "order.his_held = min(his, order.left)", "order.his_held = max(0, order.left - today)"),
    Fault(
        "rules/checks.py",
        "price = order.price if is_buy or instrument.phase is not AUCTION else instrument.limit_up",
        "price = order.price",
    ),
    Fault(
        "rules/checks.py", "    if order.instrument.book.blocker(order.is_buy, order.price) is None:", "    if True:"
    ),
    Fault("rules/checks.py", "stop <= 0 and", "stop < 0 and"),
    Fault(
        "rules/execution.py",
        "            events += cancel_group(state, order)\n\n\ndef _fills",
        "            pass\n\n\ndef _fills",
    ),
    Fault(
        "rules/execution.py",
        "if rule is SelfTrade.CANCEL_MAKER:\n        return True",
        "if rule is not SelfTrade.CANCEL_BOTH:\n        return True",
    ),
    Fault("rules/execution.py", "price * instrument.tick_value * lots", "price * instrument.tick_value"),
    Fault("rules/execution.py", "his = min(lots, order.his_held)", "his = max(0, lots - order.today_held)"),
    Fault("rules/execution.py", "account.hold -= order.hold_per_lot * lots\n        order.side", "order.side"),
    Fault("rules/execution.py", "order.side.opening -= lots", "pass"),
    Fault("rules/execution.py", "order.side.opening += order.left", "pass"),
    Fault("rules/execution.py", "order.side.opening -= order.left", "pass"),
    Fault("rules/orders.py", "order.side.opening -= lots", "pass"),
    Fault("rules/execution.py", "order.remaining = min(order.display, order.left)", "order.remaining = order.left"),
    Fault(
        "rules/execution.py",
        "of_new = new.per_lot * today, lot_value * today * new.rate",
        "of_new = old.per_lot * today, lot_value * today * old.rate",
    ),
    Fault("rules/execution.py", "return first_release.commission(parts, factor)", "pass"),
    Fault("rules/execution.py", "return Code.PRICE_LIMIT, f", "return None, f"),
    Fault(
        "rules/first_release.py", "level.volume + level.hidden - mine.get(key, 0)", "level.volume - mine.get(key, 0)"
    ),
    Fault("rules/foresight.py", "self.stopped = not self.passes_own", "self.stopped = False"),
    Fault("rules/foresight.py", "if self._meet(maker, shown) and hidden:", "if self._meet(maker, shown) and False:"),
    Fault("rules/foresight.py", "if maker.pauses_matching and self.firsts.get(", "if False and self.firsts.get("),
    Fault("rules/foresight.py", "for each in (maker, order):", "for each in (maker,):"),
    Fault("rules/funds.py", "if account.frozen or account.liquidating or ", "if account.frozen or "),
    Fault("rules/funds.py", " or account.account_id in state.day.restrictions.spared:", ":"),
    Fault("rules/liquidation.py", " and not is_spared(state, account)", ""),
    Fault("rules/restrictions.py", "        state.touched[number] = account\n        return", "        return"),
    Fault("rules/restrictions.py", "[liquidation.end(state, account)] if account.liquidating else []", "[]"),
    Fault("rules/settlement.py", "    spare_nobody(state)\n", ""),
    Fault("types.py", "account_id in self.closing or account_id in self.spared", "account_id in self.closing"),
    Fault("rules/funds.py", "            hold_anew(state, order)", "            pass"),
    Fault(
        "rules/instruments.py",
        "    for order in instrument.book.entries():\n        hold_anew(state, order)",
        "    pass",
    ),
    Fault("rules/liquidation.py", "his = min(lots, leg.his)", "his = max(0, lots - leg.today)"),
    Fault("rules/liquidation.py", "    if warned is not account.warned:", "    if warned and not account.warned:"),
    Fault(
        "rules/liquidation.py",
        "if not position.mark.shared:\n        return True\n    mine, others",
        "if True:\n        return True\n    mine, others",
    ),
    Fault("rules/liquidation.py", "True, key=is_enough) + 1", "True, key=is_enough) + 2"),
    Fault("rules/liquidation.py", "(-leg[0].leg(leg[1]).margin,", "(leg[0].leg(leg[1]).margin,"),
    Fault("rules/liquidation.py", "margin * RATE >= ratio", "margin * RATE >= 2 * ratio"),
    Fault("rules/office/announcements.py", "state.now < command.until", "state.now <= command.until"),
    Fault("rules/office/corrections.py", "leg.today - leg.today_frozen < command.volume", "leg.today < command.volume"),
    Fault("rules/office/corrections.py", "<= command.trade_id", "< command.trade_id"),
    Fault("rules/office/corrections.py", "fees = side.commission if command.give_back_fees else 0", "fees = 0"),
    Fault("rules/office/corrections.py", "account.close_profit -= side.close_profit", "pass"),
    Fault(
        "rules/office/corrections.py", "value - side.close_profit if is_long", "value + side.close_profit if is_long"
    ),
    Fault("rules/office/corrections.py", "leg.today_cost -= cost", "pass"),
    Fault("rules/office/corrections.py", "position.net_lots += sign * volume", "pass"),
    Fault("rules/office/corrections.py", "account.add_margin(position)", "pass"),
    Fault("rules/office/corrections.py", "if command.trade_id in state.day.broken:", "if False:"),
    Fault("rules/orders.py", "options.valid_until < state.now", "options.valid_until <= state.now"),
    Fault("rules/orders.py", "if price == order.price and volume <= order.volume:", "if price == order.price:"),
    Fault("rules/orders.py", "order.priority = state.next_id()", "pass"),
    Fault("rules/orders.py", "order.left, order.hold_per_lot = before", "order.left, _ = before"),
    Fault("rules/orders.py", "    order.remaining = shown\n", ""),
    Fault("rules/orders.py", "order.his_held, order.today_held = his_held, today_held", "pass"),
    Fault("rules/orders.py", "order.today_held = max(0, today - lots)", "order.today_held = today"),
    Fault("rules/orders.py", "command.direction in (None, order.direction)", "True"),
    Fault("rules/orders.py", "if volume <= order.filled:", "if volume < order.filled:"),
    Fault(
        "rules/phases.py",
        "key=lambda order: order.place)\n        trades",
        "key=lambda order: order.order_id)\n        trades",
    ),
    Fault("rules/phases.py", "if more * order.left > order.account.available and more > 0:", "if False:"),
    Fault(
        "rules/phases.py",
        "(instrument.phase is Phase.AUCTION or instrument.book.crossed)",
        "instrument.phase is Phase.AUCTION",
    ),
    Fault("rules/phases.py", "if instrument.phase not in (Phase.HALTED, phase):", "if instrument.phase is not phase:"),
    Fault("rules/phases.py", "trades += cancel_group(state, order)", "pass"),
    Fault("rules/settlement.py", "order.his_held, order.today_held = order.his_held + order.today_held, 0", "pass"),
    Fault("rules/settlement.py", "or order.offset is Offset.CLOSETODAY", "or False"),
    Fault(
        "rules/settlement.py",
        "    for order in instrument.book.entries():\n        hold_anew(state, order)",
        "    pass",
    ),
    Fault(
        "rules/settlement.py", "if command.day < state.day.trading_day:", "if command.day + 1 < state.day.trading_day:"
    ),
    Fault("rules/settlement.py", "if not confirmed:", "if False:"),
    Fault("rules/settlement.py", "if price <= most:", "if True:"),
    Fault("rules/settlement.py", "i.terms.last_day <= command.day", "i.terms.last_day < command.day"),
    Fault(
        "rules/stop_orders.py",
        "refusal = admit(order, known=True) if inside else",
        "refusal = admit(order) if inside else",
    ),
    Fault("rules/stop_orders.py", "    look(state, instrument)\n    return OrderWaiting", "    return OrderWaiting"),
    Fault("rules/stop_orders.py", "        events += cancel_group(state, order)\n", "        pass\n"),
    Fault("rules/stop_orders.py", "while waiting.met and fired < most:", "while waiting.met:"),
    Fault("rules/checks.py", "if most is not None and account.waiting >= most:", "if most and account.waiting > most:"),
    Fault("rules/checks.py", "len(account.orders) >= most and (", "False and ("),
    Fault("rules/timers.py", "elif _deadline(account, what) == time:", "elif True:"),
    Fault("rules/checks.py", "if most is not None and account.trailing >= most:", "if False:"),
    Fault("rules/office/corrections.py", "line.lots < command.volume", "False"),
    Fault("rules/liquidation.py", "return left <= floor or", "return False or"),
    Fault("rules/checks.py", "needed = 0 if outlook.stopped else", "needed = 0 if False else"),
    Fault("rules/orders.py", "order.instrument.phase is Phase.AUCTION and state.rules", "False and state.rules"),
    Fault("matching/book.py", "return self.keys[-place] * self.sign", "return self.keys[place - 1] * self.sign"),
    Fault(
        "option_rules.py",
        '"price_levels": SET, "order_type": (OrderType.LIMIT,)',
        '"price_levels": SET, "volume": ("",)',
    ),
    Fault("rules/checks.py", "low, high = max(low, last), min(high, last)", "low, high = last, last"),
    Fault("rules/execution.py", "if last is not None and half.blocker(half.key(last)) is None:", "if False:"),
)
