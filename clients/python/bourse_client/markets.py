"""Subscriptions to market data: who reads what, the books that are kept, and what has to be asked for again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from bourse_client.book import Book, BookGap
from bourse_client.errors import Refused, TooFast, Unavailable
from bourse_client.messages import Bar, BookChange, Frame, Interruption, Ticker
from bourse_client.streams import Stream

CHANNELS = {"orderbook_delta": "orderbook_delta", "ticker": "ticker", "kline": "kline"}
"""The channel of each type of frame."""
VALUES: dict[str, type[BookChange | Ticker | Bar]] = {"orderbook_delta": BookChange, "ticker": Ticker, "kline": Bar}

Ask = Callable[[str, dict[str, Any]], Awaitable[Frame]]


class Topic(NamedTuple):
    channel: str
    instrument_id: str
    period: str | None = None


@dataclass
class Followed:
    """`readers` hear the values, `watchers` the book after each of its changes."""

    readers: list[Stream[Any]] = field(default_factory=list)
    watchers: list[Stream[Book]] = field(default_factory=list)
    book: Book | None = None

    @property
    def streams(self) -> list[Stream[Any]]:
        return [*self.readers, *self.watchers]


class Markets:
    """`ask` asks until there is an answer, `ask_once` on one connection only; `beside` does work beside."""

    def __init__(self, ask: Ask, ask_once: Ask, beside: Callable[[Callable[[], Awaitable[None]]], None]) -> None:
        self._ask = ask
        self._ask_once = ask_once
        self._beside = beside
        self._followed: dict[Topic, Followed] = {}
        self._told_of_losses: dict[Stream[Any], Interruption] = {}

    async def subscribe(self, ask: Ask) -> None:
        """Ask a new connection for everything that is followed, for books last: what comes before the whole book is in
        it. What the exchange does not know any more ends."""
        for topics in grouped(sorted(self._followed, key=lambda topic: topic.channel == "orderbook_delta")):
            try:
                await ask("subscribe", together(topics))
            except (TooFast, Unavailable):
                raise
            except Refused:
                for topic in topics:
                    await self._subscribe_or_end(ask, topic)

    async def _subscribe_or_end(self, ask: Ask, topic: Topic) -> None:
        try:
            await ask("subscribe", together([topic]))
        except (TooFast, Unavailable):
            raise
        except Refused as refused:
            for stream in self._followed.pop(topic, Followed()).streams:
                stream.end(refused)

    def stream(self, topic: Topic) -> Stream[Any]:
        """The values of a topic."""
        made: Stream[Any] = Stream(self._leaver(topic), lambda: self._follow(topic, lambda it: it.readers, made))
        return made

    def books(self, instrument_id: str) -> Stream[Book]:
        """The kept book, each time when it has changed."""
        topic = Topic("orderbook_delta", instrument_id)
        made: Stream[Book] = Stream(self._leaver(topic), lambda: self._follow(topic, lambda it: it.watchers, made))
        return made

    def trades_and_changes(self, instrument_id: str) -> Stream[Any]:
        """Two topics in one stream, in the order in which they come."""
        topics = [Topic("ticker", instrument_id), Topic("orderbook_delta", instrument_id)]

        async def leave(stream: Stream[Any]) -> None:
            self._told_of_losses.pop(stream, None)
            for topic in topics:
                await self._leaver(topic)(stream)

        async def begin() -> None:
            for topic in topics:
                await self._follow(topic, lambda it: it.readers, made)

        made: Stream[Any] = Stream(leave, begin)
        self._told_of_losses[made] = Interruption(instrument_id)
        return made

    def hear(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind not in CHANNELS:
            return
        followed = self._followed.get(topic := Topic(CHANNELS[kind], frame["instrument_id"], frame.get("period")))
        if followed is None:
            return
        value = msgspec.convert(frame, VALUES[kind])
        for stream in followed.readers:
            stream.put(value)
        if followed.book is not None and isinstance(value, BookChange):
            self._change(topic, followed, followed.book, value)

    def forget(self) -> None:
        """The connection is gone: no book is known until it comes again."""
        for followed in self._followed.values():
            if followed.book is not None:
                followed.book.forget()
        for stream, interruption in self._told_of_losses.items():
            stream.put(interruption)

    def end(self, why: Exception | None) -> None:
        for followed in self._followed.values():
            for stream in followed.streams:
                stream.end(why)

    def _change(self, topic: Topic, followed: Followed, book: Book, change: BookChange) -> None:
        try:
            if not book.apply(change):
                return
        except BookGap:
            book.forget()
            self._beside(lambda: self._ask_again(topic))
            return
        for watcher in followed.watchers:
            watcher.put(book)

    async def _ask_again(self, topic: Topic) -> None:
        """For the whole book."""
        await self._ask_once("subscribe", together([topic]))

    async def _quit(self, topic: Topic) -> None:
        """Unsubscribe; and subscribe again if somebody has begun to follow it meanwhile."""
        if topic not in self._followed:
            await self._ask_once("unsubscribe", together([topic]))
            if topic in self._followed:
                await self._ask_once("subscribe", together([topic]))

    async def _follow(self, topic: Topic, place: Callable[[Followed], list[Any]], stream: Stream[Any]) -> None:
        """The stream hears from the first frame on, which comes at once with the state of the moment."""
        followed = self._followed.setdefault(topic, Followed())
        if followed.book is None and topic.channel == "orderbook_delta":
            followed.book = Book(topic.instrument_id)
        place(followed).append(stream)
        try:
            await self._ask("subscribe", together([topic]))
        except BaseException:
            self._remove(topic, stream)
            raise

    def _leaver(self, topic: Topic) -> Callable[[Stream[Any]], Awaitable[None]]:
        async def leave(stream: Stream[Any]) -> None:
            if self._remove(topic, stream):
                self._beside(lambda: self._quit(topic))

        return leave

    def _remove(self, topic: Topic, stream: Stream[Any]) -> bool:
        """Whether this was the last one of its topic."""
        followed = self._followed.get(topic)
        if followed is None or stream not in followed.streams:
            return False
        for streams in (followed.readers, followed.watchers):
            if stream in streams:
                streams.remove(stream)
        if followed.streams:
            return False
        del self._followed[topic]
        return True


def grouped(topics: Iterable[Topic]) -> list[list[Topic]]:
    """Those that one subscription can name."""
    found: dict[tuple[str, str | None], list[Topic]] = {}
    for topic in topics:
        found.setdefault((topic.channel, topic.period), []).append(topic)
    return list(found.values())


def together(topics: list[Topic]) -> Frame:
    """The fields of a subscription to a group."""
    channel, _, period = topics[0]
    fields: Frame = {"channels": [channel], "instruments": [topic.instrument_id for topic in topics]}
    return fields if period is None else fields | {"period": period}
