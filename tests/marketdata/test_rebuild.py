"""A rebuild mends whatever was done to the stored bars, beside a recorder that goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db.models import F

from marketdata.core.bars import DAY, MINUTE, Bar, Period
from marketdata.models import Bar as BarRow
from marketdata.models import Watermark
from marketdata.rebuild import Rebuild, Report
from marketdata.selectors import last_trade
from marketdata.store import BarStore
from tests.builders import NOW, Founded
from tests.marketdata.making import Desk, deal, marked, stored
from tests.operators.test_shell import shell
from trading.models import Market, Trade
from trading.storage.archive.archiver import Archiver

MINUTE_BARS = 30


@pytest.fixture
def traded(desk: Desk) -> Desk:
    """Two instruments that have traded every few minutes, over a settlement, and a recorder that has stored it all."""
    for number in range(MINUTE_BARS):
        desk.do(*deal(120, 1 + number % 3), *deal(119, 2, "IF2301"), later=7 * MINUTE)
        if number == MINUTE_BARS // 2:
            desk.settle(20231115, 20231116, later=1)
    desk.turn()
    return desk


def test_right_bars_are_left_alone(traded: Desk) -> None:
    before = list(BarRow.objects.order_by("id").values_list())
    assert shell("rebuild_bars") == f"{len(before)} bars, 0 of them corrected.\n"
    assert list(BarRow.objects.order_by("id").values_list()) == before


def wrong_figures() -> None:
    BarRow.objects.update(volume=F("volume") + 1)


def wrong_prices_of_a_few() -> None:
    BarRow.objects.filter(instrument="IX2301", start__lt=NOW + 60 * MINUTE).update(high=10**9)


def missing() -> None:
    BarRow.objects.filter(start__gte=NOW + 30 * MINUTE, start__lt=NOW + 120 * MINUTE).delete()


def missing_at_the_end() -> None:
    BarRow.objects.filter(start__gte=NOW + 60 * MINUTE).delete()


def all_gone() -> None:
    BarRow.objects.all().delete()


def bars_and_mark_gone() -> None:
    BarRow.objects.all().delete()
    Watermark.objects.all().delete()


def bars_of_nothing() -> None:
    row = BarRow.objects.filter(period="1m").order_by("start").last()
    assert row is not None
    for start in (1, NOW // MINUTE * MINUTE + MINUTE, row.start + DAY):
        BarRow.objects.create(**{**vars_of(row), "start": start})


def vars_of(row: BarRow) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in BarRow._meta.fields if field.name != "id"}


DAMAGES = [
    wrong_figures,
    wrong_prices_of_a_few,
    missing,
    missing_at_the_end,
    all_gone,
    bars_and_mark_gone,
    bars_of_nothing,
]


def in_small_steps() -> Report:
    """A rebuild whose every part has more than one step."""
    return Rebuild(BarStore("MAIN", chunk=7), many=10).run()


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_mended_beside_a_recorder(traded: Desk, damage: Callable[[], None]) -> None:
    """It then goes on from the mended bars, though it has those that it kept itself."""
    right = stored()
    damage()
    assert stored() != right
    report = in_small_steps()
    assert report.bars == len(right) and report.corrected
    assert stored() == right
    assert marked() == last_trade(market="MAIN")
    traded.trade(121, 5, later=MINUTE)
    for _ in range(2):
        traded.turn()
    assert shell("rebuild_bars") == f"{len(stored())} bars, 0 of them corrected.\n"
    assert marked() == last_trade(market="MAIN")


@pytest.mark.parametrize("words", [(), ("--instrument", "IX2301")])
def test_a_recorder_that_has_read_wrong_bars_reads_the_right_ones(traded: Desk, words: tuple[str, ...]) -> None:
    wrong_figures()
    traded.load()
    traded.trade()
    for _ in range(2):
        traded.turn()
    shell("rebuild_bars", *words)
    traded.trade()
    for _ in range(2):
        traded.turn()
    assert shell("rebuild_bars", "--instrument", "IX2301").endswith(" 0 of them corrected.\n")


@pytest.mark.parametrize("damage", [wrong_figures, missing_at_the_end, bars_of_nothing])
def test_one_instrument_is_mended_alone(traded: Desk, damage: Callable[[], None]) -> None:
    """What the recorder has not stored yet is left to it."""
    right = stored()
    damage()
    damaged = [bar for bar in stored() if bar.instrument_id == "IF2301"]
    mark = marked()
    traded.trade(121, 5, later=MINUTE)
    shell("rebuild_bars", "--instrument", "IX2301")
    assert [bar for bar in stored() if bar.instrument_id == "IX2301"] == of(right, "IX2301")
    assert of(stored(), "IF2301") == damaged
    assert marked() == mark
    for _ in range(2):
        traded.turn()
    shell("rebuild_bars", "--instrument", "IF2301")
    assert shell("rebuild_bars").endswith(" 0 of them corrected.\n")


def of(bars: list[Bar], name: str) -> list[Bar]:
    return [bar for bar in bars if bar.instrument_id == name]


def test_what_is_traded_and_stored_meanwhile_is_in_the_bars(traded: Desk) -> None:
    """Between all its steps the market goes on and the recorder stores."""
    wrong_figures()

    class Busy(Rebuild):
        steps = 0

        def _read(self, until: int | None) -> bool:
            self.steps += 1
            if self.steps < 12:
                traded.do(*deal(121), *deal(118, 3, "IF2301"), later=MINUTE)
                traded.turn()
            return super()._read(until)

    busy = Busy(BarStore("MAIN", chunk=7), many=10)
    busy.run()
    assert busy.steps > 12
    for _ in range(2):
        traded.turn()
    assert marked() == last_trade(market="MAIN")
    assert shell("rebuild_bars").endswith(" 0 of them corrected.\n")
    assert sum(bar.volume for bar in of(stored(Period.DAY), "IF2301")) == 2 * MINUTE_BARS + 3 * 11


def test_a_rebuild_that_is_broken_off_does_no_harm(traded: Desk) -> None:
    right = stored()
    wrong_figures()

    class BrokenOff(Rebuild):
        def _finish(self, mark: int) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        BrokenOff(BarStore("MAIN", chunk=7), many=10).run()
    assert stored() != right
    assert in_small_steps().corrected
    assert stored() == right


def test_what_is_not_stored_yet_is_added_and_was_not_wrong(traded: Desk) -> None:
    traded.trade(121, 5, later=MINUTE)
    traded.trade(121, 6, later=MINUTE)
    assert shell("rebuild_bars").endswith(" 0 of them corrected.\n")
    assert [bar.volume for bar in of(stored(Period.MINUTE), "IX2301")][-2:] == [5, 6]
    assert marked() == last_trade(market="MAIN")


def test_a_market_without_trades_has_no_bars(market: Founded) -> None:
    assert shell("rebuild_bars") == "0 bars, 0 of them corrected.\n"
    assert marked() == 0


def test_an_unknown_instrument_is_refused(market: Founded) -> None:
    with pytest.raises(CommandError, match="there is no instrument NONE"):
        shell("rebuild_bars", "--instrument", "NONE")


def test_without_a_market_there_is_nothing_to_do(transactional_db: None) -> None:
    assert not Market.objects.exists()
    with pytest.raises(CommandError, match="There is no market MAIN"):
        shell("rebuild_bars")


def test_bars_of_archived_trades_stay(traded: Desk, tmp_path: Path) -> None:
    before = list(BarRow.objects.order_by("id").values_list())
    (file,) = Archiver("MAIN", tmp_path, sleep=lambda _: None).run(keep=0)
    assert 0 < Trade.objects.count() < 2 * 2 * MINUTE_BARS
    assert ", 0 of them corrected." in shell("rebuild_bars")
    assert list(BarRow.objects.order_by("id").values_list()) == before
    BarRow.objects.filter(start__gt=file.until + DAY // 48).update(volume=F("volume") + 1)
    shell("rebuild_bars")
    assert list(BarRow.objects.order_by("id").values_list()) == before
