"""What is traded, and when."""

from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import IntegrityError, models, transaction
from django.db.models import Q

from trading.core.numbers import MOST_MARKETS
from trading.core.types import Phase
from trading.models.fields import NAME, choices_of


def known_time_zone(name: str) -> None:
    """ValidationError unless clocks somewhere are set by this zone."""
    if name not in available_timezones():
        raise ValidationError(f"There is no time zone {name}; write it as Asia/Shanghai or UTC.")


class Market(models.Model):
    """A market is run by exactly one engine at a time, which keeps its place here in every commit. Of its columns only
    the time zone is an operator's to set."""

    code = models.CharField(max_length=16, primary_key=True)
    epoch = models.BigIntegerField(default=0, help_text="Grows with every engine start; an older engine cannot write.")
    batch = models.BigIntegerField(default=0, help_text="Number of the last committed batch.")
    last_id = models.BigIntegerField(default=0, help_text="Number of the last order or trade.")
    trading_day = models.IntegerField(default=0, help_text="YYYYMMDD; 0 before the first settlement.")
    net_deposits = models.BigIntegerField(default=0, help_text="Of the settled days: what came in less what went out.")
    commission = models.BigIntegerField(default=0, help_text="Of the settled days.")
    fee_groups = models.JSONField(default=dict, help_text="What each group pays of the commission, in 1/100,000,000.")
    limits = models.JSONField(default=dict, help_text="Orders that every account may have at once.")
    stream_id = models.CharField(
        max_length=41, default="0-0", db_default="0-0", help_text="Of the last command that was taken from Redis."
    )
    restrictions = models.JSONField(
        default=dict, db_default={}, help_text="What operators have switched off: opening, connecting."
    )
    announcements = models.JSONField(default=list, db_default=[], help_text="What operators tell, until it ends.")
    broken_trades = models.JSONField(default=list, db_default=[], help_text="Of the present trading day.")
    rules = models.IntegerField(
        default=0, db_default=0, help_text="Version of the rules that the market has adopted; 0: of the first release."
    )
    time_zone = models.CharField(
        max_length=64, default="UTC", validators=[known_time_zone], help_text="Of the schedule, such as Asia/Shanghai."
    )

    shard = models.SmallIntegerField(
        unique=True, editable=False, help_text="Which of all numbers of orders, trades and accounts are this market's."
    )

    class Meta:
        permissions = [
            ("settle_market", "Can settle the trading day"),
            ("use_emergency", "Can use the emergency control"),
        ]

    def __str__(self) -> str:
        return self.code

    def save(self, *args: Any, **named: Any) -> None:
        """A new market takes the first shard that is free. ValidationError where there is none."""
        while self.shard is None:
            taken = set(Market.objects.values_list("shard", flat=True))
            self.shard = next((shard for shard in range(MOST_MARKETS) if shard not in taken), None)
            if self.shard is None:
                raise ValidationError(f"An exchange has at most {MOST_MARKETS} markets.")
            try:
                with transaction.atomic(using=named.get("using")):
                    super().save(*args, **named)
            except IntegrityError:
                if Market.objects.filter(code=self.code).exists():
                    raise
                self.shard = None  # another new market was quicker
            else:
                return
        super().save(*args, **named)


class TradingSession(models.Model):
    """A rule of the schedule: at a time of day, on some weekdays, the market moves to a phase or is settled. It acts
    from the next time it comes up after it was saved."""

    class Action(models.TextChoices):
        AUCTION = Phase.AUCTION.value, "Auction"
        CONTINUOUS = Phase.CONTINUOUS.value, "Continuous trading"
        CLOSED = Phase.CLOSED.value, "Closed"
        SETTLE = "settle", "Settle the trading day"

    market = models.ForeignKey(Market, on_delete=models.CASCADE)
    weekdays = models.CharField(
        max_length=7,
        default="12345",
        validators=[RegexValidator(r"\A[1-7]{1,7}\Z", "Choose at least one day.")],
        help_text="1 is Monday, 7 is Sunday.",
    )
    time = models.TimeField(help_text="In the market's time zone.")
    action = models.CharField(max_length=16, choices=Action.choices)
    before_holidays = models.BooleanField(
        default=True, help_text="Also where a holiday lies before the next trading day: off for night sessions."
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["time", "pk"]

    def __str__(self) -> str:
        return f"{self.time:%H:%M} {self.get_action_display()}"


class Holiday(models.Model):
    """A day on which the schedule opens nothing and settles nothing; what is open still closes."""

    market = models.ForeignKey(Market, on_delete=models.CASCADE)
    date = models.DateField()

    class Meta:
        ordering = ["date"]
        constraints = [models.UniqueConstraint(name="holiday_once", fields=["market", "date"])]

    def __str__(self) -> str:
        return f"{self.date:%Y-%m-%d}"


class Instrument(models.Model):
    """A listed instrument and its last price."""

    instrument_id = models.CharField(max_length=64, primary_key=True, validators=[NAME])
    market = models.ForeignKey(Market, on_delete=models.PROTECT)
    name = models.CharField(max_length=64)
    product_id = models.CharField(max_length=64)
    tick = models.BigIntegerField()
    multiplier = models.BigIntegerField()
    reference_price = models.BigIntegerField()
    limit_rate = models.BigIntegerField()
    limit_up = models.BigIntegerField(null=True, help_text="Highest price of the day; empty: no limit.")
    limit_down = models.BigIntegerField(null=True)
    margin_long = models.BigIntegerField()
    margin_short = models.BigIntegerField()
    fee_open_per_lot = models.BigIntegerField()
    fee_open_rate = models.BigIntegerField()
    fee_close_per_lot = models.BigIntegerField()
    fee_close_rate = models.BigIntegerField()
    fee_close_today_per_lot = models.BigIntegerField()
    fee_close_today_rate = models.BigIntegerField()
    min_volume = models.BigIntegerField()
    max_volume = models.BigIntegerField()
    max_position = models.BigIntegerField(default=0, help_text="Lots in one direction; 0: no limit.")
    max_orders = models.BigIntegerField(default=0, help_text="Live orders of an account; 0: no limit.")
    larger_side = models.BooleanField(default=False, help_text="Only the larger side of the product pays margin.")
    last_day = models.IntegerField(default=0, help_text="YYYYMMDD; 0: it never expires.")
    sweeps = models.TextField(
        null=True, help_text="JSON: prices that waiting orders have met, of which some are yet to fire."
    )
    collar = models.BigIntegerField(
        null=True, help_text="How far from the last price market orders trade without price limits; empty: 10 %."
    )
    phase = models.CharField(max_length=16, choices=choices_of(Phase))
    scheduled = models.CharField(
        max_length=16, choices=choices_of(Phase), default=Phase.CONTINUOUS.value, help_text="The phase after a halt."
    )
    settlement = models.BigIntegerField(help_text="Last settlement price; the limits follow from it.")
    mark_price = models.BigIntegerField(null=True, help_text="What positions are worth; empty before the first trade.")
    last_price = models.BigIntegerField(null=True)
    last_volume = models.BigIntegerField(default=0)
    last_time = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["instrument_id"]
        constraints = [
            models.CheckConstraint(name="instrument_tick_positive", condition=Q(tick__gt=0) & Q(multiplier__gt=0)),
        ]

    def __str__(self) -> str:
        return self.instrument_id


class SettlementPrice(models.Model):
    """At what price an instrument was settled."""

    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    day = models.IntegerField(help_text="YYYYMMDD")
    price = models.BigIntegerField()
    delisted = models.BooleanField(help_text="It was its last day.")
    time = models.BigIntegerField()

    class Meta:
        ordering = ["-day", "instrument"]
        indexes = [models.Index(name="settlement_price_of_day", fields=["day"])]
        constraints = [
            models.UniqueConstraint(name="settlement_price_once_a_day", fields=["instrument", "day"]),
            models.CheckConstraint(name="settlement_price_positive", condition=Q(price__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.day}"
