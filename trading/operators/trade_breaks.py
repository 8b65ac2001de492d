"""A trade that is to be broken, as the engine must be told: from its two rows."""

from trading.core.commands import BreakTrade
from trading.core.types import Direction, Offset, TradeSide
from trading.models import Market, SettlementPrice, Trade, TradeBreak


def sides(trade_id: int, market: str) -> tuple[Trade, Trade] | None:
    """The buyer's and the seller's row; None where the trade is not in the tables of the market."""
    rows = Trade.objects.filter(trade_id=trade_id, account__market=market).select_related("account", "instrument")
    found = {row.direction: row for row in rows}
    if len(found) < 2:
        return None
    return found[Direction.BUY.value], found[Direction.SELL.value]


def is_broken(trade_id: int) -> bool:
    return TradeBreak.objects.filter(trade_id=trade_id).exists()


def command(buyer: Trade, seller: Trade, *, give_back_fees: bool) -> BreakTrade:
    """The day is the one in which it was traded: the engine refuses another than the present one."""
    return BreakTrade(
        trade_id=buyer.trade_id,
        day=_day_of(buyer),
        instrument_id=buyer.instrument_id,
        price=buyer.price,
        volume=buyer.volume,
        buyer=_side(buyer),
        seller=_side(seller),
        give_back_fees=give_back_fees,
    )


def _side(row: Trade) -> TradeSide:
    return TradeSide(row.account_id, row.order_id, Offset(row.offset), row.commission, row.close_profit)


def _day_of(row: Trade) -> int:
    """The first day that was settled after it, or else the present one."""
    later = SettlementPrice.objects.filter(instrument=row.instrument_id, time__gte=row.time).order_by("day")
    settled: int | None = later.values_list("day", flat=True).first()
    return settled or Market.objects.values_list("trading_day", flat=True).get(code=row.account.market_id)
