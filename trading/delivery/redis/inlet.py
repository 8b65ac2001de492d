"""What a gateway hears of a market: groups of its own connections, fed from Redis.

Of each group that a connection here is in, the gateway hears once, whoever many are in it; what it passes on has no
holes. All that comes, answers to commands too, comes on one channel in the order in which the engine has sent it, so
that no push overtakes its answer.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

from trading.delivery.channel_groups import portfolio_group, user_group
from trading.delivery.channel_layer import InProcessLayer
from trading.delivery.redis.lines import (
    LastNumber,
    Line,
    MarketLine,
    Missed,
    NoneYet,
    PassingLine,
    PrivateLine,
    ReadPresent,
)
from trading.delivery.redis.wires import GATEWAYS, HangUp, shared_group
from trading.transport.sleeper import Sleeper

logger = logging.getLogger(__name__)
Message = dict[str, Any]

CONFIRM_SECONDS = 0.1
"""Until a question whether we hear a group is asked again."""
JOIN_SECONDS = 3.0
"""After which a group that cannot be heard is an error."""
SILENT_SECONDS = 2.0
"""Engines beat several times a second."""


class Inlet:
    """`room` has the connections, each group under its `shared_group` name. `inbound` and `outbound` lead to Redis: one
    hears, the other tells. `channel` is where this gateway hears. `told_as`: the market that private pushes name; None:
    the first, which they do not. `take_answers` and `take_note` get what is for the gateway itself. `run`, `tidy`
    and `watch` are to be kept going. When nothing has come for `silent_seconds` this gateway speaks to itself, and
    where it is not heard within `deaf_seconds` the connection is ended."""

    def __init__(
        self,
        room: InProcessLayer,
        *,
        inbound: Any,
        outbound: Any,
        market: str,
        channel: str,
        take_answers: Callable[[bytes], None],
        take_note: Callable[[Message], None],
        last_number: LastNumber,
        missed: Missed,
        read_present: ReadPresent,
        told_as: str | None = None,
        silent_seconds: float = SILENT_SECONDS,
        deaf_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._silent_seconds = silent_seconds
        self._deaf_seconds = deaf_seconds
        self._hang_up: HangUp | None = None
        self.taken_in = 0
        """Messages that have come."""
        self._room = room
        self._told_as = told_as
        self._inbound = inbound
        self._outbound = outbound
        self._market = market
        self._channel = channel
        self._take_answers = take_answers
        self._take_note = take_note
        self._last_number = last_number
        self._missed = missed
        self._read_present = read_present
        self._lines: dict[str, Line] = {}
        self._questions: dict[str, asyncio.Future[None]] = {}
        self._to_leave: set[str] = set()
        self._left = Sleeper()
        self._doubt = False
        self._generation = ""
        self.hears = asyncio.Event()
        """Whether the channel of this gateway is open."""

    # -- connections

    async def group_add(self, group: str, channel: str) -> None:
        """Whoever is in a group hears all that is told from now on. Raises where Redis cannot be reached."""
        async with asyncio.timeout(JOIN_SECONDS):
            while not await self._enter(group, channel):
                await asyncio.sleep(CONFIRM_SECONDS)

    async def _enter(self, group: str, channel: str) -> bool:
        """False where it must be tried again."""
        line = self._line(group)
        async with line.lock:
            if self._lines.get(group) is not line:
                return False  # it was left while we waited
            try:
                if not line.joined:
                    await self._join(group)
                    line.joined = True
                told = await line.begin()
                await self._room.group_add(shared_group(self._market, group), channel)
                for message in told:
                    await self._room.send(channel, message)
            except NoneYet:
                return False
            finally:
                self._leave_if_empty(group)
        return True

    def _line(self, group: str) -> Line:
        line = self._lines.get(group)
        if line is None:
            private = user_group("")
            if group.startswith(private):
                line = PrivateLine(group.removeprefix(private), self._last_number, self._missed, self._told_as)
            elif group.startswith(portfolio_group("")):
                line = PassingLine(group)
            else:
                line = MarketLine(group, self._read_present)
            self._lines[group] = line
        return line

    async def group_discard(self, group: str, channel: str) -> None:
        """Redis hears of it later: whoever leaves does not wait."""
        await self._room.group_discard(shared_group(self._market, group), channel)
        self._leave_if_empty(group)

    def _has_members(self, group: str) -> bool:
        return self._room.has_members(shared_group(self._market, group))

    def _leave_if_empty(self, group: str) -> None:
        if group in self._lines and not self._has_members(group):
            self._to_leave.add(group)
            self._left.wake()

    async def tidy(self) -> None:
        """Stop hearing groups in which nobody is any more, until cancelled."""
        while True:
            if not self._to_leave:
                await self._left.sleep()
            for group in list(self._to_leave):
                self._to_leave.discard(group)
                line = self._lines.get(group)
                if line is not None:
                    await self._leave(group, line)

    async def _leave(self, group: str, line: Line) -> None:
        async with line.lock:
            if self._has_members(group) or self._lines.get(group) is not line:
                return
            try:
                await self._inbound.group_discard(shared_group(self._market, group), self._channel)
            except (RedisError, OSError):
                logger.info("group %s could not be left", group)
            del self._lines[group]

    # -- Redis

    async def _join(self, group: str) -> None:
        """Hear a group for sure: Redis does not say when it has understood, so we ask it to tell the group a word."""
        shared = shared_group(self._market, group)
        await self.hears.wait()
        await self._inbound.group_add(shared, self._channel)
        await self._heard(lambda word: self._outbound.group_send(shared, {"type": "word", "word": word}))

    async def _heard(self, send: Callable[[str], Any]) -> None:
        word, question = uuid.uuid4().hex, asyncio.get_running_loop().create_future()
        self._questions[word] = question
        try:
            while not question.done():
                try:
                    await send(word)
                except (RedisError, OSError) as error:
                    logger.info("Redis cannot be reached: %s", error)
                await asyncio.wait([question], timeout=CONFIRM_SECONDS)
        finally:
            del self._questions[word]

    def connected(self, hang_up: HangUp) -> None:
        """The connection to Redis is another one, which `hang_up` ends: messages may have been lost. When we hear again
        for sure, look."""
        self._hang_up = hang_up
        self._checking = asyncio.ensure_future(self._check())

    async def _check(self) -> None:
        await self._hear_ourselves()
        self._doubt = True

    async def _hear_ourselves(self) -> None:
        await self._heard(lambda word: self._outbound.send(self._channel, {"type": "word", "word": word}))

    async def open(self) -> None:
        """Hear this gateway's own channel, and the group of all gateways."""
        while not self.hears.is_set():
            await self._hear_ourselves()
            try:
                await self._inbound.group_add(shared_group(self._market, GATEWAYS), self._channel)
                self.hears.set()
            except (RedisError, OSError) as error:
                logger.warning("Redis cannot be reached: %s", error)
                await asyncio.sleep(CONFIRM_SECONDS)

    async def run(self) -> None:
        """Take in what comes, until cancelled."""
        while True:
            try:
                message = await self._inbound.receive(self._channel)
            except (RedisError, OSError) as error:  # only at the first time; and it would not subscribe at the next
                logger.warning("Redis cannot be reached: %s", error)
                await self._inbound.flush()
                await asyncio.sleep(CONFIRM_SECONDS)
                continue
            try:
                await self._take(message)
            except Exception:
                logger.exception("a message for this gateway could not be taken in; it looks what is missing")
                self._doubt = True
            if self._doubt:
                await self._look()

    async def watch(self) -> None:
        """End a connection that only seems to be there, until cancelled: nothing comes, not even what we say. Another
        one is then made, and heard on all groups."""
        while True:
            before = self.taken_in
            await asyncio.sleep(self._silent_seconds)
            if before == self.taken_in and self.hears.is_set() and not await self._is_heard_soon():
                logger.warning("nothing is heard of market %s over Redis; it is heard anew", self._market)
                if self._hang_up is not None:
                    await self._hang_up()

    async def _is_heard_soon(self) -> bool:
        try:
            async with asyncio.timeout(self._deaf_seconds):
                await self._hear_ourselves()
        except TimeoutError:
            return False
        return True

    async def _take(self, message: Message) -> None:
        self.taken_in += 1
        kind = message["type"]
        if kind == "answers":
            self._take_answers(message["answers"])
        elif kind == "word":
            question = self._questions.get(message["word"])
            if question is not None and not question.done():
                question.set_result(None)
        elif kind == "frames":
            group = message["group"]
            line = self._lines.get(group)
            if line is not None:
                for told in await line.take(message):
                    await self._room.group_send(shared_group(self._market, group), told)
        else:
            if kind == "beat" and message["closed"] is None and message["generation"] != self._generation:
                self._generation = message["generation"]
                self._doubt = True
            self._take_note(message)

    async def _look(self) -> None:
        """Pass on what is missing in any group."""
        self._doubt = False
        for group, line in list(self._lines.items()):
            try:
                for told in await line.catch_up():
                    await self._room.group_send(shared_group(self._market, group), told)
            except NoneYet:
                self._doubt = True
                return
            except Exception:
                logger.exception("what group %s has missed could not be found; it is tried again", group)
                self._doubt = True
                return

    async def close(self) -> None:
        """Let go of Redis."""
        for layer in (self._inbound, self._outbound):
            await layer.flush()
