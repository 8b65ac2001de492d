"""What operators ask for, decide and look at."""

from django.db import models
from django.db.models import Q

from trading.models.accounts import Account
from trading.models.markets import Market
from trading.models.users import User


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


class ScheduledCommand(models.Model):
    """A command that is to be asked at a time, in the name of whoever put it here; or a draft: without a time it waits
    until somebody lists it."""

    class Status(models.TextChoices):
        WAITING = "WAITING", "Waits for its time"
        ASKED = "ASKED", "Asked"
        CANCELLED = "CANCELLED", "Cancelled"
        NOT_ASKED = "NOT_ASKED", "Not asked"

    market = models.ForeignKey(Market, on_delete=models.PROTECT)
    at = models.DateTimeField(null=True, help_text="When it is to be asked; empty: a draft.")
    kind = models.CharField(max_length=32)
    payload = models.JSONField(help_text="The command as the engine gets it.")
    key = models.CharField(max_length=64, unique=True, help_text="The same key twice is one command.")
    reason = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=64, blank=True)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.WAITING)
    note = models.CharField(max_length=200, blank=True, help_text="Why it was not asked.")
    command = models.ForeignKey(OperatorCommand, null=True, on_delete=models.PROTECT, related_name="+")
    cancelled_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, help_text="When it was asked or cancelled.")

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        indexes = [models.Index(name="scheduled_command_waiting", fields=["at"], condition=Q(status="WAITING"))]

    def __str__(self) -> str:
        return f"{self.kind} {'draft' if self.at is None else f'{self.at:%Y-%m-%d %H:%M}'}"


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
            ("announce", "Can make announcements"),
            ("break_trade", "Can break trades"),
            ("approve_command", "Can approve commands of others"),
            ("assign_roles", "Can give roles to others"),
            ("end_session", "Can end sessions of others"),
        ]

    def __str__(self) -> str:
        return "desk"


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
    starts_at = models.DateTimeField(null=True, blank=True, help_text="Empty: when its host presses the button.")
    ends_at = models.DateTimeField()
    every_minutes = models.PositiveIntegerField(default=5, help_text="Between looks at what the accounts are worth.")
    public = models.BooleanField(default=False, help_text="Everybody sees the ranking at /contest/.")
    freeze_at_end = models.BooleanField(default=True, help_text="All its accounts are frozen when it ends.")
    instruments = models.CharField(max_length=1000, blank=True, help_text="That may be traded, by commas; empty: all.")
    max_position = models.PositiveIntegerField(
        null=True, blank=True, help_text="Lots in one direction of an instrument; empty: no rule."
    )
    max_orders = models.PositiveIntegerField(
        null=True, blank=True, help_text="Live orders in an instrument; empty: no rule."
    )
    enforced = models.BooleanField(default=True, help_text="Off: what breaks a rule is only written down.")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.DRAFT)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    first_command = models.BigIntegerField(default=0, help_text="No command that is done later has a lower number.")
    host = models.ForeignKey(User, on_delete=models.PROTECT, null=True, editable=False, related_name="+")
    """Who prepared it: what it does by itself is asked in their name."""

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


class ContestBreach(models.Model):
    """A rule of a contest that an account was seen to break: once for each rule and instrument."""

    class Rule(models.TextChoices):
        INSTRUMENT = "INSTRUMENT", "Instrument not allowed"
        POSITION = "POSITION", "Position too large"
        ORDERS = "ORDERS", "Too many live orders"

    contest = models.ForeignKey(Contest, on_delete=models.CASCADE, related_name="breaches")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=16, choices=Rule.choices)
    instrument_id = models.CharField(max_length=64)
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(name="contest_breach_once", fields=["contest", "account", "rule", "instrument_id"])
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.get_rule_display()} {self.instrument_id}"
