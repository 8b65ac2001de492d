"""Hours of trading, as tqsdk counts them by its own functions."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tests.diff.test_translation import NOW, answer, asked, instrument
from tests.tqsdk_parts import part_of_tqsdk
from trading.diff.translation.hours import trading_time
from trading.diff.translation.instruments import Instruments
from trading.diff.translation.market import MarketConversation
from trading.protocol import SessionData, TradingHoursData

times, ranges = part_of_tqsdk("tqsdk.datetime"), part_of_tqsdk("tqsdk.rangeset")
BEIJING = timezone(timedelta(hours=8))
MONDAY = datetime(2026, 11, 30, tzinfo=BEIJING)
SHANGHAI = TradingHoursData(
    "Asia/Shanghai",
    [
        SessionData("12345", "09:00:00", "10:15:00"),
        SessionData("12345", "10:30:00", "11:30:00"),
        SessionData("12345", "13:30:00", "15:00:00"),
        SessionData("12345", "21:00:00", "25:00:00"),
    ],
)
TOKYO = TradingHoursData(
    "Asia/Tokyo", [SessionData("12345", "08:45:00", "15:15:00"), SessionData("12345", "16:30:00", "30:00:00")]
)
NEW_YORK = TradingHoursData("America/New_York", [SessionData("12345", "09:30:00", "16:00:00")])
CHICAGO = TradingHoursData("America/Chicago", [SessionData("12347", "17:00:00", "40:00:00")])
EARLY = TradingHoursData("Asia/Shanghai", [SessionData("23456", "00:30:00", "02:30:00")])
WEEKEND = TradingHoursData("Asia/Shanghai", [SessionData("67", "10:00:00", "12:00:00")])


def is_open(hours: TradingHoursData, moment: datetime) -> bool:
    """By the sessions themselves."""
    local = moment.astimezone(ZoneInfo(hours.time_zone)).replace(tzinfo=None)
    for session in hours.sessions:
        for back in range(3):
            day = (local - timedelta(days=back)).replace(hour=0, minute=0, second=0)
            begins, ends = (day + span(text) for text in (session.begins, session.ends))
            if str(day.isoweekday()) in session.weekdays and begins <= local < ends:
                return True
    return False


def span(text: str) -> timedelta:
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def as_tqsdk(told: object, moment: datetime) -> bool:
    text = moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    return bool(times._is_in_trading_time({"trading_time": told}, text, float("nan")))


def test_day_and_night_of_an_exchange_in_shanghai() -> None:
    assert trading_time(SHANGHAI, NOW) == {
        "day": [["09:00:00", "10:15:00"], ["10:30:00", "11:30:00"], ["13:30:00", "15:00:00"]],
        "night": [["21:00:00", "25:00:00"]],
    }


@pytest.mark.parametrize("hours", [SHANGHAI, TOKYO, NEW_YORK, CHICAGO, EARLY], ids=lambda hours: hours.time_zone)
def test_the_client_finds_the_market_open_when_it_is(hours: TradingHoursData) -> None:
    told = trading_time(hours, int(MONDAY.timestamp() * 1000))
    moments = [
        MONDAY + timedelta(minutes=15 * number, seconds=side) for number in range(4 * 24 * 7) for side in (-1, 0)
    ]
    wrong = [moment for moment in moments if as_tqsdk(told, moment) != is_open(hours, moment)]
    assert wrong == []


def test_clocks_that_are_put_forward_move_the_hours() -> None:
    summer, winter = (int(datetime(2026, month, 1, tzinfo=BEIJING).timestamp() * 1000) for month in (7, 12))
    assert trading_time(NEW_YORK, summer) == {"day": [], "night": [["21:30:00", "28:00:00"]]}
    assert trading_time(NEW_YORK, winter) == {"day": [], "night": [["22:30:00", "29:00:00"]]}


def test_a_weekend_belongs_to_the_night_before_monday() -> None:
    told = trading_time(WEEKEND, NOW)
    assert told == {"day": [], "night": [["34:00:00", "36:00:00"], ["58:00:00", "60:00:00"]]}
    assert as_tqsdk(told, MONDAY - timedelta(hours=13)) and not as_tqsdk(told, MONDAY - timedelta(hours=11))


def test_without_a_schedule_it_is_any_hour_of_the_week() -> None:
    told = trading_time(msgspec.UNSET, NOW)
    assert all(as_tqsdk(told, MONDAY + timedelta(hours=hour, seconds=side)) for hour in range(168) for side in (-1, 0))


@pytest.mark.parametrize("hours", [msgspec.UNSET, SHANGHAI], ids=["any hour", "Shanghai"])
def test_what_twap_plans_is_inside_of_the_hours(hours: TradingHoursData | msgspec.UnsetType) -> None:
    """As its task counts: from now on so many seconds of trading."""
    begin = datetime(2026, 12, 1, 11, 29, tzinfo=BEIJING)
    quote = {"trading_time": trading_time(hours, NOW)}
    hours_of_day = times._get_trading_timestamp(quote, begin.strftime("%Y-%m-%d %H:%M:%S.%f"))
    now = int(begin.timestamp()) * 10**9
    planned = ranges._rangeset_head(
        ranges._rangeset_slice(hours_of_day["night"] + hours_of_day["day"], now), 120 * 10**9
    )
    end = datetime.fromtimestamp(planned[-1][1] / 1e9, BEIJING)
    assert end == begin + (timedelta(minutes=2) if hours is msgspec.UNSET else timedelta(hours=2, minutes=2))


def test_a_symbol_has_the_hours_of_its_market_and_changes_with_them() -> None:
    conversation = MarketConversation("MAIN")
    listing, _ = asked(conversation)
    answer(conversation, listing, instruments=[instrument(), instrument("IF2301", trading_hours=SHANGHAI)])
    instruments = conversation.instruments
    night = {symbol: each["trading_time"]["night"] for symbol, each in instruments.file().items() if "margin" in each}
    assert night == {"CFFEX.IX2301": [["18:00:00", "78:00:00"]], "CFFEX.IF2301": [["21:00:00", "25:00:00"]]}


def test_questions_for_those_with_a_night() -> None:
    instruments = Instruments("MAIN")
    by_day = TradingHoursData("Asia/Shanghai", SHANGHAI.sessions[:3])
    instruments.learn([instrument("IX2301", trading_hours=SHANGHAI), instrument("IF2301", trading_hours=by_day)], NOW)
    for wanted, symbol in (("true", "CFFEX.IX2301"), ("false", "CFFEX.IF2301")):
        (found,) = instruments.answer(f"{{multi_symbol_info(has_night: {wanted}) {{}}}}", None)["multi_symbol_info"]
        assert found["instrument_id"] == symbol
