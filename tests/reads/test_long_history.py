"""What users and operators ask costs the same, however long the history is: live orders, a page, a sum, a search."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tests.admin.pages import logged_in, page, text_of
from tests.builders import NOW, Books, found_market, order
from tests.reads.history import STEP, counted_work, make_past, number_of
from trading import protocol
from trading.admin.base import GrowingAdmin
from trading.models import User
from trading.reads import answers, histories, missed_pushes

ROWS, DAYS = 30_000, 12_000
"""Of the past, and then again as many: more than a query or a list looks through."""
USER = answers.Asker("user001", "MAIN")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db,
    pytest.mark.sqlite_only,
]


@pytest.fixture(scope="module")
def made_once(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A long past, and two live orders beside it. The tests read only."""
    with django_db_blocker.unblock():
        found_market()
        Books().commit(order(1, "BUY OPEN 5 @ 119", own_id="live"), order(2, "SELL OPEN 3 @ 121"))
        make_past(ROWS, DAYS)
        yield
        empty_tables()


def empty_tables() -> None:
    """Without a look, for every order that goes, whether there are trades of it: that takes minutes."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys = OFF")
    call_command("flush", verbosity=0, interactive=False)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys = ON")


@pytest.fixture
def past(made_once: None, db: None) -> None:
    """What a test adds is undone after it."""


@pytest.fixture
def root(past: None) -> Client:
    return logged_in(User.objects.create_superuser("root"))


def frame(type: str, **fields: Any) -> Any:
    return protocol.decode(msgspec.json.encode({"type": type, **fields}).decode())


def queries() -> Iterator[Any]:
    an_order = protocol.order_id_text(number_of(ROWS // 2))
    yield frame("query_account")
    yield frame("query_position")
    yield frame("query_position", lots=True)
    yield frame("query_position", instrument_id="IX2301")
    yield frame("query_order", order_id=an_order)
    for status in ("LIVE", "Waiting", "Submitted", "PartiallyFilled", "Filled", "Cancelled"):
        yield frame("query_orders", status=status, limit=200)
        yield frame("query_orders", status=status, instrument_id="IF2301")
    yield frame("query_orders")
    yield frame("query_orders", instrument_id="IF2301")
    yield frame("query_orders", before=an_order)
    yield frame("query_orders", from_time=NOW, to_time=NOW + 86_400_000, status="Cancelled")
    yield frame("query_trades", limit=200)
    yield frame("query_trades", instrument_id="IF2301")
    yield frame("query_trades", order_id=an_order)
    yield frame("query_trades", order_id=protocol.order_id_text(1))
    yield frame("query_trades", before=protocol.trade_id_text(number_of(ROWS // 2)))
    yield frame("query_statements", limit=100)
    yield frame("query_statements", from_day=20000101, to_day=20000102)


def parameters(model_admin: Any) -> Iterator[dict[str, str]]:
    """What can be asked of a list, as far as it costs something."""
    yield {}
    for column in range(1, len(model_admin.list_display) + 1):
        yield {"o": str(column)}
    yield {"o": ".".join(map(str, range(1, 2_000)))}
    yield {"all": ""}
    yield {"_facets": "True"}
    for words in ("user001", "user0", "past-7", "nothing", protocol.order_id_text(number_of(7))):
        yield {"q": words}
    yield {"q": protocol.trade_id_text(number_of(7) + 1)}
    for lookup in ("account__id__exact", "trade_id__exact", "day"):
        if lookup in model_admin.linked_lookups or lookup in getattr(model_admin, "indexed_lookups", ()):
            yield {lookup: "1"}
            yield {lookup: "1", "q": "user001"}
    if hasattr(model_admin.model, "instrument"):
        yield {"instrument__instrument_id__exact": "IF2301"}


def work_of_all(client: Client) -> dict[str, tuple[int, str]]:
    """The most expensive statement of every query and of every list."""
    found = {}
    for query in queries():
        with counted_work() as work:
            answer = answers.answer(USER, query)
        assert isinstance(answer, protocol.QueryResponse), (query, answer)
        found[str(query)] = work.most
    for model in GROWING:
        for query in parameters(admin.site.get_model_admin(apps.get_model("trading", model))):
            with counted_work() as work:
                response = client.get(page(model), query)
            assert response.status_code == 200, (model, query)
            found[f"{model} {str(query)[:200]}"] = work.most
    with counted_work() as work:
        said = text_of(client.get(page("account", "change", 1)))
    assert "1.0 to 1 (10,000 orders, " in said
    found["the page of an account"] = work.most
    with counted_work() as work, connection.cursor() as cursor:
        cursor.execute(FULL_LOOK)
        cursor.fetchall()
    found[FULL_LOOK] = work.most
    return found


GROWING = ("order", "trade", "ledgerentry", "statement", "riskevent", "settlementprice", "operatorcommand")
FULL_LOOK = "SELECT max(price) FROM trading_order WHERE filled = 1"
"""It grows, so the measure measures."""


def test_nothing_costs_more_when_the_past_is_twice_as_long(root: Client) -> None:
    before = work_of_all(root)
    make_past(ROWS, DAYS, start=ROWS)
    grown = {
        name: (before[name][0], work)
        for name, work in work_of_all(root).items()
        if work[0] > before[name][0] * 1.2 + 1_000
    }
    assert set(grown) == {FULL_LOOK}, grown


def test_lists_of_what_grows_know_it() -> None:
    for model in GROWING:
        assert isinstance(admin.site.get_model_admin(apps.get_model("trading", model)), GrowingAdmin)


def test_live_orders_cost_no_more_than_they_are(past: None) -> None:
    for query in (frame("query_orders", status="Waiting"), frame("query_position"), frame("query_orders")):
        with counted_work() as work:
            answers.answer(USER, query)
        assert work.most[0] <= 50 * STEP, (query, work.most)
    with counted_work() as work:
        missed_pushes.page(account_id=1, after=500, upto=600)
        missed_pushes.snapshot(account_id=1)
    assert work.most[0] <= 50 * STEP, work.most


def test_the_engine_finds_its_live_orders(past: None) -> None:
    with counted_work() as work:
        histories.live_orders(account_id=1)
    assert work.most[0] <= STEP, work.most


# --- what no index tells apart is looked for page by page


def test_a_search_goes_on_where_it_stopped(past: None) -> None:
    """One order, older than all others, is found by asking again and again; nothing is told twice or left out."""
    query, pages, seen = frame("query_orders", status="Submitted", instrument_id="IX2301"), 0, []
    answer: Any = answers.answer(USER, query)
    assert [each.client_order_id for each in answer.data.orders] == ["live"] and answer.data.next is None
    query = frame("query_orders", instrument_id="IX2301", status="Cancelled")
    while True:
        answer = answers.answer(USER, query)
        pages += 1
        seen += answer.data.orders
        if answer.data.next is None:
            break
        query = msgspec.structs.replace(query, before=answer.data.next)
    assert seen == [] and pages == ROWS // histories.LOOKED_THROUGH + 1


def test_trades_of_an_order_are_found_wherever_it_is(past: None) -> None:
    for row in (0, ROWS // 3, ROWS - 1):
        answer: Any = answers.answer(USER, frame("query_trades", order_id=protocol.order_id_text(number_of(row))))
        assert [each.trade_id for each in answer.data.trades] == [protocol.trade_id_text(number_of(row) + 1)]
        assert answer.data.next is None


# --- the admin


def test_what_an_index_finds_is_shown_however_old_it_is(root: Client) -> None:
    def found(model: str, words: str) -> list[Any]:
        return list(root.get(page(model), {"q": words}).context["cl"].result_list)

    old = number_of(3)
    assert [row.pk for row in found("order", protocol.order_id_text(old))] == [old]
    assert len(found("trade", protocol.trade_id_text(old + 1))) == 2
    assert [row.direction for row in found("trade", f"{protocol.trade_id_text(old + 1)} user002")] == ["SELL"]
    assert len(found("ledgerentry", protocol.trade_id_text(old + 1))) == 2
    assert [row.client_order_id for row in found("order", "user002")] == [None]
    assert b"Among the newest 10,000 rows" in root.get(page("order")).content
    assert b"Among the newest" not in root.get(page("order"), {"q": "user002"}).content
