"""What readers see of stored bars and trades, and that they see nobody's name. And the operators' pages."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketdata import selectors
from marketdata.core.bars import DAY, MINUTE, Period
from marketdata.core.trades import PublicTrade
from marketdata.models import Bar, Watermark
from tests.admin.pages import logged_in, text_of
from tests.builders import NOW, order
from tests.marketdata.making import Desk, deal
from trading.core.money import UNIT
from trading.core.numbers import number_at
from trading.core.types import Direction
from trading.models import User
from trading.reads.histories import LARGEST_ID

START = NOW - NOW % MINUTE

# --- bars


@pytest.fixture
def five_minutes(desk: Desk) -> Desk:
    for number in range(5):
        desk.trade(lots=number + 1, later=MINUTE if number else 0)
    desk.turn()
    return desk


@pytest.mark.parametrize(
    ("before", "limit", "volumes"),
    [
        (None, 10, [5, 4, 3, 2, 1]),
        (None, 2, [5, 4]),
        (START + 4 * MINUTE, 2, [4, 3]),
        (START + 4 * MINUTE + 1, 2, [5, 4]),
        (START, 2, []),
    ],
)
def test_bars_are_read_backwards(five_minutes: Desk, before: int | None, limit: int, volumes: list[int]) -> None:
    found = selectors.bars(instrument_id="IX2301", period=Period.MINUTE, before=before, limit=limit)
    assert [bar.volume for bar in found] == volumes


def test_bars_of_others_are_not_found(five_minutes: Desk) -> None:
    assert selectors.bars(instrument_id="IF2301", period=Period.MINUTE, limit=10) == []
    assert len(selectors.bars(instrument_id="IX2301", period=Period.DAY, limit=10)) == 1


# --- trades


def recent(name: str = "IX2301", limit: int = 50) -> list[tuple[float, int]]:
    return [(trade.price / UNIT, trade.volume) for trade in selectors.recent_trades(instrument_id=name, limit=limit)]


def test_a_recent_trade_says_what_and_when_and_no_more(desk: Desk) -> None:
    desk.do(order(2, "SELL OPEN 3 @ 120"), order(1, "BUY OPEN 2 @ 120"))
    desk.do(order(3, "BUY OPEN 5 @ 119"), order(1, "SELL OPEN 4 @ 119"), later=5)
    assert selectors.recent_trades(instrument_id="IX2301") == [
        PublicTrade(119 * UNIT, 4, NOW + 5, Direction.SELL),
        PublicTrade(120 * UNIT, 2, NOW, Direction.BUY),
    ]
    assert PublicTrade.__struct_fields__ == ("price", "volume", "time", "direction")


@pytest.mark.parametrize("turns", ["never", "once", "always"])
def test_the_last_trades_are_found_wherever_they_are(desk: Desk, turns: str) -> None:
    """In bars, not yet in bars, minutes apart, and many in a minute."""
    for number in range(1, 31):
        desk.do(*deal(lots=number), *deal(119, 1, "IF2301"), later=(0, 1_000, 3 * MINUTE, DAY)[number % 4])
        if turns == "always" or (turns == "once" and number == 20):
            desk.turn()
    assert recent() == [(120.0, lots) for lots in range(30, 0, -1)]
    assert recent(limit=7) == [(120.0, lots) for lots in range(30, 23, -1)]
    assert recent("IF2301") == [(119.0, 1)] * 30
    assert recent("NONE") == []


def test_who_trades_seldom_is_found_without_looking_through_the_trades_of_others(desk: Desk) -> None:
    """The numbers that are looked through are those of its own minutes."""
    desk.trade(of="IF2301")
    for _ in range(3):
        desk.trade(later=DAY)
    desk.turn()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert recent("IF2301") == [(120.0, 1)]
    spans = [tuple(map(int, re.findall(r'"trade_id" (?:>=|<) (\d+)', query["sql"]))) for query in queries]
    last = selectors.last_trade(market="MAIN")
    first = number_at(START)
    assert sorted(sorted(span) for span in spans if span) == [
        [first, number_at(START + MINUTE)],
        [last + 1, LARGEST_ID],
    ]


# --- days


def test_the_stored_day_is_the_recorders(desk: Desk) -> None:
    def both() -> list[Any]:
        desk.turn()
        now = desk.books.now
        kept = [
            *selectors.day_statistics(instrument_id="IX2301", time=now, market="MAIN"),
            desk.recorder.statistics("IX2301", now),
        ]
        assert kept[0] == kept[1]
        return kept

    both()
    desk.trade(121, 5)
    assert both()[0].volume == 5
    desk.books.now += DAY
    assert both()[0].volume == 0
    desk.settle(20231116, 20231117, IX2301=122 * UNIT)
    assert both()[0].settlement == 122 * UNIT
    desk.trade(123, 2, later=1)
    assert (both()[0].change, both()[0].open_interest) == (UNIT, 7)
    desk.books.now += 9 * DAY
    assert both()[0].volume == 2
    assert selectors.day_statistics(instrument_id="NONE", time=NOW, market="MAIN") == []


# --- the operators' pages


@pytest.fixture
def root(transactional_db: None) -> Client:
    return logged_in(User.objects.create_superuser("root"))


@pytest.mark.parametrize("model", [Bar, Watermark])
def test_pages_show_and_change_nothing(five_minutes: Desk, root: Client, model: Any) -> None:
    name = model._meta.model_name
    listed = reverse(f"admin:marketdata_{name}_changelist")
    row = model.objects.first()
    page = reverse(f"admin:marketdata_{name}_change", args=[row.pk])
    for column in range(1, 11):
        assert root.get(listed, {"o": str(column)}).status_code == 200
    assert root.get(listed, {"q": "IX2301"}).status_code == 200
    assert "None" not in text_of(root.get(page))
    assert root.post(page, {"volume": "7"}).status_code == 403
    for forbidden in ("add", "delete"):
        arguments = [] if forbidden == "add" else [row.pk]
        assert root.post(reverse(f"admin:marketdata_{name}_{forbidden}", args=arguments)).status_code == 403


def test_a_bar_is_shown_in_decimals(five_minutes: Desk, root: Client) -> None:
    said = text_of(root.get(reverse("admin:marketdata_bar_changelist"), {"period__exact": "1d"}))
    assert "2023-11-14 00:00:00.000 IX2301 1d 120.00 120.00 120.00 120.00 15 180,000.00 15" in said
