"""Whatever happened, the rows bring back the very state, the journal replays to it, and the sums agree."""

import dataclasses

import pytest
from django.db.models import Sum

from tests.builders import NO_ACCOUNT, TRADERS, Books, make_users, order
from tests.storage.histories import History, new_books
from trading.core.accounts import Leg
from trading.core.commands import Command, FireStops
from trading.core.engine import Engine
from trading.core.money import UNIT
from trading.core.rules.stop_orders import PORTION
from trading.core.state import State
from trading.core.types import FIRST_RULES, CancelReason, OrderOptions, OrderStatus
from trading.models import Account, Instrument, JournalBatch, LedgerEntry, Market, Order, Statement, Trade
from trading.reads import holdings
from trading.storage.store import Store

pytestmark = pytest.mark.django_db
SEEDS = range(8)
RARE = dict.fromkeys((reason.value for reason in CancelReason), 2) | {
    "Traded": 150,
    "partial fills": 30,
    "closes": 20,
    "cancelled rests": 100,
    "CancelOrder": 20,
    "AmendOrder": 30,
    "OrderWaiting": 20,
    "OrderFired": 5,
    "Settle": 5,
    "AuctionUncrossed": 5,
    "CheckRisk": 20,
    "ExpireDue": 20,
    "Deposit": 5,
    "Withdraw": 5,
    "ChangeTerms": 5,
    "HaltInstrument": 3,
    "ResumeInstrument": 3,
    "SetInstrumentPhase": 5,
    "SetMarketPhase": 10,
    "FreezeAccount": 5,
    "SetAccountRules": 10,
    "SetFeeGroup": 5,
    "ForceCancelOrder": 5,
    "RiskWarned": 2,
    "RiskEased": 2,
    "LiquidationStarted": 2,
    "LiquidationEnded": 2,
    "AUCTION": 0,
}
"""How often each thing must have happened at least, in a long history."""


@pytest.fixture
def books(db: None) -> Books:
    make_users([*TRADERS, NO_ACCOUNT])
    return new_books()


def restored(market: str = "MAIN") -> Engine:
    """The engine as a restart would load it."""
    records, _ = Store(market).load()
    engine = Engine.restore(records)
    engine.check()
    return engine


def replayed() -> Engine:
    """The engine that has done every journalled command again, from nothing."""
    engine = Engine(State(FIRST_RULES))
    for time, commands in Store("MAIN").journal():
        for command in commands:
            engine.apply(command, time)
    return engine


def assert_rows_tell(engine: Engine) -> None:
    """A restart brings the engine's state back, and readers see its figures."""
    assert restored().snapshot() == engine.snapshot()
    for account in engine.state.accounts.values():
        view = holdings.account_view(user_id=account.user_id, market="MAIN")
        assert view is not None and view.figures == account.figures()
        shown = {
            view.position.instrument_id: view
            for view in holdings.position_views(user_id=account.user_id, market="MAIN") or []
        }
        held = {name: position for name, position in account.positions.items() if not position.flat}
        assert shown.keys() == held.keys()
        for name, position in held.items():
            assert columns(shown[name].position.long) == columns(position.long)
            assert columns(shown[name].position.short) == columns(position.short)
            assert shown[name].position.profit == position.profit


def columns(leg: Leg) -> list[int]:
    """All of a leg but its detail, which readers do not load."""
    return [value for value in dataclasses.astuple(leg) if isinstance(value, int)]


def assert_books_balance(engine: Engine) -> None:
    """Ledger entries add up to balances without unrealised profit, trades to the ledger, statements to the days, and
    all of it to what came in."""
    for row in Account.objects.all():
        booked = row.pre_balance + row.deposits - row.withdrawals + row.close_profit - row.commission
        entries = LedgerEntry.objects.filter(account=row)
        assert booked == (entries.aggregate(sum=Sum("amount"))["sum"] or 0)
        ledger = dict(entries.values_list("kind").annotate(Sum("amount")).order_by())
        trades = Trade.objects.filter(account=row).aggregate(fees=Sum("commission"), profit=Sum("close_profit"))
        assert -ledger.get("COMMISSION", 0) == (trades["fees"] or 0)
        assert ledger.get("CLOSE_PROFIT", 0) == (trades["profit"] or 0)
        opening = 0
        for statement in Statement.objects.filter(account=row).order_by("day"):
            assert statement.opening == opening
            opening = statement.closing
        assert row.pre_balance == opening
    settled = Statement.objects.aggregate(net=Sum("deposits") - Sum("withdrawals"), fees=Sum("commission"))
    market = Market.objects.get(pk="MAIN")
    assert (market.net_deposits, market.commission) == (settled["net"] or 0, settled["fees"] or 0)
    assert market.trading_day == engine.state.day.trading_day


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restart_brings_back_the_state_at_any_time(books: Books, seed: int) -> None:
    history = History(books, seed)
    for _ in range(8):
        history.play(8)
        assert_rows_tell(books.engine)
    assert replayed().state_hash() == books.engine.state_hash()
    assert_books_balance(books.engine)


def _cancel_of(books: Books, number: int) -> Command:
    from tests.builders import cancel

    return cancel(books.engine.state.orders[number].account.account_id, number)


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_restarts_in_between_change_nothing(books: Books, seed: int) -> None:
    history = History(books, seed)
    for _ in range(12):
        history.play(4)
        books.load()
    assert_rows_tell(books.engine)
    assert replayed().state_hash() == books.engine.state_hash()
    assert_books_balance(books.engine)


def test_the_histories_are_worth_playing(books: Books) -> None:
    history = History(books, 5)
    history.play(600)
    missing = {name: history.seen[name] for name, least in RARE.items() if history.seen[name] < least}
    assert not missing


def test_time_priority_survives(books: Books) -> None:
    for account_id in (2, 1, 3):
        books.commit(order(account_id, "SELL OPEN 1 @ 120"))
    book = restored().state.instruments["IX2301"].book
    assert [entry.account.account_id for entry in book.entries()] == [2, 1, 3]


def test_who_is_yet_to_fire_is_known_after_a_restart(books: Books) -> None:
    """The price has gone back meanwhile, so nothing but the table can tell."""
    for _ in range(PORTION // 50 + 1):
        books.commit(*(order(3, "BUY OPEN 1 @ 119", options=OrderOptions(stop_price=122 * UNIT)) for _ in range(50)))
    for price in (122, 119.5):
        books.commit(order(1, f"SELL OPEN 1 @ {price}"), order(2, f"BUY OPEN 1 @ {price}"))
        assert_rows_tell(books.engine)
        books.load()
    assert books.engine.firing
    books.commit(FireStops())
    assert_rows_tell(books.engine)
    books.load()
    assert not books.engine.firing
    assert not any(each.status is OrderStatus.WAITING for each in books.engine.state.orders.values())
    assert Instrument.objects.get(pk="IX2301").sweeps is None
    assert replayed().state_hash() == books.engine.state_hash()


def test_an_empty_market_is_made_and_loaded(db: None) -> None:
    store = Store("NEW")
    store.take_over()
    records, where = store.load()
    assert Engine.restore(records).state_hash() == Engine(State(FIRST_RULES)).state_hash()
    assert (where.number, where.time, where.push_seqs) == (0, 0, {})
    assert Market.objects.get(pk="NEW").epoch == 1


def test_a_restart_goes_on_after_the_last_batch_time_id_and_push(books: Books) -> None:
    books.commit(order(1, "BUY OPEN 2 @ 120"))
    books.commit(order(2, "SELL OPEN 1 @ 120"))
    records, where = Store("MAIN").load()
    assert where.number == books.number == Market.objects.get(pk="MAIN").batch
    assert where.time == books.now - 1
    assert records.last_id == books.engine.state.last_id == Market.objects.get(pk="MAIN").last_id
    assert where.push_seqs == dict(Account.objects.values_list("id", "push_seq")) == books.pushes._seqs


def test_pushes_of_accounts_that_are_not_touched_keep_their_numbers(books: Books) -> None:
    before = dict(Account.objects.values_list("id", "push_seq"))
    books.commit(order(1, "BUY OPEN 2 @ 120"))
    after = dict(Account.objects.values_list("id", "push_seq"))
    assert after == {**before, 1: before[1] + 2}


def test_an_account_without_a_push_keeps_its_number(books: Books) -> None:
    """A batch says which pushes it has; what it does not say stays."""
    books.commit(order(1, "BUY OPEN 2 @ 120"))
    number = Account.objects.get(pk=1).push_seq
    batch = books.batch(order(1, "BUY OPEN 2 @ 120"))
    batch.pushes.kept.clear()
    books.store.commit(batch)
    assert Account.objects.get(pk=1).push_seq == number


def test_every_batch_is_in_the_journal_once(books: Books) -> None:
    for _ in range(3):
        books.commit(order(1, "BUY OPEN 1 @ 119"))
    numbers = list(JournalBatch.objects.order_by("number").values_list("number", "epoch"))
    assert numbers == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert [commands for _, commands in Store("MAIN").journal()][1:] == [[order(1, "BUY OPEN 1 @ 119")]] * 3


# --- rows


def test_an_order_is_one_row_that_follows_its_life(books: Books) -> None:
    books.commit(order(1, "BUY OPEN 5 @ 120", own_id="mine"))
    row = Order.objects.get()
    assert (row.volume, row.filled, row.status, row.price) == (5, 0, "Submitted", 1_200_000)
    assert (row.account_id, row.instrument_id, row.client_order_id) == (1, "IX2301", "mine")
    assert (row.direction, row.offset, row.order_type, row.time_condition) == ("BUY", "OPEN", "LIMIT", "GFD")
    books.commit(order(2, "SELL OPEN 2 @ 120"))
    row.refresh_from_db()
    assert (row.filled, row.status, row.price_sum) == (2, "PartiallyFilled", 2_400_000)
    assert row.updated_at == row.accepted_at + 1
    books.commit(_cancel_of(books, row.id))
    row.refresh_from_db()
    assert (row.filled, row.status, row.updated_at) == (2, "Cancelled", row.accepted_at + 2)


def test_a_trade_is_two_rows(books: Books) -> None:
    books.commit(order(1, "BUY OPEN 5 @ 120"))
    books.commit(order(2, "SELL OPEN 2 @ 119"))
    sides = list(Trade.objects.order_by("direction").values("account", "direction", "is_maker", "price", "volume"))
    assert sides == [
        {"account": 1, "direction": "BUY", "is_maker": True, "price": 1_200_000, "volume": 2},
        {"account": 2, "direction": "SELL", "is_maker": False, "price": 1_200_000, "volume": 2},
    ]
    assert Trade.objects.values("trade_id").distinct().count() == 1
    assert set(Trade.objects.values_list("commission", flat=True)) == {40_000}


def test_the_sum_of_fills_goes_on_after_a_restart_and_is_no_part_of_the_states_name(books: Books) -> None:
    books.commit(order(1, "SELL OPEN 1 @ 119"), order(1, "SELL OPEN 3 @ 120"))
    books.commit(order(2, "BUY OPEN 2 @ 120"), order(2, "BUY OPEN 4 @ 120"))
    row = Order.objects.get(volume=3)
    assert (row.filled, row.price_sum) == (3, 3_600_000)
    waiting = Order.objects.get(volume=4)
    (live,) = restored().state.orders.values()
    assert (live.order_id, live.price_sum, waiting.price_sum) == (waiting.pk, 2_400_000, 2_400_000)
    name = books.engine.state_hash()
    Order.objects.update(price_sum=None)
    unknown = restored()
    assert unknown.state_hash() == name == replayed().state_hash()
    (live,) = unknown.state.orders.values()
    assert live.price_sum is None, "no sum is made up of what is left"


def test_a_batch_larger_than_any_statement_is_written_whole(books: Books) -> None:
    """More rows than one statement takes, and not a round number of them."""
    books.commit(*[order(1, "BUY OPEN 1 @ 119") for _ in range(211)])
    assert Order.objects.count() == 211
    assert_rows_tell(books.engine)
