"""`manage.py settle`: the end of a trading day."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from trading.core.commands import Settle
from trading.core.money import from_text, to_text
from trading.management.commands.open_account import report
from trading.management.options import add_market
from trading.models import Instrument, Market, SettlementPrice, Statement
from trading.operators import inline_engine, requests, settlement
from trading.operators.calendar import days_to_settle, number_of, today


class Command(BaseCommand):
    help = "Settle the trading day: mark positions, write statements, begin the next day. Once for each day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_market(parser)
        parser.add_argument("--day", type=_day, help="YYYYMMDD; the market's trading day, at first today's date")
        parser.add_argument("--next-day", type=_day, help="YYYYMMDD; the next day that is no holiday")
        parser.add_argument(
            "--price",
            nargs="+",
            action="extend",
            default=[],
            metavar="INSTRUMENT=PRICE",
            help="a settlement price; of others the average of the session's last hour in which they traded",
        )

        parser.add_argument(
            "--confirm-prices",
            action="store_true",
            help="take prices that are outside the day's limits: a settlement cannot be undone",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        given = _prices(options["price"], options["market"])
        market, _ = Market.objects.get_or_create(code=options["market"])
        now = today(market, timezone.now())
        day, next_day = days_to_settle(market, now, options["day"] or 0)
        if options["day"] is None and day > number_of(now):
            raise CommandError(f"All days until today are settled, {day} is yet to come; to settle it early, name it.")
        if day < market.trading_day:
            raise CommandError(f"Trading day {day} is settled already, now is {market.trading_day}.")
        next_day = options["next_day"] or next_day
        command = settlement.settle(market.code, day, next_day, given, confirmed=options["confirm_prices"])
        self._settle(market, command)
        self._tell(market, day, next_day)

    def _settle(self, market: Market, command: Settle) -> None:
        row = inline_engine.wait(settlement.ask(command, market=market.code))
        report(row)
        if not requests.is_of(row, command):
            raise CommandError(f"Command #{row.pk} was quicker and settled {command.day}, not quite as you asked.")

    def _tell(self, market: Market, day: int, next_day: int) -> None:
        for row in SettlementPrice.objects.filter(instrument__market=market, day=day):
            self.stdout.write(f"{row.instrument_id}  {to_text(row.price)}{'  delisted' if row.delisted else ''}")
        count = Statement.objects.filter(account__market=market, day=day).count()
        self.stdout.write(f"Trading day {day} is settled: {count} statements. The next one is {next_day}.")


def _day(text: str) -> int:
    try:
        return number_of(date.fromisoformat(text))
    except ValueError:
        raise ArgumentTypeError(f"{text} is not a day such as 20240131") from None


def _prices(words: list[str], market: str) -> dict[str, int]:
    """Each instrument's price, which may be given once."""
    given: dict[str, int] = {}
    for word in words:
        name, price = _price(word, market)
        if name in given:
            raise CommandError(f"--price: {name} is named twice")
        given[name] = price
    return given


def _price(words: str, market: str) -> tuple[str, int]:
    name, _, text = words.partition("=")
    if not Instrument.objects.filter(pk=name, market=market).exists():
        raise CommandError(f"--price: there is no instrument {name}")
    try:
        return name, from_text(text)
    except ValueError as error:
        raise CommandError(f"--price {name}: {error}") from None
