"""The tables of market data. Made from trades, so they can be made again; `store.py` alone writes them."""

from django.db import models
from django.db.models import F, Q

from marketdata.core.bars import Period
from trading.models import Instrument, Market


class Bar(models.Model):
    """What an instrument has traded in a period. Prices and turnover in 1/10,000, volumes in lots, Unix ms."""

    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, db_index=False, related_name="+")
    period = models.CharField(max_length=3, choices=[(period.value, period.value) for period in Period])
    start = models.BigIntegerField(help_text="Of a daily bar: midnight (UTC) of the trading day.")
    open = models.BigIntegerField()
    high = models.BigIntegerField()
    low = models.BigIntegerField()
    close = models.BigIntegerField()
    volume = models.BigIntegerField()
    turnover = models.BigIntegerField()
    trades = models.BigIntegerField()
    open_interest = models.BigIntegerField(help_text="Lots held long (and as many short) at its end.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(name="bar_once", fields=["instrument", "period", "start"]),
            models.CheckConstraint(
                name="bar_holds_its_prices",
                condition=Q(low__lte=F("open"), high__gte=F("open"))
                & Q(low__lte=F("close"), high__gte=F("close"))
                & Q(low__gt=0, volume__gt=0, trades__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.period} {self.start}"


class Watermark(models.Model):
    """How far the bars of a market go: every trade up to this number is inside, and no other."""

    market = models.OneToOneField(Market, on_delete=models.PROTECT, primary_key=True, related_name="+")
    trade = models.BigIntegerField(default=0, help_text="Number of the last trade inside.")
    rebuilds = models.BigIntegerField(default=0, help_text="Whoever kept bars before a rebuild reads them anew.")

    def __str__(self) -> str:
        return f"{self.market_id} {self.trade}"
