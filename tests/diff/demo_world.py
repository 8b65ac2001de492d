"""A market with the instruments that the demo files of tqsdk name, and a past. Run by `manage.py shell` in an empty
database."""

from datetime import UTC, datetime

from django.conf import settings

from trading.core.commands import ListInstrument
from trading.core.money import RATE, UNIT
from trading.core.types import Contract, Fee, Terms
from trading.management.commands.open_account import make_user
from trading.operators import demo_market, demo_past

SEED, DAYS = 1, 60
CONTRACTS = {
    "SHFE.ni2205": ("10", "201000", 1),
    "SHFE.ni2206": ("10", "200000", 1),
    "SHFE.ni2012": ("10", "118000", 1),
    "SHFE.rb2104": ("1", "4700", 10),
    "SHFE.rb2105": ("1", "4400", 10),
    "SHFE.rb2012": ("1", "3700", 10),
    "SHFE.cu1910": ("10", "47000", 5),
    "SHFE.au2012": ("0.02", "390", 1000),
    "SHFE.au2006": ("0.02", "380", 1000),
    "SHFE.ag2506": ("1", "8000", 15),
    "SHFE.bu2012": ("2", "2400", 10),
    "DCE.i2209": ("0.5", "800", 100),
    "DCE.m2105": ("1", "3400", 10),
    "DCE.m2207": ("1", "3900", 10),
    "DCE.jd2011": ("1", "4000", 10),
    "CZCE.FG209": ("1", "1700", 20),
    "CFFEX.T2012": ("0.005", "98", 10_000),
    "CFFEX.T2103": ("0.005", "97.5", 10_000),
}
"""Tick, first price and multiplier. The prices are such that those files trade that look at a level: the spread of
rb2104 and rb2105 is above 250, jd2011 is below 4247."""


def listing(name: str) -> ListInstrument:
    tick, price, multiplier = CONTRACTS[name]
    product = name.partition(".")[2].rstrip("0123456789")
    fee = Fee(0, RATE // 100_000)
    return ListInstrument(
        Contract(
            instrument_id=name,
            product_id=product,
            tick=round(float(tick) * UNIT),
            multiplier=multiplier,
            reference_price=round(float(price) * UNIT),
            limit_rate=RATE // 10,
        ),
        Terms(
            name=product,
            margin_long=RATE // 10,
            margin_short=RATE // 10,
            fee_open=fee,
            fee_close=fee,
            fee_close_today=fee,
            max_volume=1_000,
        ),
    )


def make() -> None:
    for user_id in demo_market.USERS:
        make_user(user_id)
    listings = [listing(name) for name in CONTRACTS]
    played = demo_past.play(settings.MARKET, SEED, datetime.now(UTC), lambda _: None, DAYS, listings)
    assert played, "something has happened before"
