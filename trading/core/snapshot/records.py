"""The records: what storage writes into tables and reads from them, and what the state is named by."""

import msgspec

from trading.core.commands import ClientOrder
from trading.core.types import (
    FIRST_RULES,
    AccountRules,
    Announcement,
    Contract,
    Direction,
    MarketLimits,
    Offset,
    OrderOptions,
    OrderStatus,
    OrderType,
    Phase,
    Restrictions,
    Terms,
    TimeCondition,
    Trigger,
)


class DayRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """As `trading.core.state.Day`. `limits`: None where the market has none;
    `restrictions`: None where nothing is switched off."""

    trading_day: int
    net_deposits: int
    commission: int
    fee_groups: dict[str, int]
    limits: MarketLimits | None = None
    restrictions: Restrictions | None = None
    announcements: tuple[Announcement, ...] = ()
    broken: tuple[int, ...] = ()


class SweepRecord(msgspec.Struct, frozen=True):
    """A price (1/10,000) that orders have met, of which some are yet to fire: `trading.core.matching.stops.Sweep`."""

    trigger: Trigger
    rising: bool
    price: int
    number: int


class InstrumentRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """Prices in 1/10,000. `scheduled`: the phase it is resumed into. `settlement`: the last settlement price, which the
    limits come from. `mark`: what its positions are worth, None before the first trade or settlement. `last`: the last
    trade's price, None before it; then that trade's lots and time."""

    contract: Contract
    terms: Terms
    phase: Phase
    scheduled: Phase
    settlement: int
    mark: int | None
    last: int | None
    last_volume: int
    last_time: int
    sweeps: list[SweepRecord] = []


class AccountRecord(msgspec.Struct, frozen=True):
    """`warned`, `liquidating`: where it stands with its risk. `cancel_at`, `disconnect_at`: deadlines of the dead man's
    switches, Unix ms."""

    account_id: int
    user_id: str
    pre_balance: int
    deposits: int
    withdrawals: int
    close_profit: int
    commission: int
    rules: AccountRules = AccountRules()
    frozen: bool = False
    warned: bool = False
    liquidating: bool = False
    cancel_at: int | None = None
    disconnect_at: int | None = None
    client_orders: list[tuple[str, ClientOrder]] = []


class LotRecord(msgspec.Struct, frozen=True):
    number: int
    lots: int
    cost: int


class LegRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`detail`: yesterday's lots, then today's, the first opened first; none under the rules of the first release."""

    today: int
    his: int
    today_cost: int
    his_cost: int
    his_open_cost: int
    detail: list[LotRecord] = []


class PositionRecord(msgspec.Struct, frozen=True):
    account_id: int
    instrument_id: str
    long: LegRecord
    short: LegRecord


class OrderRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A live order. Prices in 1/10,000. `shown`: lots that the book shows (all that remain, but of an iceberg).
    `stop`: where a waiting order fires now, 0 for others. `priority`: its place in the queue. `price_sum`: of its
    fills; None where there are none, or it is not known."""

    order_id: int
    account_id: int
    instrument_id: str
    direction: Direction
    offset: Offset
    order_type: OrderType
    time_condition: TimeCondition
    volume: int
    price: int
    filled: int
    status: OrderStatus
    his_held: int
    today_held: int
    accepted_at: int
    updated_at: int
    client_order_id: str | None
    trading_day: int
    options: OrderOptions | None = msgspec.field(name="handling")
    shown: int
    stop: int
    priority: int
    price_sum: int | None = None


class Snapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of it. `orders` is in time priority. What later releases have added is left out of all records where there is
    none of it, so that the state of an old journal keeps its name."""

    last_id: int
    day: DayRecord
    instruments: list[InstrumentRecord]
    accounts: list[AccountRecord]
    positions: list[PositionRecord]
    orders: list[OrderRecord]
    rules: int = FIRST_RULES
    shard: int = 0
