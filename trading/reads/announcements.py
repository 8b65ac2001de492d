"""What operators have announced and is not over, from the rows of the last commit."""

from collections.abc import Iterable

from trading.core.types import Announcement
from trading.models import Market
from trading.storage.mapping import announcements_of


def present(*, market: str, time: int) -> tuple[Announcement, ...]:
    """All of a market at `time` (Unix ms), the oldest first. Blocks."""
    stored = Market.objects.filter(code=market).values_list("announcements", flat=True).first()
    return tuple(told for told in announcements_of(stored or []) if told.until > time)


def to(user_id: str | None, told: Iterable[Announcement], time: int) -> list[Announcement]:
    """Of some announcements those that concern a user, or whoever it is (None), at `time`."""
    return [each for each in told if each.until > time and each.user_id in (None, user_id)]
