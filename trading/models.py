"""The tables. Rows that the engine owns are written by `store.py` alone, from events; nothing here decides anything.

Prices and money are integers of 1/10,000 of the currency, rates of 1/100,000,000, volumes whole lots, times Unix
milliseconds. The constraints repeat the core's invariants, because rows can come from elsewhere too.
"""

from zoneinfo import available_timezones

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from knox.models import AbstractAuthToken

from trading.core import types
from trading.core.types import LIVE, CancelReason, Direction, Offset, OrderStatus, OrderType, Phase, TimeCondition

NAME = RegexValidator(types.NAME, "Use letters, digits, and _ . - only, at most 64.")


def _choices(
    words: type[CancelReason | Direction | Offset | OrderStatus | OrderType | Phase | TimeCondition],
) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class User(AbstractUser):  # type: ignore[django-manager-missing]  # knox has no types
    """A person or a program that trades, or an operator. The username is the protocol's `user_id`."""

    username = models.CharField("user id", max_length=64, unique=True, validators=[NAME])


class AccessToken(AbstractAuthToken):  # type: ignore[misc]  # knox has no types
    """A token for the socket, stored as a hash; its text is shown once, when it is issued."""

    class Scope(models.TextChoices):
        TRADE = "TRADE", "Trade"
        READ = "READ", "Read only"

    LONGEST_DAYS = 3650
    """Nobody knows who will have it then."""

    name = models.CharField(max_length=64, blank=True, help_text="What it is for.")
    scope = models.CharField(max_length=8, choices=Scope.choices, default=Scope.TRADE)
    last_used = models.DateTimeField(null=True, editable=False, help_text="To the minute.")

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.token_key}… of {self.user}"


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
    rules = models.IntegerField(
        default=0, db_default=0, help_text="Version of the rules that the market has adopted; 0: of the first release."
    )
    time_zone = models.CharField(
        max_length=64, default="UTC", validators=[known_time_zone], help_text="Of the schedule, such as Asia/Shanghai."
    )

    class Meta:
        permissions = [
            ("settle_market", "Can settle the trading day"),
            ("use_emergency", "Can use the emergency control"),
        ]

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
    phase = models.CharField(max_length=16, choices=_choices(Phase))
    scheduled = models.CharField(
        max_length=16, choices=_choices(Phase), default=Phase.CONTINUOUS.value, help_text="The phase after a halt."
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


IS_LIVE = models.Func(
    F("status"),
    template=f"%(expressions)s IN ({', '.join(repr(status.value) for status in LIVE)})",
    output_field=models.BooleanField(),
)
"""A condition for the orders that are not finished, written out: a database that is handed the states as parameters
does not see that its index of live orders has all of them."""


class PositionDetail(models.Model):
    """Lots of a position that were opened one after the other at one price, until they are closed: a line of CTP's
    position detail. Those that were opened first are closed first."""

    id = models.BigIntegerField(
        primary_key=True, help_text="The trade that opened the first of them, negative for short lots."
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, db_index=False)
    lots = models.BigIntegerField()
    cost = models.BigIntegerField(help_text="What was paid for all of them.")

    class Meta:
        constraints = [
            models.CheckConstraint(name="position_detail_positive", condition=Q(lots__gt=0) & Q(cost__gt=0)),
        ]

    def __str__(self) -> str:
        return str(self.id)


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
    trading_day = models.IntegerField(
        db_default=0, help_text="In which it was accepted; 0 before the first settlement."
    )
    cancel_reason = models.CharField(max_length=16, null=True, choices=_choices(CancelReason))
    cancel_code = models.IntegerField(null=True, help_text="The rule that took it, as the protocol numbers them.")
    options = models.TextField(null=True, help_text="JSON, as the engine reads it; empty for plain orders.")
    priority = models.BigIntegerField(null=True, help_text="Its place among orders of its price; empty: its id.")
    shown = models.BigIntegerField(null=True, help_text="Lots that an iceberg shows; empty: all that are left.")
    stop = models.BigIntegerField(null=True, help_text="Where a waiting order fires.")
    known_day = models.IntegerField(null=True, help_text="A later trading day on which its own id is used up.")
    asked_volume = models.BigIntegerField(null=True, help_text="Where it was asked for with another volume.")
    asked_price = models.BigIntegerField(null=True, help_text="Where it was asked for with another price.")
    forced = models.BooleanField(db_default=False, help_text="By the exchange, to close a position.")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(name="order_of_account", fields=["account", "id"]),
            models.Index(name="order_live", fields=["account", "id"], condition=Q(status__in=LIVE)),
            models.Index(
                name="order_known",
                fields=["known_day", "account", "client_order_id"],
                condition=Q(known_day__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
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


class Trade(models.Model):
    """One side of a match: two rows share a `trade_id`, one BUY and one SELL."""

    trade_id = models.BigIntegerField()
    order = models.ForeignKey(Order, on_delete=models.PROTECT, db_index=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, db_index=False)
    direction = models.CharField(max_length=4, choices=_choices(Direction))
    offset = models.CharField(max_length=16, choices=_choices(Offset))
    is_maker = models.BooleanField(null=True, help_text="Empty in the trades of an auction.")
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
        SETTLEMENT = "SETTLEMENT"
        EXPIRY = "EXPIRY"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    amount = models.BigIntegerField(help_text="Negative when the account pays.")
    trade_id = models.BigIntegerField(null=True)
    time = models.BigIntegerField()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "ledger"
        indexes = [
            models.Index(name="ledger_of_account", fields=["account", "id"]),
            models.Index(name="ledger_of_trade", fields=["trade_id"], condition=Q(trade_id__isnull=False)),
        ]
        constraints = [models.CheckConstraint(name="ledger_amount_not_zero", condition=~Q(amount=0))]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


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


class JournalBatch(models.Model):
    """The commands of one commit, as the engine applied them: replayed from empty they give the same state."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT)
    number = models.BigIntegerField()
    epoch = models.BigIntegerField()
    time = models.BigIntegerField()
    commands = models.BinaryField(help_text="`trading.storage.packing`; of earlier releases MessagePack as it is.")

    class Meta:
        constraints = [models.UniqueConstraint(name="journal_batch_once", fields=["market", "number"])]

    def __str__(self) -> str:
        return f"batch {self.number}"


class PushBatch(models.Model):
    """What one commit told one account, kept for connections that were away; the numbers of an account have no hole.
    The oldest go when there are too many, and all of them with the trading day."""

    pk = models.CompositePrimaryKey("account_id", "last_seq")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    packed = models.BinaryField(null=True, help_text="As they were sent, one a line: `trading.storage.packing`.")
    frames = models.TextField(null=True, help_text="The same as text, of releases that did not pack.")

    class Meta:
        constraints = [
            models.CheckConstraint(name="push_batch_in_order", condition=Q(first_seq__lte=F("last_seq"))),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.first_seq}-{self.last_seq}"


class ArchiveFile(models.Model):
    """A file that has the journal, the finished orders, the trades and the ledger of settled days, up to a commit."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT)
    day = models.IntegerField(help_text="YYYYMMDD; the last one in it.")
    name = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    first_batch = models.BigIntegerField()
    last_batch = models.BigIntegerField(help_text="The one that settled the day.")
    until = models.BigIntegerField(help_text="What happened before this moment is in it, or in an earlier one.")
    state_hash = models.CharField(max_length=64, help_text="Of the state after its last batch.")
    removed = models.BooleanField(default=False, help_text="What is in it is out of the tables.")

    class Meta:
        ordering = ["-day"]
        constraints = [
            models.UniqueConstraint(name="archive_file_once", fields=["market", "day"]),
            models.CheckConstraint(
                name="archive_file_in_order", condition=Q(first_batch__gt=0) & Q(last_batch__gte=F("first_batch"))
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CarriedForward(models.Model):
    """What the archived rows of an account add up to, so that its books can be checked without them."""

    class Kind(models.TextChoices):
        LEDGER = "LEDGER", "Entries of the ledger; the subject is their kind"
        COMMISSION = "COMMISSION", "Commission of trades"
        CLOSE_PROFIT = "CLOSE_PROFIT", "Close profit of trades"
        LONG = "LONG", "Lots bought to open less lots sold to close; the subject is the instrument"
        SHORT = "SHORT", "Lots sold to open less lots bought to close; the subject is the instrument"
        FILLED = "FILLED", "Lots of an order that is still here; the subject is its id"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    subject = models.CharField(max_length=64)
    amount = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(name="carried_forward_once", fields=["account", "kind", "subject"])]

    def __str__(self) -> str:
        return f"{self.account_id} {self.kind} {self.subject}"


class StaffSession(models.Model):
    """A browser in which a member of staff is signed in to the back office."""

    session_key = models.CharField(max_length=40, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True, help_text="What the browser calls itself.")
    began_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(help_text="To the minute.")

    class Meta:
        ordering = ["-seen_at"]

    def __str__(self) -> str:
        return f"{self.user} from {self.address}"


class HealthCheck(models.Model):
    """A check of the books or of the journal that an operator asked for, and what came of it."""

    class Kind(models.TextChoices):
        BOOKS = "books", "Do the books agree"
        JOURNAL = "journal", "Does the journal give the same state"

    class Status(models.TextChoices):
        RUNNING = "RUNNING", "Running"
        FINE = "FINE", "Fine"
        FOUND = "FOUND", "Something is wrong"
        FAILED = "FAILED", "It could not be done"

    market = models.ForeignKey(Market, on_delete=models.PROTECT)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    began_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.RUNNING)
    result = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class Contest(models.Model):
    """A trading contest among accounts of a market."""

    class Status(models.TextChoices):
        DRAFT = "DRAFT", "In preparation"
        RUNNING = "RUNNING", "Running"
        ENDED = "ENDED", "Ended"

    market = models.ForeignKey(Market, on_delete=models.PROTECT)
    name = models.CharField(max_length=64)
    beginning = models.CharField(max_length=64, blank=True, help_text="Of the user ids that take part; empty: all.")
    start_balance = models.BigIntegerField(help_text="In 1/10,000 of the currency.")
    ends_at = models.DateTimeField()
    every_minutes = models.PositiveIntegerField(default=5, help_text="Between looks at what the accounts are worth.")
    public = models.BooleanField(default=False, help_text="Everybody sees the ranking at /contest/.")
    freeze_at_end = models.BooleanField(default=True, help_text="All its accounts are frozen when it ends.")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.DRAFT)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    first_command = models.BigIntegerField(default=0, help_text="No command that is done later has a lower number.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="contest_start_positive", condition=Q(start_balance__gt=0)),
            models.UniqueConstraint(name="contest_one_runs", fields=["market"], condition=Q(status="RUNNING")),
        ]

    def __str__(self) -> str:
        return self.name


class ContestEntry(models.Model):
    """An account in a contest. `worth`: its equity without the money that was moved since the start. The returns are
    those from look to look, kept as Welford's count, mean and sum of squares."""

    contest = models.ForeignKey(Contest, on_delete=models.CASCADE, related_name="entries")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    worth = models.BigIntegerField()
    peak = models.BigIntegerField()
    drawdown = models.FloatField(default=0, help_text="The largest fall from a peak, as a fraction of it.")
    looks = models.PositiveIntegerField(default=0)
    mean = models.FloatField(default=0)
    squares = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(name="contest_entry_once", fields=["contest", "account"])]

    def __str__(self) -> str:
        return f"{self.account} in {self.contest}"


class Desk(models.Model):
    """No table: what staff may do in the back office, action by action."""

    class Meta:
        managed = False
        verbose_name_plural = "desk"
        default_permissions = ()
        permissions = [
            ("deposit_funds", "Can deposit money"),
            ("withdraw_funds", "Can withdraw money"),
            ("correct_balance", "Can correct a balance"),
            ("freeze_account", "Can freeze and unfreeze accounts"),
            ("force_close", "Can close positions of others"),
            ("view_risk", "Can see risk and ask what if"),
            ("view_as", "Can see what a user sees"),
            ("run_contest", "Can run contests"),
            ("run_checks", "Can check the books"),
            ("approve_command", "Can approve commands of others"),
            ("assign_roles", "Can give roles to others"),
            ("end_session", "Can end sessions of others"),
        ]

    def __str__(self) -> str:
        return "desk"


class OperatorCommand(models.Model):
    """What an operator asked of the engine, and what came of it: the audit trail."""

    class Status(models.TextChoices):
        HELD = "HELD", "Waits for approval"
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
    reason = models.CharField(max_length=200, blank=True, db_default="", help_text="Why it was asked, in words.")
    finished_at = models.BigIntegerField(null=True)
    address = models.CharField(max_length=64, blank=True, db_default="", help_text="Where the operator asked from.")
    before = models.JSONField(null=True, help_text="What it is about, as it was when it was asked for.")
    after = models.JSONField(null=True, help_text="The same, when the result was first seen.")
    decided_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", help_text="Who approved or rejected it."
    )
    decided_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True, help_text="Until when it may be approved.")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(name="operator_command_pending", fields=["id"], condition=Q(status="PENDING")),
            models.Index(name="operator_command_held", fields=["id"], condition=Q(status="HELD")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class Pulse(models.Model):
    """How the exchange fared in a minute, noted by the process that runs the engine; the newest is noted again and
    again. (Of a minute in which that process was started: since then.)"""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, db_index=False)
    minute = models.BigIntegerField(help_text="When it began.")
    time = models.BigIntegerField(help_text="When it was noted last.")
    orders = models.BigIntegerField()
    trades = models.BigIntegerField()
    usual_answer = models.FloatField(null=True, help_text="Seconds until half of the commands were answered.")
    late_answer = models.FloatField(null=True, help_text="Seconds until 99 of 100 were.")
    present = models.JSONField(help_text="What the exchange was like just then.")

    class Meta:
        constraints = [models.UniqueConstraint(name="pulse_once_a_minute", fields=["market", "minute"])]

    def __str__(self) -> str:
        return f"{self.market_id} {self.minute}"
