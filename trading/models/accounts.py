"""Money and positions of an account. The engine's: written from events alone."""

from django.db import models
from django.db.models import F, Q

from trading.models.fields import IndexBeforeKey, NumberField
from trading.models.markets import Instrument, Market
from trading.models.users import User

IS_HELD = Q(long_today__gt=0) | Q(long_his__gt=0) | Q(short_today__gt=0) | Q(short_his__gt=0)
"""Of positions: rows of flat ones stay."""
AT_RISK = Q(warned=True) | Q(liquidating=True)
IN_DEBT = Q(in_debt=True)
"""What was booked is negative. The few of both kinds have an index each, found by a query with just this condition."""


class Account(models.Model):
    """A user's money at one market, where they have one account. Counters are those of the trading day."""

    user = models.ForeignKey(
        User, on_delete=models.PROTECT, to_field="username", db_column="user_id", related_name="accounts"
    )
    market = models.ForeignKey(Market, on_delete=models.PROTECT)
    pre_balance = models.BigIntegerField(default=0)
    deposits = models.BigIntegerField(default=0)
    withdrawals = models.BigIntegerField(default=0)
    close_profit = models.BigIntegerField(default=0)
    commission = models.BigIntegerField(default=0)
    margin = models.BigIntegerField(default=0)
    hold = models.BigIntegerField(default=0)
    push_seq = models.BigIntegerField(default=0, help_text="Number of the last private push.")
    rules = models.JSONField(default=dict, help_text="Self-trade prevention, fee group and limits of its own.")
    frozen = models.BooleanField(default=False, help_text="No new orders, no withdrawals.")
    warned = models.BooleanField(default=False, help_text="The risk ratio has reached the warning level.")
    liquidating = models.BooleanField(default=False, help_text="The exchange closes its positions.")
    cancel_at = models.BigIntegerField(null=True, help_text="When all its orders are cancelled, unless it asks anew.")
    disconnect_at = models.BigIntegerField(null=True, help_text="The same, for its lost connection.")
    in_debt = models.GeneratedField(  # what an index looks at seldom changes: PostgreSQL need not enter each new row
        expression=Q(  # type: ignore[arg-type]  # a condition is an expression, too
            pre_balance__lt=F("withdrawals") + F("commission") - F("deposits") - F("close_profit")
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(name="account_once_a_market", fields=["user", "market"]),
            models.CheckConstraint(
                name="account_counters_not_negative",
                condition=Q(deposits__gte=0)
                & Q(withdrawals__gte=0)
                & Q(commission__gte=0)
                & Q(margin__gte=0)
                & Q(hold__gte=0),
            ),
        ]
        indexes = [
            models.Index(name="account_at_risk", fields=["market"], condition=AT_RISK),
            models.Index(name="account_in_debt", fields=["market"], condition=IN_DEBT),
        ]

    def __str__(self) -> str:
        return self.user_id


class Position(models.Model):
    """An account's lots in one instrument, both directions, today's and yesterday's (his) apart."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    long_today = models.BigIntegerField()
    long_his = models.BigIntegerField()
    long_today_cost = models.BigIntegerField()
    long_his_cost = models.BigIntegerField()
    long_his_open_cost = models.BigIntegerField()
    long_margin = models.BigIntegerField()
    short_today = models.BigIntegerField()
    short_his = models.BigIntegerField()
    short_today_cost = models.BigIntegerField()
    short_his_cost = models.BigIntegerField()
    short_his_open_cost = models.BigIntegerField()
    short_margin = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="position_once", fields=["account", "instrument"]),
            models.CheckConstraint(
                name="position_lots_not_negative",
                condition=Q(long_today__gte=0) & Q(long_his__gte=0) & Q(short_today__gte=0) & Q(short_his__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.instrument_id}"


class PositionDetail(models.Model):
    """Lots of a position that were opened one after the other at one price, until they are closed: a line of CTP's
    position detail. Those that were opened first are closed first."""

    id = NumberField(primary_key=True, help_text="The trade that opened the first of them, negative for short lots.")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, db_index=False)
    lots = models.BigIntegerField()
    cost = models.BigIntegerField(help_text="What was paid for all of them.")

    class Meta:
        indexes = [models.Index(name="detail_account", fields=["account"])]
        constraints = [
            models.CheckConstraint(name="position_detail_positive", condition=Q(lots__gt=0) & Q(cost__gt=0)),
        ]

    def __str__(self) -> str:
        return str(self.id)


class LedgerEntry(models.Model):
    """Money that entered or left an account, and why. The entries of an account add up to its balance without
    unrealised profit."""

    class Kind(models.TextChoices):
        DEPOSIT = "DEPOSIT"
        WITHDRAWAL = "WITHDRAWAL"
        COMMISSION = "COMMISSION"
        CLOSE_PROFIT = "CLOSE_PROFIT"
        SETTLEMENT = "SETTLEMENT"
        EXPIRY = "EXPIRY"
        TRANSFER = "TRANSFER"
        CORRECTION = "CORRECTION"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    amount = models.BigIntegerField(help_text="Negative when the account pays.")
    trade_id = models.BigIntegerField(null=True)
    time = models.BigIntegerField()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "ledger"
        indexes = [
            IndexBeforeKey(name="ledger_of_account", fields=["account", "id"]),
            models.Index(name="ledger_of_trade", fields=["trade_id"], condition=Q(trade_id__isnull=False)),
        ]
        constraints = [models.CheckConstraint(name="ledger_amount_not_zero", condition=~Q(amount=0))]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


class Transfer(models.Model):
    """Money of a user on its way from one market to another. The commit that takes it out of the source makes the row,
    the commit that puts it into the target (or back) ends it."""

    class Status(models.TextChoices):
        IN_TRANSIT = "IN_TRANSIT"
        ARRIVED = "ARRIVED"
        RETURNED = "RETURNED"

    id = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.PROTECT, to_field="username", db_column="user_id")
    source = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="transfers_out")
    target = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="transfers_in")
    amount = models.BigIntegerField()
    status = models.CharField(max_length=16, choices=Status.choices)
    sent_at = models.BigIntegerField()
    ended_at = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["-sent_at", "id"]
        indexes = [
            models.Index(name="transfer_sent", fields=["sent_at"]),
            models.Index(name="transfer_of_user", fields=["user", "sent_at"]),
            models.Index(name="transfer_in_transit", fields=["sent_at"], condition=Q(status="IN_TRANSIT")),
        ]
        constraints = [
            models.CheckConstraint(name="transfer_moves_money", condition=Q(amount__gt=0) & ~Q(source=F("target"))),
            models.CheckConstraint(
                name="transfer_ends_once",
                condition=Q(status="IN_TRANSIT", ended_at__isnull=True)
                | (~Q(status="IN_TRANSIT") & Q(ended_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.source_id} - {self.target_id}"


class Statement(models.Model):
    """An account's trading day, as it was settled: opening + deposits - withdrawals + close profit + position profit -
    commission = closing."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    day = models.IntegerField(help_text="YYYYMMDD")
    opening = models.BigIntegerField()
    deposits = models.BigIntegerField()
    withdrawals = models.BigIntegerField()
    close_profit = models.BigIntegerField()
    position_profit = models.BigIntegerField()
    commission = models.BigIntegerField()
    closing = models.BigIntegerField()
    margin = models.BigIntegerField()
    positions = models.JSONField(help_text="Lots, settlement price and margin of each instrument.")
    time = models.BigIntegerField()

    class Meta:
        ordering = ["-day", "account"]
        indexes = [models.Index(name="statement_of_day", fields=["day"])]
        constraints = [
            models.UniqueConstraint(name="statement_once_a_day", fields=["account", "day"]),
            models.CheckConstraint(
                name="statement_adds_up",
                condition=Q(
                    closing=F("opening")
                    + F("deposits")
                    - F("withdrawals")
                    + F("close_profit")
                    + F("position_profit")
                    - F("commission")
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.day}"


class RiskEvent(models.Model):
    """An account was warned, or that is over; its liquidation began or ended."""

    class Kind(models.TextChoices):
        WARNED = "WARNED"
        EASED = "EASED"
        LIQUIDATION_STARTED = "LIQUIDATION_STARTED"
        LIQUIDATION_ENDED = "LIQUIDATION_ENDED"

    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    kind = models.CharField(max_length=32, choices=Kind.choices)
    margin = models.BigIntegerField()
    balance = models.BigIntegerField()
    time = models.BigIntegerField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.account} {self.kind}"
