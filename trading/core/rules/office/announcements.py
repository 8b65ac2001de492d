"""What operators tell those who trade. The engine keeps it, so that it is stored, replayed and in the audit trail as
everything else is; who is told, and how, is the business of connections."""

from trading.core.codes import Code
from trading.core.commands import Announce, WithdrawAnnouncement
from trading.core.events import Announced, AnnouncementWithdrawn, Event, Refused
from trading.core.state import State
from trading.core.types import Announcement

MOST_AT_ONCE = 50
LONGEST_TEXT = 500
LATEST = 253_402_300_799_999
"""The end of the year 9999."""


def announce(state: State, command: Announce) -> list[Event]:
    """Those that are over are forgotten here: until then they do no harm."""
    present = [each for each in state.day.announcements if each.until > state.now]
    if command.user_id is not None and command.user_id not in state.by_user:
        return [Refused(Code.ACCOUNT_NOT_FOUND, f"{command.user_id} has no account")]
    wrong = _what_is_wrong(state, command)
    if wrong is not None:
        return [Refused(Code.MALFORMED, wrong)]
    if len(present) >= MOST_AT_ONCE:
        return [Refused(Code.LIMIT_REACHED, f"There are {MOST_AT_ONCE} announcements at once; withdraw one first")]
    text, number = command.text.strip(), state.next_id()
    made = Announcement(number, text, state.now, command.until, command.user_id, command.stop_at)
    state.day.announcements = (*present, made)
    state.changes.day = state.day
    return [Announced(number)]


def _what_is_wrong(state: State, command: Announce) -> str | None:
    if not 0 < len(command.text.strip()) <= LONGEST_TEXT:
        return f"An announcement has 1 to {LONGEST_TEXT} characters"
    if not state.now < command.until <= LATEST:
        return "An announcement ends in the future"
    if command.stop_at is not None and not state.now < command.stop_at <= LATEST:
        return "The exchange stops in the future"
    return None


def withdraw(state: State, command: WithdrawAnnouncement) -> list[Event]:
    """Refused where it is over."""
    present = state.day.announcements
    left = tuple(each for each in present if each.number != command.number)
    if not any(each.number == command.number and each.until > state.now for each in present):
        return [Refused(Code.NOT_FOUND, "There is no such announcement; perhaps it is over")]
    state.day.announcements = left
    state.changes.day = state.day
    return [AnnouncementWithdrawn(command.number)]
