"""Orders and trades. The engine's: written from events alone."""

from functools import reduce
from operator import or_

from django.db import models
from django.db.models import F, Q

from trading.core.types import LIVE, CancelReason, Direction, Offset, OrderStatus, OrderType, TimeCondition
from trading.models.accounts import Account
from trading.models.fields import IndexBeforeKey, NumberField, choices_of
from trading.models.markets import Instrument

_WORDS = [status.value for status in LIVE]
IS_LIVE = models.Func(
    F("status"),
    template=f"({' OR '.join(f'%(expressions)s = {word!r}' for word in _WORDS)})",
    output_field=models.BooleanField(),
)
"""A condition for the orders that are not finished, written out: a database that is handed the states as parameters
does not see that its index of live orders has all of them. It is written as the index's own, which is no IN: to judge
a row by a list of three words SQLite makes a table of them each time."""


class Order(models.Model):
    """An accepted order and what became of it. The id is the number in the protocol's order id. No constraint
    holds orders, trades and entries of the ledger against what they refer to: migration 0034 says why."""

    id = NumberField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    direction = models.CharField(max_length=4, choices=choices_of(Direction))
    offset = models.CharField(max_length=16, choices=choices_of(Offset))
    order_type = models.CharField(max_length=8, choices=choices_of(OrderType))
    time_condition = models.CharField(max_length=4, choices=choices_of(TimeCondition))
    volume = models.BigIntegerField()
    price = models.BigIntegerField(null=True, help_text="Empty for MARKET orders.")
    filled = models.BigIntegerField()
    status = models.CharField(max_length=16, choices=choices_of(OrderStatus))
    his_held = models.BigIntegerField(null=True, help_text="Yesterday's lots that a live closing holds; empty: none.")
    today_held = models.BigIntegerField(null=True, help_text="Today's lots that a live closing holds; empty: none.")
    accepted_at = models.BigIntegerField()
    updated_at = models.BigIntegerField(null=True, help_text="Empty where that was when it was accepted.")
    client_order_id = models.CharField(max_length=64, null=True)
    trading_day = models.IntegerField(
        db_default=0, help_text="In which it was accepted; 0 before the first settlement."
    )
    cancel_reason = models.CharField(max_length=16, null=True, choices=choices_of(CancelReason))
    cancel_code = models.IntegerField(null=True, help_text="The rule that took it, as the protocol numbers them.")
    options = models.TextField(null=True, help_text="JSON, as the engine reads it; empty for plain orders.")
    priority = models.BigIntegerField(null=True, help_text="Its place among orders of its price; empty: its id.")
    shown = models.BigIntegerField(null=True, help_text="Lots that an iceberg shows; empty: all that are left.")
    stop = models.BigIntegerField(null=True, help_text="Where a waiting order fires.")
    known_day = models.IntegerField(null=True, help_text="A later trading day on which its own id is used up.")
    asked_volume = models.BigIntegerField(null=True, help_text="Where it was asked for with another volume.")
    asked_price = models.BigIntegerField(null=True, help_text="Where it was asked for with another price.")
    forced = models.BooleanField(db_default=False, help_text="By the exchange, to close a position.")
    price_sum = models.BigIntegerField(
        null=True, help_text="Price times lots of its trades; empty where their trades are not all known."
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            IndexBeforeKey(name="order_of_account", fields=["account", "id"]),
            IndexBeforeKey(
                name="order_live",
                fields=["account", "id"],
                condition=reduce(or_, (Q(status=word) for word in _WORDS)),
            ),
            models.Index(
                name="order_known",
                fields=["known_day", "account", "client_order_id"],
                condition=Q(known_day__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(  # on PostgreSQL an index only: `trading.storage.sql.OWN_ID`
                name="order_client_id_once",
                fields=["trading_day", "account", "client_order_id"],
                condition=Q(client_order_id__isnull=False),
            ),
            models.CheckConstraint(
                name="order_filled_within_volume",
                condition=Q(volume__gt=0) & Q(filled__gte=0) & Q(filled__lte=F("volume")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def changed_at(self) -> int:
        """When it was last changed (Unix ms)."""
        return self.accepted_at if self.updated_at is None else self.updated_at


class Trade(models.Model):
    """One side of a match: two rows share a `trade_id`, one BUY and one SELL."""

    trade_id = models.BigIntegerField()
    order = models.ForeignKey(Order, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    direction = models.CharField(max_length=4, choices=choices_of(Direction))
    offset = models.CharField(max_length=16, choices=choices_of(Offset))
    is_maker = models.BooleanField(null=True, help_text="Empty in the trades of an auction.")
    price = models.BigIntegerField()
    volume = models.BigIntegerField()
    commission = models.BigIntegerField()
    close_profit = models.BigIntegerField()
    time = models.BigIntegerField()

    class Meta:
        ordering = ["-trade_id", "-direction"]
        indexes = [models.Index(name="trade_of_account", fields=["account", "trade_id"])]
        constraints = [
            models.UniqueConstraint(name="trade_once_a_side", fields=["trade_id", "direction"]),
            models.CheckConstraint(name="trade_positive", condition=Q(volume__gt=0) & Q(price__gt=0)),
        ]

    def __str__(self) -> str:
        return str(self.trade_id)


class TradeBreak(models.Model):
    """One side of a trade that was taken back: the entry that compensates its row, which stays as it was."""

    trade_id = models.BigIntegerField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, db_index=False)
    order_number = models.BigIntegerField(help_text="Of the order, whose row may be in the archive.")
    direction = models.CharField(max_length=4, choices=choices_of(Direction))
    offset = models.CharField(max_length=16, choices=choices_of(Offset))
    price = models.BigIntegerField()
    volume = models.BigIntegerField()
    commission = models.BigIntegerField(help_text="That was given back.")
    close_profit = models.BigIntegerField(help_text="That was taken back.")
    time = models.BigIntegerField()

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        indexes = [models.Index(name="trade_break_of_account", fields=["account", "trade_id"])]
        constraints = [models.UniqueConstraint(name="trade_broken_once", fields=["trade_id", "direction"])]

    def __str__(self) -> str:
        return str(self.trade_id)
