"""What orders, accounts and instruments keep beyond the plain case, and what a settled day leaves behind."""

from typing import Any

import msgspec
import pytest

from tests.builders import NO_ACCOUNT, TRADERS, Books, make_users, order, terms
from tests.storage.histories import new_books
from tests.storage.restart.test_restore import restored
from trading.core.commands import (
    AmendOrder,
    CancelAfter,
    ChangeTerms,
    CheckRisk,
    Command,
    FreezeAccount,
    HaltInstrument,
    SetAccountRules,
    SetFeeGroup,
    SetMarketPhase,
    Settle,
)
from trading.core.events import OrderAccepted, OrderRepeated, Refused
from trading.core.money import RATE, UNIT
from trading.core.types import AccountRules, CancelReason, OrderOptions, Phase, SelfTrade
from trading.models import (
    Account,
    Instrument,
    LedgerEntry,
    Market,
    Order,
    Position,
    RiskEvent,
    SettlementPrice,
    Statement,
)

pytestmark = pytest.mark.django_db
SPECIAL = ("priority", "options", "shown", "stop", "cancel_code", "known_day", "asked_volume", "asked_price")
FIRST, SECOND, THIRD = 20240131, 20240201, 20240202


@pytest.fixture
def books(db: None) -> Books:
    make_users([*TRADERS, NO_ACCOUNT])
    return new_books()


def settle(books: Books, day: int = FIRST, next_day: int = SECOND, **prices: int) -> None:
    books.commit(Settle(day, next_day, {name: price * UNIT for name, price in prices.items()}))


def put(books: Books, *commands: Command) -> Order:
    """Commit, restart, and give the row of the first order of these commands."""
    (accepted, *_) = (each for each in books.commit(*commands) if hasattr(each, "order_id"))
    books.load()
    return Order.objects.get(pk=accepted.order_id)


def again(books: Books, command: Command) -> Any:
    """What a resend after a restart is answered."""
    books.load()
    return books.engine.apply(command, books.now)[0]


# --- orders


def test_a_plain_order_leaves_the_columns_of_others_empty(books: Books) -> None:
    row = put(books, order(1, "BUY OPEN 5 @ 120", own_id="mine"))
    assert {name: getattr(row, name) for name in SPECIAL} == dict.fromkeys(SPECIAL)
    assert (row.forced, row.trading_day, row.cancel_reason) == (False, 0, None)


def test_an_order_belongs_to_its_trading_day(books: Books) -> None:
    settle(books)
    assert put(books, order(1, "BUY OPEN 5 @ 120")).trading_day == SECOND


def test_options_are_kept_as_it_was_asked(books: Books) -> None:
    asked = OrderOptions(display_volume=2, oco_group="a", stp=SelfTrade.CANCEL_BOTH, valid_until=books.now)
    row = put(books, order(1, "BUY OPEN 5 @ 120 GTC", options=asked))
    assert msgspec.json.decode(row.options or "", type=OrderOptions) == asked
    assert row.shown == 2
    assert books.engine.state.orders[row.pk].options == asked


def test_an_iceberg_shows_what_it_showed(books: Books) -> None:
    row = put(books, order(1, "BUY OPEN 5 @ 120 GTC", options=OrderOptions(display_volume=2)))
    books.commit(order(2, "SELL OPEN 1 @ 120"))
    row.refresh_from_db()
    assert (row.shown, row.filled, row.status) == (1, 1, "PartiallyFilled")
    (entry,) = restored().state.instruments["IX2301"].book.entries()
    assert (entry.remaining, entry.left) == (1, 4)


def test_a_refilled_iceberg_stands_behind_the_others_after_a_restart(books: Books) -> None:
    first = put(books, order(1, "BUY OPEN 5 @ 120 GTC", options=OrderOptions(display_volume=1)))
    books.commit(order(2, "BUY OPEN 1 @ 120"), order(3, "SELL OPEN 1 @ 120"))
    first.refresh_from_db()
    assert first.priority is not None and first.priority > first.pk
    assert [entry.account.account_id for entry in restored().state.instruments["IX2301"].book.entries()] == [2, 1]


def test_a_waiting_order_waits_where_it_waited(books: Books) -> None:
    books.commit(order(1, "BUY OPEN 1 @ 120"), order(2, "SELL OPEN 1 @ 120"))
    row = put(books, order(1, "SELL CLOSE 1 @ MARKET", options=OrderOptions(trail=UNIT)))
    assert (row.status, row.stop) == ("Waiting", 119 * UNIT)
    books.commit(order(2, "BUY OPEN 1 @ 121"), order(3, "SELL OPEN 1 @ 121"))
    row.refresh_from_db()
    assert row.stop == 120 * UNIT
    books.load()
    books.commit(order(2, "BUY OPEN 2 @ 120"), order(3, "SELL OPEN 1 @ 120"))
    assert Order.objects.values_list("status", "stop").get(pk=row.pk) == ("Filled", None)


def test_an_amended_order_stands_at_its_new_place(books: Books) -> None:
    row = put(books, order(1, "BUY OPEN 5 @ 120"))
    books.commit(order(2, "BUY OPEN 1 @ 120"), AmendOrder(1, row.pk, volume=6))
    row.refresh_from_db()
    assert (row.volume, row.price) == (6, 120 * UNIT)
    assert row.priority is not None and row.priority > row.pk
    assert [entry.account.account_id for entry in restored().state.instruments["IX2301"].book.entries()] == [2, 1]


def test_a_place_survives_what_comes_after_it(books: Books) -> None:
    """A restart, a fill and a restart later the amended order is still behind."""
    row = put(books, order(1, "BUY OPEN 5 @ 120"))
    put(books, order(2, "BUY OPEN 4 @ 120"), AmendOrder(1, row.pk, volume=6))
    for _ in range(2):
        books.commit(order(3, "SELL OPEN 1 @ 120"))
        books.load()
    assert [(e.account.account_id, e.left) for e in books.engine.state.instruments["IX2301"].book.entries()] == [
        (2, 2),
        (1, 6),
    ]


CHANGES = [
    {"volume": 7},
    {"volume": 4},
    {"price": 119 * UNIT},
    {"price": 121 * UNIT, "volume": 9},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_resend_is_known_by_what_was_asked_first(books: Books, change: dict[str, int]) -> None:
    asked = order(1, "BUY OPEN 5 @ 120", own_id="mine")
    row = put(books, asked)
    books.commit(AmendOrder(1, row.pk, **change))
    assert again(books, asked) == OrderRepeated(row.pk)
    other = msgspec.structs.replace(asked, volume=change.get("volume", 5), price=change.get("price", asked.price))
    assert isinstance(again(books, other), Refused)


def test_a_resend_of_an_order_that_was_cut_down_is_known(books: Books) -> None:
    books.commit(order(1, "BUY OPEN 3 @ 120"), order(2, "SELL OPEN 3 @ 120"))
    asked = order(1, "SELL CLOSE 5 @ 121", own_id="mine", options=OrderOptions(reduce_only=True, valid_until=books.now))
    row = put(books, asked)
    assert (row.volume, row.asked_volume) == (3, 5)
    later = msgspec.structs.replace(asked, options=OrderOptions(reduce_only=True, valid_until=books.now + 9))
    assert again(books, later) == OrderRepeated(row.pk)


def test_a_resend_may_say_how_long_it_is_valid_or_not(books: Books) -> None:
    asked = order(1, "BUY OPEN 5 @ 120", own_id="mine")
    hurried = msgspec.structs.replace(asked, client_order_id="hurried", options=OrderOptions(valid_until=books.now + 9))
    for first in (asked, hurried):
        row = put(books, first)
        for options in (None, OrderOptions(), OrderOptions(valid_until=books.now + 5)):
            assert again(books, msgspec.structs.replace(first, options=options)) == OrderRepeated(row.pk)


def test_why_an_order_was_cancelled_is_kept(books: Books) -> None:
    unfilled = put(books, order(1, "BUY OPEN 1 @ MARKET"))
    assert (unfilled.cancel_reason, unfilled.cancel_code) == ("UNFILLED", None)
    own = put(books, order(1, "BUY OPEN 1 @ 120"))
    books.commit(order(1, "SELL OPEN 1 @ 120"))
    own.refresh_from_db()
    assert (own.cancel_reason, own.cancel_code) == ("SELF_TRADE", 1010)


def test_an_order_of_the_exchange_itself_says_so(books: Books) -> None:
    books.commit(order(1, "BUY OPEN 3 @ 120"), order(2, "SELL OPEN 3 @ 120"), order(3, "BUY OPEN 3 @ 120"))
    books.commit(order(3, "SELL OPEN 3 @ 121"), CheckRisk(warn_at=0, limit=1))
    assert set(Order.objects.filter(forced=True).values_list("account", "direction")) == {(1, "SELL"), (2, "BUY")}
    kinds = set(RiskEvent.objects.values_list("account", "kind"))
    assert {(1, "LIQUIDATION_STARTED"), (1, "LIQUIDATION_ENDED"), (2, "LIQUIDATION_STARTED")} <= kinds


# --- own ids over days


def test_the_ids_of_a_settled_day_are_free_again(books: Books) -> None:
    asked = order(1, "BUY OPEN 1 @ MARKET", own_id="mine")
    row = put(books, asked)
    assert again(books, asked) == OrderRepeated(row.pk)
    settle(books)
    assert isinstance(again(books, asked), OrderAccepted)


def test_the_id_of_an_order_that_lives_on_stays_used_up_until_the_day_of_its_end_is_over(books: Books) -> None:
    asked = order(1, "BUY OPEN 1 @ 120 GTC", own_id="mine")
    row = put(books, asked)
    settle(books)
    row.refresh_from_db()
    assert (row.trading_day, row.known_day) == (0, SECOND)
    assert again(books, asked) == OrderRepeated(row.pk)
    books.commit(order(2, "SELL OPEN 1 @ 120"))
    assert again(books, asked) == OrderRepeated(row.pk)
    settle(books, SECOND, THIRD)
    assert isinstance(again(books, asked), OrderAccepted)


def test_the_id_of_an_order_that_does_not_fit_the_new_day_is_free_again(books: Books) -> None:
    asked = order(1, "BUY OPEN 1 @ 109 GTC", own_id="mine")
    row = put(books, asked)
    settle(books, IX2301=130)
    row.refresh_from_db()
    assert (row.status, row.cancel_reason, row.known_day) == ("Cancelled", "SETTLEMENT", None)
    assert again(books, order(1, "BUY OPEN 1 @ 130", own_id="mine")).__class__ is OrderAccepted


# --- accounts, instruments, the market


def test_an_account_keeps_its_rules_and_its_switches(books: Books) -> None:
    rules = AccountRules(stp=SelfTrade.CANCEL_TAKER, fee_group="friends", max_volume=5, max_position=0, max_orders=3)
    books.commit(SetFeeGroup("friends", RATE // 2), SetAccountRules("user001", rules), FreezeAccount("user001", True))
    later = books.now + 1_000
    books.commit(CancelAfter(1, later), CancelAfter(1, later + 1, CancelReason.DISCONNECT))
    row = Account.objects.get(pk=1)
    assert (row.frozen, row.cancel_at, row.disconnect_at) == (True, later, later + 1)
    assert row.rules["fee_group"] == "friends"
    account = restored().state.accounts[1]
    assert (account.rules, account.fee_factor, account.frozen) == (rules, RATE // 2, True)
    assert (account.cancel_at, account.disconnect_at) == (later, later + 1)
    books.commit(FreezeAccount("user001", False), CancelAfter(1), SetAccountRules("user001", AccountRules()))
    row.refresh_from_db()
    assert (row.frozen, row.cancel_at, row.rules) == (False, None, {})


def test_a_warning_is_kept(books: Books) -> None:
    books.commit(order(1, "BUY OPEN 3 @ 120"), order(2, "SELL OPEN 3 @ 120"), CheckRisk(warn_at=1, limit=RATE))
    assert set(Account.objects.filter(warned=True).values_list("pk", flat=True)) == {1, 2}
    figures = books.engine.state.accounts[1].figures()
    event = RiskEvent.objects.get(account=1)
    assert (event.kind, event.margin, event.balance) == ("WARNED", figures.margin, figures.balance)
    books.commit(CheckRisk(warn_at=RATE, limit=RATE))
    assert restored().state.accounts[1].warned
    books.commit(order(1, "SELL CLOSE 3 @ 120"), order(3, "BUY OPEN 3 @ 120"), CheckRisk(warn_at=RATE, limit=RATE))
    assert list(RiskEvent.objects.filter(account=1).values_list("kind", flat=True)) == ["EASED", "WARNED"]
    assert not Account.objects.get(pk=1).warned


def test_an_instrument_keeps_its_terms_and_its_phases(books: Books) -> None:
    books.commit(
        ChangeTerms("IX2301", terms(max_position=7, max_orders=8, larger_side=True, last_day=SECOND)),
        HaltInstrument("IX2301"),
        SetMarketPhase(Phase.AUCTION),
    )
    row = Instrument.objects.get(pk="IX2301")
    assert (row.max_position, row.max_orders, row.larger_side, row.last_day) == (7, 8, True, SECOND)
    assert (row.phase, row.scheduled, row.settlement, row.mark_price) == ("halted", "auction", 120 * UNIT, None)
    settle(books, IX2301=121)
    row.refresh_from_db()
    assert (row.settlement, row.mark_price, row.last_price) == (121 * UNIT, 121 * UNIT, None)
    assert (row.limit_down, row.limit_up) == (109 * UNIT, 133 * UNIT)
    assert restored().state_hash() == books.engine.state_hash()


def test_the_market_keeps_its_day(books: Books) -> None:
    books.commit(SetFeeGroup("friends", RATE // 4))
    market = Market.objects.get(pk="MAIN")
    assert (market.trading_day, market.fee_groups) == (0, {"friends": RATE // 4})
    books.commit(order(1, "BUY OPEN 3 @ 120"), order(2, "SELL OPEN 3 @ 120"))
    settle(books)
    market.refresh_from_db()
    assert (market.trading_day, market.net_deposits) == (SECOND, 3 * 1_000_000 * UNIT)
    assert market.commission == 2 * 3 * 2 * UNIT
    assert restored().state.day == books.engine.state.day


# --- what a settled day leaves behind


def test_a_statement_says_the_whole_day(books: Books) -> None:
    books.commit(order(1, "BUY OPEN 5 @ 120"), order(2, "SELL OPEN 5 @ 120"))
    books.commit(order(1, "SELL CLOSE 2 @ 121"), order(3, "BUY OPEN 2 @ 121"))
    settle(books, IX2301=122)
    row = Statement.objects.get(account=1)
    assert (row.day, row.opening, row.deposits, row.withdrawals) == (FIRST, 0, 1_000_000 * UNIT, 0)
    assert (row.close_profit, row.position_profit, row.commission) == (200 * UNIT, 600 * UNIT, 20 * UNIT)
    assert row.closing == 1_000_780 * UNIT
    assert row.margin == 3 * 1_220 * UNIT
    (line,) = row.positions
    assert line == {"instrument_id": "IX2301", "long": 3, "short": 0, "price": 122 * UNIT, "margin": row.margin}
    assert Statement.objects.count() == 3
    assert Account.objects.get(pk=1).pre_balance == row.closing
    marked = LedgerEntry.objects.filter(kind="SETTLEMENT").values_list("account", "amount").order_by("account")
    assert list(marked) == [(1, 600 * UNIT), (2, -1_000 * UNIT), (3, 200 * UNIT)]


def test_settlement_prices_are_kept_for_each_day(books: Books) -> None:
    settle(books, IX2301=121)
    settle(books, SECOND, THIRD, IX2301=122)
    found = SettlementPrice.objects.filter(instrument="IX2301").order_by("day")
    assert list(found.values_list("day", "price", "delisted")) == [
        (FIRST, 121 * UNIT, False),
        (SECOND, 122 * UNIT, False),
    ]
    assert [row.time for row in found] == [books.now - 2, books.now - 1]


def test_an_instrument_that_expires_pays_out(books: Books) -> None:
    books.commit(ChangeTerms("IX2301", terms(last_day=FIRST)))
    books.commit(order(1, "BUY OPEN 5 @ 120"), order(2, "SELL OPEN 5 @ 120"))
    settle(books, IX2301=121)
    assert Instrument.objects.get(pk="IX2301").phase == "delisted"
    assert SettlementPrice.objects.get(instrument="IX2301").delisted
    assert not Position.objects.exclude(long_today=0, long_his=0, short_today=0, short_his=0).exists()
    row = Statement.objects.get(account=1)
    assert (row.close_profit, row.position_profit, row.positions) == (500 * UNIT, 0, [])
    paid = LedgerEntry.objects.filter(kind="EXPIRY").values_list("account", "amount").order_by("account")
    assert list(paid) == [(1, 500 * UNIT), (2, -500 * UNIT)]
    assert restored().state_hash() == books.engine.state_hash()
