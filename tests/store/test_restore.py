"""Whatever happened, the rows bring back the very state, the journal replays to it, and the sums agree."""

from collections import Counter

import pytest
from django.db.models import Sum

from tests.builders import NO_ACCOUNT, TRADERS, Books, make_users, order
from tests.store.histories import History, age_positions, new_books
from trading import selectors
from trading.core.engine import Engine
from trading.models import Account, JournalBatch, LedgerEntry, Market, Order, Trade
from trading.store import Store

pytestmark = pytest.mark.django_db
SEEDS = range(8)


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
    engine = Engine()
    for time, commands in Store("MAIN").journal():
        for command in commands:
            engine.apply(command, time)
    return engine


def assert_rows_tell(engine: Engine) -> None:
    """A restart brings the engine's state back, and readers see its figures."""
    assert restored().state_hash() == engine.state_hash()
    for account in engine.state.accounts.values():
        view = selectors.account_view(user_id=account.user_id)
        assert view is not None and view.figures == account.figures()
        shown = {view.position.instrument_id: view for view in selectors.position_views(user_id=account.user_id) or []}
        held = {name: position for name, position in account.positions.items() if not position.flat}
        assert shown.keys() == held.keys()
        for name, position in held.items():
            assert repr(shown[name].position) == repr(position)


def assert_books_balance() -> None:
    """Ledger entries add up to the counters, and trades to both."""
    for row in Account.objects.all():
        ledger = dict(LedgerEntry.objects.filter(account=row).values_list("kind").annotate(Sum("amount")).order_by())
        trades = Trade.objects.filter(account=row).aggregate(fees=Sum("commission"), profit=Sum("close_profit"))
        assert ledger.get("DEPOSIT", 0) == row.deposits
        assert -ledger.get("WITHDRAWAL", 0) == row.withdrawals
        assert -ledger.get("COMMISSION", 0) == row.commission == (trades["fees"] or 0)
        assert ledger.get("CLOSE_PROFIT", 0) == row.close_profit == (trades["profit"] or 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restart_brings_back_the_state_at_any_time(books: Books, seed: int) -> None:
    history = History(books, seed)
    for _ in range(5):
        history.play(8)
        assert_rows_tell(books.engine)
    assert replayed().state_hash() == books.engine.state_hash()
    assert_books_balance()


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_yesterdays_lots_come_back_too(books: Books, seed: int) -> None:
    History(books, seed).play(15)
    for number in list(books.engine.state.orders):
        books.commit(*[_cancel_of(books, number)])
    age_positions()
    books.load()
    history = History(books, seed + 100)
    for _ in range(3):
        history.play(8)
        assert_rows_tell(books.engine)


def _cancel_of(books: Books, number: int) -> object:
    from tests.builders import cancel

    return cancel(books.engine.state.orders[number].account.account_id, number)


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_restarts_in_between_change_nothing(books: Books, seed: int) -> None:
    straight = History(books, seed)
    for _ in range(5):
        straight.play(4)
        books.load()
    assert_rows_tell(books.engine)
    assert replayed().state_hash() == books.engine.state_hash()


def test_the_histories_are_worth_playing(books: Books) -> None:
    history = History(books, 5)
    history.play(60)
    rare = Counter({"trades": 40, "partial fills": 10, "closes": 8, "cancelled rests": 8, "CancelOrder": 8})
    rare.update(Deposit=3, Withdraw=3, ChangeTerms=3, HaltInstrument=2, ResumeInstrument=2)
    assert history.seen >= rare, history.seen


def test_time_priority_survives(books: Books) -> None:
    for account_id in (2, 1, 3):
        books.commit(order(account_id, "SELL OPEN 1 @ 120"))
    book = restored().state.instruments["IX2301"].book
    assert [entry.account.account_id for entry in book.entries()] == [2, 1, 3]


def test_client_order_ids_survive_their_orders(books: Books) -> None:
    books.commit(order(1, "BUY OPEN 1 @ MARKET", own_id="mine"))
    assert not restored().state.orders
    assert set(restored().state.accounts[1].client_orders) == {"mine"}


def test_an_empty_market_is_made_and_loaded(db: None) -> None:
    store = Store("NEW")
    store.take_over()
    records, where = store.load()
    assert Engine.restore(records).state_hash() == Engine().state_hash()
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
    batch.pushes.seqs.clear()
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
    assert (row.filled, row.status) == (2, "PartiallyFilled")
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


def test_a_batch_larger_than_any_statement_is_written_whole(books: Books) -> None:
    """More rows than one statement takes, and not a round number of them."""
    books.commit(*[order(1, "BUY OPEN 1 @ 119") for _ in range(211)])
    assert Order.objects.count() == 211
    assert_rows_tell(books.engine)
