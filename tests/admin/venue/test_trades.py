"""A trade is broken through the admin's form: asked about in numbers, done once, told to both, with sound books."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client

from tests.admin.desk.conftest import Officer
from tests.admin.pages import YES, asked, text_of
from tests.builders import FUNDS, Books, Founded, order
from trading import protocol
from trading.admin.columns import amount_text
from trading.admin.desk.page import address
from trading.core.commands import Settle, Withdraw
from trading.models import Account, LedgerEntry, OperatorCommand, Position, PushBatch, Statement, Trade, TradeBreak
from trading.reads import answers, holdings
from trading.storage.packing import unpack_frames
from trading.storage.reconciliation import check_books, replay_journal


@pytest.fixture
def books(market: Founded) -> Books:
    return Books()


@pytest.fixture
def clerk(books: Books, officer: Officer) -> Client:
    """user001 has bought 3 lots from user002 at 120."""
    books.commit(order(2, "SELL OPEN 3 @ 120"), order(1, "BUY OPEN 3 @ 120"))
    return officer("Risk officer")


def number() -> int:
    return int(Trade.objects.order_by("-trade_id").values_list("trade_id", flat=True)[0])


def send(clerk: Client, trade_id: int, **values: str) -> Any:
    form = {"key": uuid.uuid4().hex, "reason": "fat finger", "give_back_fees": "on", **values}
    return clerk.post(address("trade", trade_id), form, follow=True)


def money(name: str) -> tuple[int, int]:
    row = Account.objects.get(user_id=name)
    return row.close_profit, row.commission


def sound() -> None:
    assert check_books("MAIN") == []
    assert replay_journal("MAIN").difference is None


def frames(account_id: int) -> list[dict[str, Any]]:
    kept = PushBatch.objects.filter(account_id=account_id).order_by("last_seq")
    return [json.loads(line) for row in kept for line in unpack_frames(bytes(row.packed or b"")).split("\n")]


def test_it_asks_with_what_will_happen_to_both(clerk: Client) -> None:
    said = text_of(send(clerk, number()))
    assert "user001: 3 lots of IX2301 go; commission back: 6.00. Available now:" in said
    assert "user002: 3 lots of IX2301 go" in said and "Reason: fat finger" in said
    assert not OperatorCommand.objects.exists()


def test_it_is_taken_back_and_both_are_told(clerk: Client) -> None:
    trade_id = number()
    said = text_of(send(clerk, trade_id, **YES))
    assert (
        "The trade is broken." in said and "This trade was broken." in said and "Give the commission back" not in said
    )
    assert asked() == [("BreakTrade", "DONE", "risk")]
    assert OperatorCommand.objects.get().reason == "fat finger"
    for name, account_id, direction in (("user001", 1, "BUY"), ("user002", 2, "SELL")):
        assert money(name) == (0, 0)
        position = Position.objects.get(account=account_id)
        assert (position.long_today, position.short_today, position.long_margin + position.short_margin) == (0, 0, 0)
        told = [frame for frame in frames(account_id) if frame["type"] == "trade_broken"]
        assert [(each["trade_id"], each["direction"], each["commission"]) for each in told] == [
            (protocol.trade_id_text(trade_id), direction, 6.0)
        ]
        numbers = [frame["seq"] for frame in frames(account_id)]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        fees = LedgerEntry.objects.filter(account=account_id, trade_id=trade_id).order_by("id")
        assert list(fees.values_list("kind", "amount")) == [("COMMISSION", -60_000), ("COMMISSION", 60_000)]
    sound()


def test_it_is_broken_once_whoever_presses(clerk: Client, officer: Officer) -> None:
    trade_id = number()
    send(clerk, trade_id, **YES)
    other = officer("Administrator")
    assert "broken already" in text_of(send(other, trade_id, **YES))
    assert TradeBreak.objects.count() == 2
    sound()


def test_the_form_sent_twice_breaks_once(clerk: Client) -> None:
    values = {"key": uuid.uuid4().hex, **YES}
    for _ in range(2):
        send(clerk, number(), **values)
    assert OperatorCommand.objects.count() == 1


def test_fees_stay_where_that_was_chosen(clerk: Client) -> None:
    send(clerk, number(), give_back_fees="", **YES)
    assert money("user001") == (0, 60_000) and Position.objects.get(account=1).long_today == 0
    sound()


def test_a_closing_is_undone_with_its_profit(clerk: Client, books: Books) -> None:
    books.commit(order(3, "BUY OPEN 2 @ 125"), order(1, "SELL CLOSE 2 @ 125"))
    assert money("user001")[0] == 10_000_000
    trade_id = number()
    assert "undone profit: 1,000.00" in text_of(send(clerk, trade_id))
    send(clerk, trade_id, **YES)
    assert money("user001")[0] == 0 and Position.objects.get(account=1).long_today == 3
    sound()
    query = protocol.QueryTrades()
    answer = answers.answer(answers.Asker("user001", "MAIN"), query)
    assert isinstance(answer, protocol.QueryResponse) and answer.data.trades is not None
    assert [trade.broken for trade in answer.data.trades] == [True, False]


def test_lots_that_are_closed_since_are_refused(clerk: Client, books: Books) -> None:
    trade_id = number()
    books.commit(order(3, "BUY OPEN 1 @ 125"), order(1, "SELL CLOSE 1 @ 125"))
    assert "user001: the lots are closed since" in text_of(send(clerk, trade_id, **YES))
    assert not TradeBreak.objects.exists()
    sound()


def test_the_page_says_why_it_cannot_be_broken(clerk: Client, books: Books) -> None:
    """Asked of the engine's own rule before anybody fills in a form."""
    where = address("trade", number())
    assert "Give the commission back" in text_of(clerk.get(where))
    books.commit(order(1, "SELL CLOSE 1 @ 130"))
    said = text_of(clerk.get(where))
    assert "It cannot be broken: user001: live orders are to close the lots: cancel them first (code 1005)" in said
    assert "Give the commission back" not in said
    chinese = text_of(clerk.get(where, headers={"accept-language": "zh-hans"}))
    assert "user001：有平仓委托正占用这些持仓，请先撤单" in chinese
    assert "cancel them first" in text_of(send(clerk, int(where.rstrip("/").rsplit("/", 1)[1])))
    books.commit(Settle(20240102, 20240103, {}))
    assert "which is settled: only money can make good for it (code" in text_of(clerk.get(where))
    assert not OperatorCommand.objects.exists()


def test_it_warns_of_debts_and_of_too_little_margin(clerk: Client, books: Books) -> None:
    """user001 has gained by a closing and taken out all that is available: undone, they have less than nothing."""
    books.commit(order(3, "BUY OPEN 3 @ 122"), order(1, "SELL CLOSE 3 @ 122"))
    books.commit(order(1, "BUY OPEN 1 @ 120"), order(2, "SELL OPEN 1 @ 120"))
    closing = int(Trade.objects.order_by("trade_id").values_list("trade_id", flat=True)[2])
    view = holdings.account_view(user_id="user001", market="MAIN")
    assert view is not None
    books.commit(Withdraw("user001", view.figures.withdrawable))
    said = text_of(clerk.get(address("trade", closing)))
    assert "user001 would be short of margin:" in said and "user003 would be" not in said
    assert "user001 would be short of margin:" in text_of(send(clerk, closing))
    books.commit(order(1, "SELL CLOSE 1 @ 119"), order(2, "BUY CLOSE 1 @ 119"))
    view = holdings.account_view(user_id="user001", market="MAIN")
    assert view is not None
    books.commit(Withdraw("user001", view.figures.withdrawable))
    debt = text_of(send(clerk, closing))
    assert "user001 would be in debt: the balance would be -" in debt
    send(clerk, closing, **YES)
    after = holdings.account_view(user_id="user001", market="MAIN")
    assert after is not None and f"the balance would be {amount_text(after.figures.balance)}." in debt
    sound()


def test_a_settled_day_is_refused(clerk: Client, books: Books) -> None:
    trade_id = number()
    books.commit(Settle(20240102, 20240103, {}))
    assert "is settled: only money can make good for it" in text_of(send(clerk, trade_id, **YES))


def test_after_the_evening_the_statement_has_no_trace_of_it(clerk: Client, books: Books) -> None:
    send(clerk, number(), **YES)
    Books().commit(Settle(20240102, 20240103, {}))
    sound()
    assert Statement.objects.get(account=1).closing == FUNDS


def test_a_reason_is_wanted(clerk: Client) -> None:
    assert "This field is required" in text_of(send(clerk, number(), reason="", **YES))
    assert not OperatorCommand.objects.exists()


def test_no_such_trade_is_404(clerk: Client) -> None:
    assert clerk.get(address("trade", 5)).status_code == 404


@pytest.mark.parametrize("role", ["Viewer", "Support", "Treasurer", "Settlement officer"])
def test_who_may_not_sees_it_and_is_refused(clerk: Client, officer: Officer, role: str) -> None:
    client = officer(role)
    assert "Give the commission back" not in text_of(client.get(address("trade", number())))
    assert send(client, number(), **YES).status_code == 403
    assert not OperatorCommand.objects.exists()
