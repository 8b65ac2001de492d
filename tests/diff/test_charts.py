"""Bars of any length from stored bars and from trades, with numbers that a client can rely on."""

import json
from typing import Any

import pytest

from tests.diff.test_translation import NOW, answer, asked, instrument, made, tell
from trading import protocol
from trading.diff.translation.charts import DAY, KEPT, MINUTE, MOST, NUMBERS_PER_MS, Series, part_of
from trading.diff.translation.market import MarketConversation
from trading.diff.translation.words import decode

SECOND = 1_000


def bar(start: int, close: float, volume: float = 1.0, **others: Any) -> protocol.BarData:
    fields = {"open": close, "high": close + 1, "low": close - 1, "turnover": 0.0, "trades": 1, "open_interest": 5.0}
    return made(protocol.BarData, start=start, close=close, volume=volume, **fields | others)


@pytest.mark.parametrize(
    ("seconds", "part"), [(1, 0), (59, 0), (60, 60), (120, 60), (300, 300), (1800, 900), (7200, 3600), (259200, 86400)]
)
def test_bars_are_made_of_the_longest_stored_ones_that_fit(seconds: int, part: int) -> None:
    assert part_of(seconds * SECOND) == part * SECOND


def test_bars_are_folded_and_there_are_none_of_quiet_times() -> None:
    series = Series(3 * MINUTE)
    base = 6_000_000 * MINUTE
    series.learn([bar(base + 7 * MINUTE, 9.0), bar(base, 5.0), bar(base + 2 * MINUTE, 7.0, 2.0, open_interest=6.0)])
    series.number(NOW)
    first = series.first
    assert series.last == first + 1
    told = series.bars(range(first, first + 2))
    assert told[str(first)] == {
        "datetime": base * 1_000_000,
        "open": 5.0,
        "high": 8.0,
        "low": 4.0,
        "close": 7.0,
        "volume": 3,
        "open_oi": 6,
        "close_oi": 6,
    }
    after = told[str(first + 1)]
    assert (after["datetime"], after["volume"], after["open_oi"]) == ((base + 6 * MINUTE) * 1_000_000, 1, 6)
    assert list(series.put(bar(base + 8 * MINUTE, 8.0))) == [first + 1]
    assert list(series.put(bar(base + 5 * DAY, 8.0))) == [first + 2]
    assert series.bars([first + 2])[str(first + 2)]["datetime"] == (base + 5 * DAY) * 1_000_000


def test_what_was_before_gets_the_numbers_before() -> None:
    """A chart that shows more looks further back, while another shows the same bars."""
    series = Series(MINUTE)
    series.learn([bar(10 * MINUTE, 5.0), bar(12 * MINUTE, 6.0)])
    series.number(NOW)
    first, last = series.first, series.last
    series.learn([bar(2 * MINUTE, 3.0), bar(3 * MINUTE, 4.0), bar(10 * MINUTE, 5.0)])
    assert (series.first, series.last) == (first - 2, last)
    series.number(NOW + 5)
    assert [each["close"] for each in series.bars(range(first - 2, last + 1)).values()] == [3.0, 4.0, 5.0, 6.0]
    assert list(series.put(bar(11 * MINUTE, 9.0))) == [], "no number is left between two others"


def test_who_comes_again_mixes_no_bars_up() -> None:
    """The client moves what it has by as many bars as the number of the last has grown: then all of them."""
    numbers = []
    for time in (NOW, NOW + 10):
        series = Series(MINUTE)
        series.learn([bar(10 * MINUTE, 5.0), bar(12 * MINUTE, 6.0)])
        series.number(time)
        numbers.append(series.last)
    assert numbers[1] - numbers[0] >= MOST and numbers[1] < 2**53, "the client counts in doubles"


def test_a_part_that_grows_takes_the_place_of_what_it_was() -> None:
    series = Series(5 * MINUTE)
    for volume in (1.0, 2.0, 4.0):
        series.put(bar(0, 5.0, volume))
    assert series.bars([0])["0"]["volume"] == 4


def test_bars_from_trades() -> None:
    series = Series(5 * SECOND)
    for time, price in ((10_000, 5.0), (14_999, 3.0), (12_000, 9.0), (15_000, 4.0)):
        series.put_trade(price, 2.0, time, 7.0)
    told = series.bars([0, 1])
    assert [told["0"][name] for name in ("open", "high", "low", "close", "volume")] == [5.0, 9.0, 3.0, 9.0, 6]
    assert told["1"]["open"] == 4.0


def test_days_have_no_days_in_between() -> None:
    series = Series(DAY)
    series.learn([bar(day * DAY, float(day)) for day in (100, 101, 104)])
    assert (series.first, series.last) == (0, 2)
    assert list(series.put(bar(107 * DAY, 1.0))) == [3]
    assert [each["close"] for each in series.bars(range(4)).values()] == [100.0, 101.0, 104.0, 1.0]
    assert series.bars([0])["0"]["datetime"] == (100 * DAY - 8 * 3_600_000) * 1_000_000
    other = Series(DAY)
    other.learn([bar(104 * DAY, 1.0)])
    assert [series.same_time(number, other) for number in range(4)] == [None, None, 0, None]


def test_bars_that_nobody_can_see_any_more_are_forgotten() -> None:
    series = Series(SECOND)
    series.number(NOW)
    first = NOW * NUMBERS_PER_MS
    for second in range(KEPT + 1):
        told = series.put_trade(5.0, 1.0, second * SECOND, 0.0)
    assert list(told) == [series.last] == [first + KEPT]
    assert series.last - series.first + 1 == MOST
    assert series.bars([series.last])[str(series.last)]["datetime"] == KEPT * 10**9


def test_where_nothing_was_traded_there_is_one_flat_bar_until_the_first_trade() -> None:
    series = Series(MINUTE)
    series.begin_flat(7.0, 90_000)
    assert series.bars([0])["0"]["volume"] == 0
    series.put(bar(MINUTE, 9.0))
    assert series.first == series.last and series.bars([0])["0"]["open"] == 9.0


# --- conversations


@pytest.fixture
def market() -> MarketConversation:
    conversation = MarketConversation("MAIN")
    listing, _ = asked(conversation)
    answer(conversation, listing, instruments=[instrument(), instrument("IF2301")])
    conversation.patches.take()
    return conversation


def chart(symbols: str = "CFFEX.IX2301", seconds: int = 60, **others: Any) -> str:
    said = {"aid": "set_chart", "chart_id": "c", "ins_list": symbols, "duration": seconds * 10**9, "view_width": 3}
    return json.dumps(said | others)


def test_a_chart_is_ready_when_its_bars_are_there_and_follows(market: MarketConversation) -> None:
    market.take(decode(chart()))
    following, looking = asked(market)
    assert (following["channels"], following["period"]) == (["kline"], "1m")
    assert (looking["type"], looking["limit"]) == ("query_bars", 4)
    assert not market.patches
    start = NOW - NOW % MINUTE
    answer(market, looking, bars=[bar(start - back * MINUTE, 5.0) for back in range(4)])
    (told,) = market.patches.take()
    last = NOW * NUMBERS_PER_MS - 1
    serial = told["klines"]["CFFEX.IX2301"][str(60 * 10**9)]
    assert serial["last_id"] == last and sorted(serial["data"]) == [str(last - 2), str(last - 1), str(last)]
    shown = told["charts"]["c"]
    assert (shown["left_id"], shown["right_id"], shown["ready"]) == (last - 2, last, True)
    assert shown["state"] == json.loads(chart()) and told["mdhis_more_data"] is False
    tell(market, made(protocol.Kline, instrument_id="IX2301", period="1m", start=start + 3 * DAY, **_whole(6.0)))
    (told,) = market.patches.take()
    assert list(told["klines"]["CFFEX.IX2301"][str(60 * 10**9)]["data"]) == [str(last + 1)]
    assert told["charts"]["c"] == {"left_id": last - 1, "right_id": last + 1}


def test_a_chart_begins_with_what_was_told_to_another_of_the_same_bars(market: MarketConversation) -> None:
    """In a cluster what is stored may be a second behind what was told."""
    start = NOW - NOW % MINUTE
    market.take(decode(chart()))
    _, looking = asked(market)
    answer(market, looking, bars=[])
    tell(market, made(protocol.Kline, instrument_id="IX2301", period="1m", start=start, **_whole(6.0) | {"trades": 2}))
    market.patches.take()
    market.take(decode(chart(seconds=180, chart_id="later")))
    (looking,) = asked(market)
    answer(market, looking, bars=[bar(start, 5.0), bar(start - 3 * MINUTE, 4.0)])
    (told,) = market.patches.take()
    shown = told["klines"]["CFFEX.IX2301"][str(180 * 10**9)]["data"]
    assert [each["close"] for each in shown.values()] == [4.0, 6.0]


def test_bars_that_are_told_before_those_that_are_stored_stay(market: MarketConversation) -> None:
    start = NOW - NOW % MINUTE
    market.take(decode(chart()))
    _, looking = asked(market)
    tell(market, made(protocol.Kline, instrument_id="IX2301", period="1m", start=start, **_whole(6.0) | {"trades": 2}))
    answer(market, looking, bars=[bar(start, 5.0), bar(start - MINUTE, 4.0)])
    (told,) = market.patches.take()
    shown = told["klines"]["CFFEX.IX2301"][str(60 * 10**9)]["data"]
    assert [each["close"] for each in shown.values()] == [4.0, 6.0]


def _whole(price: float) -> dict[str, Any]:
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    return prices | {"volume": 1.0, "turnover": 0.0, "trades": 1, "open_interest": 1.0}


def test_two_instruments_are_bound_by_their_times(market: MarketConversation) -> None:
    market.take(decode(chart("CFFEX.IX2301,CFFEX.IF2301")))
    looks = [ask for ask in asked(market) if ask["type"] == "query_bars"]
    start = NOW - NOW % MINUTE
    answer(market, looks[0], bars=[bar(start, 5.0), bar(start - MINUTE, 5.0), bar(start - 3 * MINUTE, 5.0)])
    assert not market.patches, "the other is not there"
    answer(market, looks[1], bars=[bar(start, 5.0), bar(start - 3 * MINUTE, 5.0)])
    (told,) = market.patches.take()
    number = NOW * NUMBERS_PER_MS - 1
    bound = told["klines"]["CFFEX.IX2301"][str(60 * 10**9)]["binding"]
    assert bound == {"CFFEX.IF2301": {str(number): number, str(number - 2): number - 1}}
    for name in ("IF2301", "IX2301"):
        tell(market, made(protocol.Kline, instrument_id=name, period="1m", start=start + MINUTE, **_whole(6.0)))
    bound = _bound(market)
    assert bound == {"CFFEX.IF2301": {str(number + 1): number + 1}}
    for name in ("IX2301", "IF2301"):
        tell(market, made(protocol.Kline, instrument_id=name, period="1m", start=start + 9 * MINUTE, **_whole(6.0)))
    tell(market, made(protocol.Kline, instrument_id="IF2301", period="1m", start=start + 10 * MINUTE, **_whole(6.0)))
    assert _bound(market) == {"CFFEX.IF2301": {str(number + 2): number + 2}}


def _bound(market: MarketConversation) -> Any:
    (told,) = market.patches.take()
    return told["klines"]["CFFEX.IX2301"][str(60 * 10**9)]["binding"]


def test_what_no_chart_shows_is_followed_no_more(market: MarketConversation) -> None:
    market.take(decode(chart()))
    asked(market)
    market.take(decode('{"aid": "set_chart", "chart_id": "c", "ins_list": "", "duration": 0}'))
    (leaving,) = asked(market)
    assert (leaving["type"], leaving["channels"], leaving["period"]) == ("unsubscribe", ["kline"], "1m")
    (told,) = market.patches.take()
    assert told["charts"] == {"c": None}


def test_ticks_begin_with_the_last_trades_and_follow_the_book(market: MarketConversation) -> None:
    market.take(decode(chart(seconds=0)))
    asks = asked(market)
    assert [each.get("channels") for each in asks if each["type"] == "subscribe"] == [["orderbook"], ["ticker"]]
    (looking,) = [each for each in asks if each["type"] == "query_public_trades"]
    trades = [protocol.PublicTradeData(price=5.0 + back, volume=1.0, timestamp=NOW - back) for back in range(2)]
    answer(market, looking, public_trades=trades)
    (told,) = market.patches.take()
    ticks = told["ticks"]["CFFEX.IX2301"]
    last = ticks["last_id"]
    assert [ticks["data"][str(number)]["last_price"] for number in (last - 1, last)] == [6.0, 5.0]
    tell(market, protocol.OrderBook(instrument_id="IX2301", bids=[], asks=[], timestamp=NOW + 5))
    (told,) = market.patches.take()
    ticks = told["ticks"]["CFFEX.IX2301"]
    assert ticks["last_id"] == last + 1
    assert ticks["data"][str(last + 1)]["datetime"] == (NOW + 5) * 1_000_000


@pytest.mark.parametrize(
    ("others", "code"),
    [
        ({"ins_list": "CFFEX.NONE"}, 1004),
        ({"ins_list": "CFFEX.IX2301,CFFEX.NONE"}, 1004),
        ({"duration": 1_500_000_000}, 400),
        ({"duration": 5}, 400),
        ({"focus_datetime": 1}, 400),
        ({"ins_list": "CFFEX.IX2301,CFFEX.IF2301", "duration": 0}, 400),
    ],
)
def test_a_chart_that_cannot_be_says_why(market: MarketConversation, others: dict[str, Any], code: int) -> None:
    market.take(decode(chart(**others)))
    assert asked(market) == []
    (told,) = market.patches.take()
    assert [note["code"] for note in told["notify"].values()] == [code]
