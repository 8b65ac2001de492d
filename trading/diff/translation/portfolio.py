"""An account and its positions. Most names are ours; here is what the client has beside them."""

from collections.abc import Sequence

import msgspec

from trading.diff.translation.words import UNKNOWN, Patch, number
from trading.protocol import AccountData, PositionData

SIDES = ("long", "short")


def together(accounts: Sequence[AccountData]) -> AccountData:
    """One account in place of those that a user has at several markets: the client knows of no markets, and its
    positions are those of all. Risk is each market's own: that of the one where it is highest is told."""
    first, *others = accounts
    if not others:
        return first
    sums = {
        name: round(sum(getattr(each, name) for each in accounts), 4)
        for name in AccountData.__struct_fields__
        if name not in ("user_id", "risk_ratio")
    }
    return msgspec.structs.replace(first, **sums, risk_ratio=max(each.risk_ratio for each in accounts))


def account(data: AccountData) -> Patch:
    """What live orders hold is margin and commission together: it is told as margin."""
    return {
        "user_id": data.user_id,
        "currency": "CNY",
        "pre_balance": data.pre_balance,
        "static_balance": data.static_balance,
        "balance": data.balance,
        "available": data.available,
        "ctp_balance": UNKNOWN,
        "ctp_available": UNKNOWN,
        "float_profit": data.float_profit,
        "position_profit": data.position_profit,
        "close_profit": data.close_profit,
        "frozen_margin": data.frozen_orders,
        "margin": data.margin,
        "frozen_commission": 0.0,
        "commission": data.commission,
        "frozen_premium": 0.0,
        "premium": 0.0,
        "deposit": data.deposit,
        "withdraw": data.withdraw,
        "risk_ratio": data.risk_ratio,
        "market_value": 0.0,
    }


def position(data: PositionData, ids: Patch) -> Patch:
    """`ids`: by which it says what it is of."""
    fields: Patch = {"user_id": data.user_id, **ids}
    for side in SIDES:
        fields |= _leg(data, side)
    fields |= {name: getattr(data, name) for name in ("float_profit", "position_profit", "margin")}
    fields |= {"market_value": 0.0, "last_price": number(data.last_price)}
    return fields | {"pos": fields["pos_long"] - fields["pos_short"]}


def _leg(data: PositionData, side: str) -> Patch:
    def lots(name: str) -> int:
        return int(getattr(data, f"volume_{side}{name}"))

    today, his, frozen_today, frozen_his = lots("_today"), lots("_his"), lots("_frozen_today"), lots("_frozen_his")
    money = ("open_cost", "position_cost", "float_profit", "position_profit", "margin")
    return {
        f"volume_{side}_today": today,
        f"volume_{side}_his": his,
        f"volume_{side}": today + his,
        f"volume_{side}_frozen_today": frozen_today,
        f"volume_{side}_frozen_his": frozen_his,
        f"volume_{side}_frozen": frozen_today + frozen_his,
        f"pos_{side}_today": today,
        f"pos_{side}_his": his,
        f"pos_{side}": today + his,
        f"open_price_{side}": number(getattr(data, f"open_price_{side}")),
        f"position_price_{side}": number(getattr(data, f"position_price_{side}")),
        **{f"{name}_{side}": getattr(data, f"{name}_{side}") for name in money},
        f"market_value_{side}": 0.0,
    }


def flat(user_id: str, name: str, ids: Patch) -> Patch:
    """A position that is none any more: the client keeps its place."""
    numbers = dict.fromkeys((field for field in PositionData.__struct_fields__ if field not in TEXTS), 0.0)
    prices = dict.fromkeys(("open_price_long", "open_price_short", "position_price_long", "position_price_short"))
    fields = {**numbers, **prices, "last_price": None, "lots": None, "user_id": user_id, "instrument_id": name}
    return position(PositionData(**fields), ids)  # type: ignore[arg-type]


TEXTS = ("user_id", "instrument_id", "last_price", "lots")
