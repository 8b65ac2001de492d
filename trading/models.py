"""The tables. Rows that the engine owns are written by `store.py` alone, from events; nothing here decides anything.

Prices and money are integers of 1/10,000 of the currency, rates of 1/100,000,000, volumes whole lots, times Unix
milliseconds. The constraints repeat the core's invariants, because rows can come from elsewhere too.
"""

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from knox.models import AbstractAuthToken

from trading.core import types
from trading.core.types import Direction, Offset, OrderStatus, OrderType, Phase, TimeCondition

NAME = RegexValidator(types.NAME, "Use letters, digits, and _ . - only, at most 64.")


def _choices(
    words: type[Direction | Offset | OrderStatus | OrderType | Phase | TimeCondition],
) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class User(AbstractUser):  # type: ignore[django-manager-missing]  # knox has no types
    """A person or a program that trades, or an operator. The username is the protocol's `user_id`."""

    username = models.CharField("user id", max_length=64, unique=True, validators=[NAME])


class AccessToken(AbstractAuthToken):  # type: ignore[misc]  # knox has no types
    """A token for the socket, stored as a hash; its text is shown once, when it is issued."""

    name = models.CharField(max_length=64, blank=True, help_text="What it is for.")

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.token_key}… of {self.user}"


class Market(models.Model):
    """A market is run by exactly one engine at a time, which keeps its place here in every commit."""

    code = models.CharField(max_length=16, primary_key=True)
    epoch = models.BigIntegerField(default=0, help_text="Grows with every engine start; an older engine cannot write.")
    batch = models.BigIntegerField(default=0, help_text="Number of the last committed batch.")
    last_id = models.BigIntegerField(default=0, help_text="Number of the last order or trade.")

    def __str__(self) -> str:
        return self.code


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
    phase = models.CharField(max_length=16, choices=_choices(Phase))
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


class Account(models.Model):
    """A user's money at one market. Counters are those of the trading day."""

    user = models.OneToOneField(
        User, on_delete=models.PROTECT, to_field="username", db_column="user_id", related_name="account"
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

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="account_counters_not_negative",
                condition=Q(deposits__gte=0)
                & Q(withdrawals__gte=0)
                & Q(commission__gte=0)
                & Q(margin__gte=0)
                & Q(hold__gte=0),
            ),
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


class Order(models.Model):
    """An accepted order and what became of it. The id is the number in the protocol's order id."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, db_index=False)
    direction = models.CharField(max_length=4, choices=_choices(Direction))
    offset = models.CharField(max_length=16, choices=_choices(Offset))
    order_type = models.CharField(max_length=8, choices=_choices(OrderType))
    time_condition = models.CharField(max_length=4, choices=_choices(TimeCondition))
    volume = models.BigIntegerField()
    price = models.BigIntegerField(null=True, help_text="Empty for MARKET orders.")
    filled = models.BigIntegerField()
    status = models.CharField(max_length=16, choices=_choices(OrderStatus))
    his_held = models.BigIntegerField(help_text="Yesterday's lots that a live closing holds.")
    today_held = models.BigIntegerField(help_text="Today's lots that a live closing holds.")
    accepted_at = models.BigIntegerField()
    updated_at = models.BigIntegerField()
    client_order_id = models.CharField(max_length=64, null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(name="order_of_account", fields=["account", "id"]),
            models.Index(
                name="order_live",
                fields=["id"],
                condition=Q(status__in=[OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED]),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                name="order_client_id_once",
                fields=["account", "client_order_id"],
                condition=Q(client_order_id__isnull=False),
            ),
            models.CheckConstraint(
                name="order_filled_within_volume",
                condition=Q(volume__gt=0) & Q(filled__gte=0) & Q(filled__lte=F("volume")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Trade(models.Model):
    """One side of a match: two rows share a `trade_id`, one BUY and one SELL."""

    trade_id = models.BigIntegerField()
    order = models.ForeignKey(Order, on_delete=models.PROTECT, db_index=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, db_index=False)
    direction = models.CharField(max_length=4, choices=_choices(Direction))
    offset = models.CharField(max_length=16, choices=_choices(Offset))
    is_maker = models.BooleanField()
    price = models.BigIntegerField()
    volume = models.BigIntegerField()
    commission = models.BigIntegerField()
    close_profit = models.BigIntegerField()
    time = models.BigIntegerField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(name="trade_of_account", fields=["account", "trade_id"])]
        constraints = [
            models.UniqueConstraint(name="trade_once_a_side", fields=["trade_id", "direction"]),
            models.CheckConstraint(name="trade_positive", condition=Q(volume__gt=0) & Q(price__gt=0)),
        ]

    def __str__(self) -> str:
        return str(self.trade_id)


class LedgerEntry(models.Model):
    """Money that entered or left an account, and why. The entries of an account add up to its balance without
    unrealised profit."""

    class Kind(models.TextChoices):
        DEPOSIT = "DEPOSIT"
        WITHDRAWAL = "WITHDRAWAL"
        COMMISSION = "COMMISSION"
        CLOSE_PROFIT = "CLOSE_PROFIT"

    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    amount = models.BigIntegerField(help_text="Negative when the account pays.")
    trade_id = models.BigIntegerField(null=True)
    time = models.BigIntegerField()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "ledger"
        constraints = [models.CheckConstraint(name="ledger_amount_not_zero", condition=~Q(amount=0))]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


class JournalBatch(models.Model):
    """The commands of one commit, as the engine applied them: replayed from empty they give the same state."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT)
    number = models.BigIntegerField()
    epoch = models.BigIntegerField()
    time = models.BigIntegerField()
    commands = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(name="journal_batch_once", fields=["market", "number"])]

    def __str__(self) -> str:
        return f"batch {self.number}"


class OperatorCommand(models.Model):
    """What an operator asked of the engine, and what came of it: the audit trail."""

    class Status(models.TextChoices):
        PENDING = "PENDING"
        DONE = "DONE"
        REFUSED = "REFUSED"

    market = models.ForeignKey(Market, on_delete=models.PROTECT)
    kind = models.CharField(max_length=32)
    payload = models.JSONField(help_text="The command as the engine gets it.")
    key = models.CharField(max_length=64, unique=True, help_text="The same key twice is one command.")
    asked_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", help_text="Empty: from the shell."
    )
    asked_at = models.DateTimeField(auto_now_add=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.PENDING)
    code = models.IntegerField(null=True, help_text="Why it was refused.")
    result = models.CharField(max_length=256, blank=True)
    finished_at = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(name="operator_command_pending", fields=["id"], condition=Q(status="PENDING"))]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"
