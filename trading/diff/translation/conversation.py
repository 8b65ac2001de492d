"""What both sockets of DIFF have in common: they ask our protocol, and gather what the client is told."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from trading import protocol
from trading.core.codes import AWAY, Code
from trading.diff.translation.instruments import Instruments
from trading.diff.translation.patches import Patches
from trading.diff.translation.words import InsQuery, Said

READS = ("subscribe", "unsubscribe", "resume")
"""What does no harm twice, as queries do none."""
ORDERS = ("submit_order", "cancel_order")
"""What is done once however often it is asked: an order has its client's id."""
RETRY_SECONDS = 1.0
ORDER_TRIES = 4
"""Times that an order meets an exchange that is away, each after twice the seconds of the one before: 15 in all. A
program of DIFF takes a refusal as the last word, and a next engine is there sooner. One that may have been done is
asked for until somebody knows: it has no last word before."""
MOST_NAMED = 10
"""Unknown instruments in one note."""

Then = Callable[[Any], None]
"""What becomes of an answer."""

LONG_FRAME = 4_096
"""Characters of a frame that is one client's answer, rather than a push to many."""

_frames: msgspec.json.Decoder[protocol.ServerMessage] = msgspec.json.Decoder(protocol.ServerMessage)


class Open(msgspec.Struct):
    """A question without an answer. `tries`: how often it was asked again. `doubted`: the exchange has said once that
    nobody knows whether it was done."""

    type: str
    frame: str
    then: Then
    tries: int = 0
    doubted: bool = False


class Conversation:
    """With one client. `asks`: frames of our protocol for the exchange, each with the seconds to wait before; whoever
    sends them empties it. `patches`: what the client has not been told. `first`: the market that nobody names;
    `further`: the others, whether they list anything or not."""

    name = ""
    """In the names of notes: a client has several connections, and one tree."""

    def __init__(self, first: str, *further: str) -> None:
        self.instruments = Instruments(first)
        self.markets: frozenset[str | None] = frozenset((None, *further))
        """All of them; None: the first."""
        self.asks: list[tuple[float, str]] = []
        self.patches = Patches()
        self.now = 0
        """Unix ms, of what was heard last."""
        self._open: dict[str, Open] = {}
        self._asked = self._noted = 0

    @property
    def waiting(self) -> int:
        """How much there is that the client has not been told."""
        return self.patches.nodes

    # -- with the client

    def take(self, said: Said) -> None:
        """What the client says."""
        self.note("ERROR", Code.MALFORMED, f"{Code.MALFORMED.text}: this is not for this address")

    def note(self, level: str, code: int, content: str) -> None:
        """Tell a sentence to whoever sits before the program."""
        self._noted += 1
        told = {"type": "MESSAGE", "level": level, "code": int(code), "content": content}
        self.patches.add({"notify": {f"{self.name}.{self.now}.{self._noted}": told}})

    # -- with the exchange

    def turn(self, *, heard: bool) -> None:
        """All that came together is taken in; `heard`: the client waits for news."""

    def ask(self, then: Then, type: str, **fields: Any) -> None:
        self.ask_later(0.0, then, type, **fields)

    def ask_later(self, seconds: float, then: Then, type: str, **fields: Any) -> None:
        self._asked += 1
        request_id = str(self._asked)
        frame = msgspec.json.encode({"type": type, **fields, "request_id": request_id}).decode()
        self._open[request_id] = Open(type, frame, then)
        self.asks.append((seconds, frame))

    def hear(self, frame: str, now: int) -> None:
        """A frame of the exchange, at Unix ms `now`."""
        self.now = now
        message = _pushed(frame) if len(frame) < LONG_FRAME else _frames.decode(frame)
        request_id = getattr(message, "request_id", None)
        if not isinstance(request_id, str) or request_id not in self._open:
            self.told(message)
            return
        asked = self._open[request_id]
        wait = _seconds_until_again(message, asked)
        if wait is not None:
            asked.tries += 1
            self.asks.append((wait, asked.frame))
            return
        del self._open[request_id]
        asked.then(message)

    def told(self, message: protocol.ServerMessage) -> None:
        """What nobody asked for."""
        match message:
            case protocol.InstrumentState():
                self.look_at_instruments()
            case protocol.Announcement():
                self.note("WARNING", 0, message.message)
            case protocol.Error():
                self.note("ERROR", message.code, message.message)

    def look_at_instruments(self) -> None:
        self.ask(self._learn, "query_instruments")

    def _learn(self, answer: Any) -> None:
        if isinstance(answer, protocol.QueryResponse):
            self.instruments.learn(answer.data.instruments or [], self.now)
        self.learned()

    def learned(self) -> None:
        """The instruments are known, perhaps anew."""

    def describe(self, said: InsQuery) -> None:
        """Answer a question about instruments. A program that names one that there is not waits for it: whoever sits
        before it should know why."""
        if not said.query:
            self.patches.add({"symbols": {said.query_id: None}})
            return
        result = self.instruments.answer(said.query, said.variables)
        told = {"query": said.query, "variables": said.variables or {}, "result": result}
        self.patches.add({"symbols": {said.query_id: told}})
        missing = self.instruments.missing(said.query, said.variables)
        if missing:
            self.note(
                "WARNING", Code.INSTRUMENT_UNKNOWN, f"{Code.INSTRUMENT_UNKNOWN.text}: {', '.join(missing[:MOST_NAMED])}"
            )


@lru_cache(maxsize=64)
def _pushed(frame: str) -> protocol.ServerMessage:
    """A push is the same text for all who follow: it is decoded once for those who hear it at the same time."""
    return _frames.decode(frame)


def _seconds_until_again(message: protocol.ServerMessage, asked: Open) -> float | None:
    """How long to wait before it is asked again, if it is."""
    code = message.code if isinstance(message, protocol.Error) else getattr(message, "error_code", None)
    if asked.type in ORDERS:
        asked.doubted |= code == Code.UNKNOWN_OUTCOME
        is_away = code in AWAY and (asked.doubted or asked.tries < ORDER_TRIES)
        return RETRY_SECONDS * 2 ** min(asked.tries, ORDER_TRIES - 1) if is_away else None
    if code not in (Code.TOO_FAST, Code.UNAVAILABLE) or not isinstance(message, protocol.Error):
        return None
    if asked.type in READS or asked.type.startswith("query_"):
        return message.retry_after or RETRY_SECONDS
    return None
