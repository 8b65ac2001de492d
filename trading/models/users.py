"""People, programs and operators, and how they get in."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from knox.models import AbstractAuthToken

from trading.models.fields import NAME


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
