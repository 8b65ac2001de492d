"""What the engine has done, and what was told of it: to replay, to resume, to archive."""

from django.db import models
from django.db.models import F, Q

from trading.models.accounts import Account
from trading.models.markets import Market


class JournalBatch(models.Model):
    """The commands of one commit, as the engine applied them: replayed from empty they give the same state."""

    pk = models.CompositePrimaryKey("market_id", "number")
    market = models.ForeignKey(Market, on_delete=models.PROTECT, db_index=False)
    number = models.BigIntegerField()
    epoch = models.BigIntegerField()
    time = models.BigIntegerField()
    commands = models.BinaryField(help_text="`trading.storage.packing`; of earlier releases MessagePack as it is.")

    def __str__(self) -> str:
        return f"batch {self.number}"


class PushBatch(models.Model):
    """What one commit told one account, kept for connections that were away; the numbers of an account have no hole.
    The oldest go when there are too many, and all of them with the trading day."""

    pk = models.CompositePrimaryKey("account_id", "last_seq")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_index=False)
    last_seq = models.BigIntegerField()
    packed = models.BinaryField(null=True, help_text="As they were sent, one a line: `trading.storage.packing`.")
    frames = models.TextField(null=True, help_text="The same as text, of releases that did not pack.")

    def __str__(self) -> str:
        return f"{self.account_id} -{self.last_seq}"


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
