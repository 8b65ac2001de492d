"""The way in: small pieces, in turns, whoever has cost least first; and a flood is not read."""

import asyncio

import pytest

from exchange_site.servers import intake as module
from exchange_site.servers.intake import KNOWN_PIECE, STRANGERS_PIECE, Intake, Turns


@pytest.fixture(autouse=True)
def turns_of_this_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer of the test before is of a loop that has ended."""
    for name, (piece, seconds, share) in {
        "strangers": (STRANGERS_PIECE, module.STRANGERS_SECONDS, module.STRANGERS_SHARE),
        "known": (KNOWN_PIECE, module.KNOWN_SECONDS, 1.0),
    }.items():
        monkeypatch.setattr(module, name, Turns(piece, seconds, share))


class Way:
    """A connection whose parser keeps what it gets."""

    def __init__(self, name: str = "", order: list[str] | None = None) -> None:
        self.pieces: list[bytes] = []
        self.reads, self.takes, self.fails = True, True, False
        self.flood: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.intake = Intake(self)
        self._name, self._order = name, [] if order is None else order

    def feed(self, data: bytes) -> None:
        if self.fails:
            raise ValueError("a parser's own")
        self.pieces.append(data)
        self._order.append(self._name)

    def takes_more(self) -> bool:
        return self.takes

    def stop_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def flooded(self) -> None:
        self.flood.set_result(None)

    async def all_taken(self, size: int) -> None:
        async with asyncio.timeout(60):
            while sum(map(len, self.pieces)) < size:
                await asyncio.sleep(0.001)


async def test_a_stranger_is_read_in_small_pieces_and_nothing_is_lost() -> None:
    way, data = Way(), bytes(range(256)) * 40
    way.intake.receive(data)
    assert not way.pieces, "not at once"
    assert not way.reads, "and no more is read meanwhile"
    await way.all_taken(len(data))
    assert b"".join(way.pieces) == data
    assert max(map(len, way.pieces)) == STRANGERS_PIECE
    assert way.reads


async def test_whoever_has_signed_in_is_read_at_once_and_a_lot_in_turns() -> None:
    way = Way()
    way.intake.trust(True)
    way.intake.receive(b"order")
    assert way.pieces == [b"order"]
    way.intake.receive(b"x" * 10 * KNOWN_PIECE)
    way.intake.receive(b"the last")
    assert way.pieces == [b"order"], "nothing overtakes"
    await way.all_taken(10 * KNOWN_PIECE + 13)
    assert b"".join(way.pieces).endswith(b"xthe last")


async def test_a_newcomer_comes_before_those_who_have_cost_much() -> None:
    order: list[str] = []
    flood, newcomer = Way("flood", order), Way("newcomer", order)
    flood.intake.spend(1.0)
    flood.intake.receive(b"x" * 100 * STRANGERS_PIECE)
    newcomer.intake.receive(b"hello")
    await newcomer.all_taken(5)
    assert order[0] == "newcomer"
    flood.intake.end()


async def test_an_application_that_is_behind_is_waited_for() -> None:
    way = Way()
    way.takes = False
    way.intake.receive(b"x" * 100)
    await asyncio.sleep(0.05)
    assert not way.pieces
    way.takes = True
    await way.all_taken(100)


async def test_a_stranger_that_floods_is_closed_and_a_trader_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLOOD_SECONDS", 0.01)
    stranger, trader = Way(), Way()
    trader.intake.trust(True)
    for way in (stranger, trader):
        way.takes = False
        way.intake.receive(b"x" * 100_000)
    await asyncio.wait_for(stranger.flood, 10)
    await asyncio.sleep(0.05)
    assert not trader.flood.done()
    trader.intake.end()
    stranger.flood = asyncio.get_running_loop().create_future()
    for _ in range(2):
        stranger.intake.receive(b"x" * 100_000)
        await asyncio.sleep(0.05)
    assert not stranger.flood.done(), "it is closed once, whatever still comes"


async def test_a_parser_that_fails_ends_its_own_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    broken, other = Way(), Way()
    broken.fails = True
    broken.intake.receive(b"x")
    other.intake.receive(b"y")
    await asyncio.wait_for(broken.flood, 10)
    await other.all_taken(1)
    assert "could not be read" in caplog.text


async def test_strangers_leave_most_of_the_time_to_others() -> None:
    """As counted by what their messages cost afterwards, too."""

    class Costly(Way):
        def feed(self, data: bytes) -> None:
            super().feed(data)
            module.strangers.cost += 0.001

    way, loop = Costly(), asyncio.get_running_loop()
    began = loop.time()
    way.intake.receive(b"x" * 20 * STRANGERS_PIECE)
    await way.all_taken(20 * STRANGERS_PIECE)
    assert loop.time() - began > 0.06, "20 ms of work, a fifth of the time"


async def test_work_for_a_stranger_is_done_in_turns_and_leaves_most_of_the_time_to_others() -> None:
    way, loop = Way(), asyncio.get_running_loop()
    steps, done = 0, loop.create_future()

    def step() -> bool:
        nonlocal steps
        steps += 1
        module.strangers.cost += 0.001
        if steps == 20:
            done.set_result(None)
        return steps < 20

    began = loop.time()
    way.intake.work(step)
    assert not steps, "not at once"
    await asyncio.wait_for(done, 60)
    assert loop.time() - began > 0.06, "20 ms of work, a fifth of the time"
    assert way.intake.spent() > 0.001, "it counts as the connection's cost"


async def test_a_newcomer_comes_before_the_work_for_others() -> None:
    order: list[str] = []
    busy, newcomer = Way("busy", order), Way("newcomer", order)
    busy.intake.spend(1.0)

    def step() -> bool:
        order.append("work")
        return len(order) < 5

    busy.intake.work(step)
    newcomer.intake.receive(b"hello")
    await newcomer.all_taken(5)
    assert order[0] == "newcomer"


async def test_work_for_a_connection_that_is_lost_is_not_done() -> None:
    way, other = Way(), Way()
    way.intake.work(lambda: pytest.fail("nobody is there"))
    way.intake.end()
    other.intake.receive(b"x")
    await other.all_taken(1)
