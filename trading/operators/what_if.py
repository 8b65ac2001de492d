"""What would happen: the market as it is stored is loaded into an engine of its own, which is asked with the core's own
rules, and forgotten. Changes nothing. Works beside a running engine; loads all that a restart would load.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from trading.core.commands import (
    BreakTrade,
    ChangeTerms,
    CheckRisk,
    Deposit,
    ForceCancelOrder,
    ListInstrument,
    Settle,
    StopLiquidation,
    Withdraw,
)
from trading.core.engine import Engine
from trading.core.events import (
    Event,
    LiquidationStarted,
    OrderCancelled,
    PositionExpired,
    Refused,
    RiskWarned,
)
from trading.core.orders import Account
from trading.core.types import Phase
from trading.storage.consistent_read import consistent_read
from trading.storage.market_reader import MarketReader
from trading.storage.store import Store

Kind = TypeVar("Kind", LiquidationStarted, RiskWarned)


class Standing(msgspec.Struct, frozen=True):
    """An account at a moment. In 1/10,000."""

    user_id: str
    balance: int
    margin: int


class Outcome(msgspec.Struct, frozen=True):
    """Who would be newly warned or liquidated, as they stand when that begins; and who would be in debt before that."""

    warned: list[Standing]
    liquidated: list[Standing]
    in_debt: list[Standing]


class Day(msgspec.Struct, frozen=True):
    """What a settlement would do. `refused`: the engine's answer; the rest is then empty. `unlikely`: its answer to
    prices that nobody has confirmed; the rest is what they would do where they are. `expired`: instrument, and how many
    accounts hold it."""

    refused: Refused | None
    unlikely: Refused | None
    cancelled: int
    expired: dict[str, int]
    outcome: Outcome


class Margins(msgspec.Struct, frozen=True):
    """What new terms of instruments would do together. `changed`: those that the engine would not refuse; `accounts`
    hold them, and would pay so much `more` margin (1/10,000) for all that they hold. `spared`: users whose liquidation
    is stopped; where they stand at the limit, `outcome` has them all the same."""

    changed: list[str]
    accounts: int
    more: int
    spared: frozenset[str]
    outcome: Outcome


class Left(msgspec.Struct, frozen=True):
    """What an account would have. In 1/10,000."""

    user_id: str
    balance: int
    available: int


class Break(msgspec.Struct, frozen=True):
    """What breaking a trade would do: the engine's refusal, or what buyer and seller would have then."""

    refused: Refused | None
    left: list[Left]


class Moved(msgspec.Struct, frozen=True):
    """What money into an account, or out of it, would do: the engine's refusal, or what it has and would have then."""

    refused: Refused | None
    before: Left
    after: Left


NOTHING = Outcome([], [], [])


def load(market: str) -> tuple[Engine, int]:
    """An engine of one's own as the last commit left the market's, and the time of that commit (Unix ms)."""
    with consistent_read("default"):
        records, restored = Store(market).load()
    return Engine.restore(records), restored.time


def if_prices_were(market: str, prices: Mapping[str, int], risk: CheckRisk) -> Outcome:
    """What the watch over risk would do if instruments were worth other prices (1/10,000) at once. Orders that such a
    price has passed are gone: nobody is liquidated at a better price than that."""
    engine, now = load(market)
    for name, price in prices.items():
        instrument = engine.state.instruments[name]
        ticks = max(1, price // instrument.contract.tick)
        passed = [
            each for each in instrument.book.entries() if (each.price > ticks if each.is_buy else each.price < ticks)
        ]
        for order in passed:
            engine.apply(ForceCancelOrder(order.order_id), now)
        instrument.mark_at(ticks)
        engine.state.moved[name] = instrument
    return _judged(engine, risk, now)


def if_settled(market: str, command: Settle, risk: CheckRisk) -> Day:
    """What a settlement would do, and the watch over risk right after it."""
    engine, now = load(market)
    events, unlikely = engine.apply(command, now), None
    refusal = _refusal(events)
    if refusal is not None and not command.confirmed:
        unlikely, events = refusal, engine.apply(msgspec.structs.replace(command, confirmed=True), now)
        refusal = _refusal(events)
    if refusal is not None:
        return Day(refusal, None, 0, {}, NOTHING)
    expired: dict[str, int] = {}
    for event in events:
        if isinstance(event, PositionExpired):
            expired[event.instrument_id] = expired.get(event.instrument_id, 0) + 1
    cancelled = sum(isinstance(event, OrderCancelled) for event in events)
    everyone = msgspec.structs.replace(risk, everyone=True)
    return Day(None, unlikely, cancelled, expired, _judged(engine, everyone, now))


def _refusal(events: Sequence[Event]) -> Refused | None:
    return next((event for event in events if isinstance(event, Refused)), None)


def if_terms_were(market: str, commands: Sequence[ChangeTerms], risk: CheckRisk) -> Margins:
    """What the watch over risk would do if instruments had other terms at once: an account that holds several pays for
    all of them, and where only the larger side of a product pays, the engine knows which that is. Whoever is spared is
    counted as if they were not: the question is who stands at the limit."""
    engine, now = load(market)
    state = engine.state
    spared = frozenset(state.accounts[number].user_id for number in state.day.restrictions.spared)
    for user_id in sorted(spared):
        engine.apply(StopLiquidation(user_id, stopped=False), now)
    before = {number: account.margin for number, account in state.accounts.items()}
    changed = [each.instrument_id for each in commands if not isinstance(engine.apply(each, now)[0], Refused)]
    holders = {number for name in changed for number in state.instruments[name].holders}
    more = sum(state.accounts[number].margin - before[number] for number in holders)
    return Margins(changed, len(holders), more, spared, _judged(engine, risk, now))


def if_asked(market: str, commands: Sequence[ListInstrument | ChangeTerms]) -> list[Refused | None]:
    """What the engine would answer to instruments that are listed or changed one after the other. Loads no accounts."""
    reader = MarketReader(market, "default", only=())
    engine, now = _load_part(reader)
    elsewhere = reader.elsewhere({each.contract.instrument_id for each in commands if isinstance(each, ListInstrument)})
    found = []
    for command in commands:
        name = command.contract.instrument_id if isinstance(command, ListInstrument) else ""
        answer = elsewhere.get(name) or engine.apply(command, now)[0]
        found.append(answer if isinstance(answer, Refused) else None)
    return found


def if_broken(market: str, command: BreakTrade) -> Break:
    """Loads both accounts with all of theirs and no others: a trade that is taken back concerns nobody else."""
    sides = (command.buyer.account_id, command.seller.account_id)
    engine, now = _load_part(MarketReader(market, "default", only=sides))
    answer = engine.apply(command, now)[0]
    if isinstance(answer, Refused):
        return Break(answer, [])
    return Break(None, [_left(engine.state.accounts[number]) for number in sides])


def if_moved(market: str, account_id: int, command: Deposit | Withdraw) -> Moved:
    """Loads the account with all of its own and no other."""
    engine, now = _load_part(MarketReader(market, "default", only=(account_id,)))
    account = engine.state.accounts[account_id]
    before, answer = _left(account), engine.apply(command, now)[0]
    return Moved(answer if isinstance(answer, Refused) else None, before, _left(account))


def _load_part(reader: MarketReader) -> tuple[Engine, int]:
    """As `load`, with the accounts that the reader reads."""
    with consistent_read("default"):
        row = reader.row()
        records, now = reader.snapshot(row), reader.time_of(row.batch)
    return Engine.restore(records), now


def _left(account: Account) -> Left:
    figures = account.figures()
    return Left(account.user_id, figures.balance, figures.available)


def _judged(engine: Engine, risk: CheckRisk, now: int) -> Outcome:
    in_debt = [account for account in engine.state.accounts.values() if account.figures().balance < 0]
    standing = [_standing(account) for account in in_debt]
    events = engine.apply(risk, now)
    return Outcome(_of(engine, events, RiskWarned), _of(engine, events, LiquidationStarted), standing)


def _of(engine: Engine, events: list[Event], kind: type[Kind]) -> list[Standing]:
    """Whom events of a kind are about, as the engine saw them when it happened."""
    found = []
    for event in events:
        if isinstance(event, kind):
            account = engine.state.accounts[event.account_id]
            found.append(Standing(account.user_id, event.balance, event.margin))
    return found


def _standing(account: Account) -> Standing:
    figures = account.figures()
    return Standing(account.user_id, figures.balance, figures.margin)


def prices_moved(market: str, rates: Mapping[str, float]) -> dict[str, int]:
    """The prices of instruments that have moved by fractions (0.1: up by a tenth), on the tick. An instrument that has
    no price yet is not there."""
    engine, _ = load(market)
    found = {}
    for name, rate in rates.items():
        instrument = engine.state.instruments.get(name)
        if instrument is None or instrument.marked is None or instrument.phase is Phase.DELISTED:
            continue
        found[name] = max(1, round(instrument.marked * (1 + rate))) * instrument.contract.tick
    return found
