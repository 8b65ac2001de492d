"""The channel layer for one process: as the Channels specification says, without copies, scans or silent losses.

A message is handed to its receivers as it is; whoever gets one must not change it. Messages and memberships do not
expire. A channel that is full loses what it holds and says so: its receiver gets `ChannelOverflow` and must begin
anew. (Channels' own in-memory layer copies each message for each receiver, looks at all channels on every send, and
drops without a word.)

To wake a task for each receiver of each message is most of what a message to many costs. So who receives may leave word
who hears for him while he waits: those are called in the next turn of the event loop, one after another.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Collection
from typing import Any

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

from trading.transport.sleeper import Sleeper

logger = logging.getLogger(__name__)
Message = dict[str, Any]
Hear = Callable[[deque[Message]], None]
"""Takes messages off, from the first on; the first that it leaves is received. It must not fail."""


class ChannelOverflow(Exception):
    """Messages for this channel were lost because nobody took them in time."""


class _Mailbox:
    """The messages that wait on one channel, and its receiver, if it sleeps."""

    __slots__ = ("groups", "hear", "messages", "overflowed", "sleeper")

    def __init__(self) -> None:
        self.messages: deque[Message] = deque()
        self.hear: Hear | None = None
        self.sleeper = Sleeper()
        self.overflowed = False
        self.groups: set[str] = set()


class InProcessLayer(BaseChannelLayer):  # type: ignore[misc]  # channels has no types
    """Groups and channels of one event loop. `capacity`: messages that may wait on one channel."""

    extensions = ["groups", "flush"]

    def __init__(self, capacity: int = 10_000, **options: Any) -> None:
        super().__init__(capacity=capacity, **options)
        self._mailboxes: dict[str, _Mailbox] = {}
        self._groups: dict[str, dict[str, _Mailbox]] = {}
        self._woken: list[_Mailbox] = []

    # -- channels

    async def new_channel(self, prefix: str = "specific") -> str:
        return f"{prefix}.inprocess!{uuid.uuid4().hex}"

    async def send(self, channel: str, message: Message) -> None:
        """Raises ChannelFull when the channel is over capacity."""
        self.require_valid_channel_name(channel)
        mailbox = self._mailbox(channel)
        if len(mailbox.messages) >= self.capacity:
            raise ChannelFull(channel)
        mailbox.messages.append(message)
        self._wake(mailbox)

    async def receive(self, channel: str, hear: Hear | None = None) -> Message:
        """The next message; what `hear` takes meanwhile is not received. Raises ChannelOverflow once after messages of
        this channel were lost."""
        mailbox = self._mailboxes.get(channel)
        if mailbox is None:
            self.require_valid_channel_name(channel)
            mailbox = self._mailbox(channel)
        while not mailbox.messages and not mailbox.overflowed:
            mailbox.hear = hear
            try:
                await mailbox.sleeper.sleep()
            finally:
                self._forget_if_idle(channel, mailbox)
        if mailbox.overflowed:
            mailbox.overflowed = False
            raise ChannelOverflow(channel)
        message = mailbox.messages.popleft()
        self._forget_if_idle(channel, mailbox)
        return message

    def _wake(self, mailbox: _Mailbox) -> None:
        """There is something for its receiver."""
        if mailbox.hear is None:
            mailbox.sleeper.wake()
            return
        if not self._woken:
            asyncio.get_running_loop().call_soon(self._have_heard)
        self._woken.append(mailbox)

    def _have_heard(self) -> None:
        woken, self._woken = self._woken, []
        for mailbox in woken:
            if mailbox.messages and mailbox.sleeper.waiting and mailbox.hear is not None:
                mailbox.hear(mailbox.messages)
            if mailbox.messages or mailbox.overflowed:
                mailbox.sleeper.wake()

    def _mailbox(self, channel: str) -> _Mailbox:
        mailbox = self._mailboxes.get(channel)
        if mailbox is None:
            mailbox = self._mailboxes[channel] = _Mailbox()
        return mailbox

    def _forget_if_idle(self, channel: str, mailbox: _Mailbox) -> None:
        """A channel that is in no group, holds nothing and has no receiver takes no memory."""
        if not (mailbox.messages or mailbox.groups or mailbox.overflowed or mailbox.sleeper.waiting):
            self._mailboxes.pop(channel, None)

    # -- groups

    async def group_add(self, group: str, channel: str) -> None:
        self.require_valid_group_name(group)
        self.require_valid_channel_name(channel)
        mailbox = self._mailbox(channel)
        mailbox.groups.add(group)
        self._groups.setdefault(group, {})[channel] = mailbox

    async def group_discard(self, group: str, channel: str) -> None:
        self.require_valid_group_name(group)
        self.require_valid_channel_name(channel)
        members = self._groups.get(group)
        mailbox = members.pop(channel, None) if members else None
        if not members:
            self._groups.pop(group, None)
        if mailbox is not None:
            mailbox.groups.discard(group)
            self._forget_if_idle(channel, mailbox)

    async def group_send(self, group: str, message: Message) -> None:
        """Give `message` to every channel of the group; a full one overflows, see `receive`."""
        members = self._groups.get(group)
        if not members:
            self.require_valid_group_name(group)
            return
        capacity = self.capacity
        for channel, mailbox in members.items():
            if len(mailbox.messages) < capacity:
                mailbox.messages.append(message)
            elif not mailbox.overflowed:
                logger.warning("channel %s overflowed with %d messages", channel, capacity)
                mailbox.messages.clear()
                mailbox.overflowed = True
            if mailbox.sleeper.waiting:
                self._wake(mailbox)

    async def listened(self, groups: Collection[str]) -> list[str]:
        """Those of the groups that have members."""
        return [group for group in groups if group in self._groups]

    def has_members(self, group: str) -> bool:
        return group in self._groups

    def members(self, prefix: str) -> int:
        """How many channels the groups have whose names begin so."""
        return sum(len(members) for group, members in self._groups.items() if group.startswith(prefix))

    # -- flush

    async def flush(self) -> None:
        """Forget everything."""
        self._mailboxes.clear()
        self._groups.clear()
