"""Orders found by anything, cancelled as they were found, and the whole life of one, from the archive too."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.utils import translation

from tests.admin.desk.conftest import Officer
from tests.admin.pages import YES, text_of
from tests.builders import Books, Founded, order
from trading import protocol
from trading.admin.desk.page import address
from trading.admin.venue import order_words
from trading.core.commands import AmendOrder, CancelAll, CancelOrder, ForceCancelOrder, Settle, SubmitOrder
from trading.core.types import (
    CancelReason,
    Direction,
    Offset,
    OrderOptions,
    OrderStatus,
    OrderType,
    SelfTrade,
    StopKind,
    TimeCondition,
    Trigger,
    stored_name,
)
from trading.models import OperatorCommand, Order, Trade
from trading.storage.archive.archiver import Archiver


@pytest.fixture
def books(market: Founded) -> Books:
    return Books()


@pytest.fixture
def clerk(books: Books, officer: Officer) -> Client:
    return officer("Risk officer")


def find(client: Client, q: str = "", live: bool = False) -> Any:
    return client.get(address("orders"), {"q": q, **({"live": "yes"} if live else {})}, follow=True)


def names(response: Any) -> list[str]:
    return [line[3] for line in response.context["rows"]]


@pytest.fixture
def some(books: Books) -> None:
    books.commit(
        order(1, "BUY OPEN 5 @ 120", own_id="a"),
        order(2, "SELL OPEN 2 @ 120", own_id="b"),
        order(2, "SELL OPEN 1 @ 125", own_id="c"),
        order(3, "BUY OPEN 1 @ 110", own_id="d", instrument_id="IF2301"),
    )


@pytest.mark.parametrize(
    ("q", "live", "found"),
    [
        ("", False, ["d", "c", "b", "a"]),
        ("", True, ["d", "c", "a"]),
        ("user002", False, ["c", "b"]),
        ("user002", True, ["c"]),
        ("IF2301", False, ["d"]),
        ("b", False, ["b"]),
        ("b", True, []),
        ("nothing", False, []),
    ],
)
def test_orders_are_found(some: None, clerk: Client, q: str, live: bool, found: list[str]) -> None:
    assert names(find(clerk, q, live)) == found


def test_an_id_leads_to_its_page(some: None, clerk: Client) -> None:
    row = Order.objects.get(client_order_id="a")
    assert "What happened" in text_of(find(clerk, protocol.order_id_text(row.pk)))
    trade = Trade.objects.all()[0]
    assert "Break the trade" in text_of(find(clerk, protocol.trade_id_text(trade.trade_id)))
    assert find(clerk, "O17000000000010000001").status_code == 404


def test_all_that_are_found_are_cancelled_after_a_question(some: None, clerk: Client) -> None:
    asked = clerk.post(address("orders"), {"q": "user002"})
    assert "1 live order of 1 account with 1 lot left." in text_of(asked)
    assert not OperatorCommand.objects.exists()
    said = text_of(clerk.post(address("orders"), {"q": "user002", **YES}, follow=True))
    assert "Orders cancelled: 1." in said
    assert set(Order.objects.filter(status="Cancelled").values_list("client_order_id", flat=True)) == {"c"}
    assert "There is nothing to do." in text_of(clerk.post(address("orders"), {"q": "user002", **YES}, follow=True))


@pytest.mark.parametrize("role", ["Viewer", "Support"])
def test_who_may_not_cancel_finds_only(some: None, clerk: Client, officer: Officer, role: str) -> None:
    client = officer(role)
    assert names(find(client, "user002")) == ["c", "b"]
    assert client.post(address("orders"), {"q": "user002", **YES}).status_code == 403
    assert not OperatorCommand.objects.exists()


# --- a life


def test_every_word_that_commands_and_frames_may_say_is_in_chinese() -> None:
    """Names of their fields, and the values that are one of a list."""
    of_commands = {
        field.name
        for struct in (SubmitOrder, AmendOrder, CancelOrder, CancelAll, ForceCancelOrder, OrderOptions)
        for field in msgspec.structs.fields(struct)
    }
    of_frames = {field.name for field in msgspec.structs.fields(protocol.OrderStatusFrame)}
    unsaid = {"account_id", "order_id", "options", "timestamp", "status"}
    assert {name.replace("_", " ") for name in (of_commands | of_frames) - unsaid} <= set(order_words.NAMES)
    lists = (CancelReason, Direction, Offset, OrderStatus, OrderType, SelfTrade, StopKind, TimeCondition, Trigger)
    values = {str(each.value) for listed in lists for each in listed}
    kinds = {stored_name(kind) for kind in (SubmitOrder, AmendOrder, CancelOrder, CancelAll, ForceCancelOrder)}
    with translation.override("zh-hans"):
        english = {each for each in {*order_words.NAMES, *values, *kinds} if translation.gettext(each) == each}
    assert english == set()


def test_a_life_is_told_in_the_language_of_the_page(books: Books, clerk: Client) -> None:
    """Prices of a stop as people write them, and what is somebody's own as it is."""
    books.commit(order(1, "BUY OPEN 5 @ 119", own_id="BUY", options=OrderOptions(stop_price=1_210_000)))
    row = Order.objects.get(client_order_id="BUY")
    said = text_of(clerk.get(address("order", row.pk)))
    assert "order type LIMIT, volume 5, price 119.00" in said and "stop price 121.00" in said
    chinese = text_of(clerk.get(address("order", row.pk), headers={"accept-language": "zh-hans"}))
    assert "委托类型 限价, 手数 5, 价格 119.00" in chinese and "客户委托号 BUY" in chinese


def moments(response: Any) -> list[tuple[str, str]]:
    return [(kind, what) for _time, kind, _word, what, _name, _words in response.context["moments"]]


def life(client: Client, own_id: str) -> Any:
    return client.get(address("order", Order.objects.get(client_order_id=own_id).pk))


def test_a_life_has_what_was_asked_and_what_came_of_it_in_order(books: Books, clerk: Client) -> None:
    (accepted,) = books.commit(order(1, "BUY OPEN 5 @ 119", own_id="x"))
    books.commit(AmendOrder(1, accepted.order_id, price=1_200_000))
    books.commit(order(2, "SELL OPEN 2 @ 120"))
    books.commit(CancelOrder(1, accepted.order_id))
    found = life(clerk, "x")
    trade = Trade.objects.all()[0]
    kinds = moments(found)
    assert [each for each in kinds if each[0] == "asked"] == [
        ("asked", "SubmitOrder"),
        ("asked", "AmendOrder"),
        ("asked", "CancelOrder"),
    ]
    assert [what for kind, what in kinds if kind == "told"] == [
        "Submitted",
        "Submitted",
        "PartiallyFilled",
        "Cancelled",
    ]
    assert [what for kind, what in kinds if kind == "fill"] == [str(trade.trade_id)]
    assert "price 120.0" in text_of(found) and "commission 4.0" in text_of(found)
    times = [each[0] for each in found.context["moments"]]
    assert times == sorted(times)
    assert "ASKED" in text_of(found) and "Submitted" in text_of(found) and "user001" in text_of(found)


def test_it_says_which_operator_cancelled_it_and_why(some: None, clerk: Client) -> None:
    clerk.post(address("orders"), {"q": "c", **YES})
    assert ("operator", f"CancelAnyOrder #{OperatorCommand.objects.get().pk}") in moments(life(clerk, "c"))
    assert "risk: Found by: c" in text_of(life(clerk, "c"))


def test_a_broken_fill_is_in_it(some: None, clerk: Client) -> None:
    trade = Trade.objects.all()[0].trade_id
    clerk.post(address("trade", trade), {"key": "0" * 32, "reason": "wrong", **YES})
    assert moments(life(clerk, "b"))[-1] == ("broken", str(trade))


def test_of_an_archived_day_it_says_where_it_is_and_reads_it(
    books: Books, clerk: Client, tmp_path: Path, settings: Any
) -> None:
    settings.ARCHIVE_DIR = tmp_path
    (accepted,) = books.commit(order(1, "BUY OPEN 5 @ 119", own_id="x"))
    books.commit(CancelOrder(1, accepted.order_id))
    books.commit(Settle(20240102, 20240103, {}))
    books.commit(order(1, "BUY OPEN 1 @ 119"))
    (file,) = Archiver("MAIN", tmp_path, sleep=lambda _: None).run(0)
    assert not Order.objects.filter(pk=accepted.order_id).exists()
    where = address("order", accepted.order_id)
    said = text_of(clerk.get(where))
    assert "Its day is archived" in said and file.name in said
    found = clerk.get(where, {"from": "archive"})
    assert "Read from the archive:" in text_of(found) and ("asked", "CancelOrder") in moments(found)
    (tmp_path / "MAIN" / file.name).unlink()
    assert "cannot be read" in text_of(clerk.get(where, {"from": "archive"}))
