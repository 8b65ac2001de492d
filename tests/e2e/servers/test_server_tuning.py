"""Writes are gathered below us: whatever the client reads and when, it gets every frame, in order, and the close."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from exchange_site.servers.bounds import DROP_SECONDS
from exchange_site.servers.uvicorn import GatheringTransport
from tests.builders import in_virtual_time
from tests.e2e.client import Client, signed_in
from tests.e2e.server import BOTH, PATIENT, Server

pytestmark = pytest.mark.slow

NAMES = [f"{number:060}" for number in range(20)]
FRAMES = 4_000
"""Ten megabytes of answers: more than the system's buffers take for a client that does not read."""


@BOTH
def test_a_late_reader_gets_every_frame_in_order(new_server: Callable[..., Server], program: str) -> None:
    server = new_server(program=program, **PATIENT)
    with signed_in(server, "user001") as client:
        for number in range(FRAMES):
            client.send("subscribe", channels=NAMES, instruments=[], request_id=number)
        time.sleep(0.5)
        for number in range(FRAMES):
            answer = client.until("subscribe_response")
            assert (answer["request_id"], answer["channels"]) == (number, NAMES)
        with signed_in(server, "user002") as other:
            assert other.order("BUY", 1, 115)["success"], "nobody else is held up"
    assert "Traceback" not in server.log()


@BOTH
def test_the_last_words_come_before_the_close(new_server: Callable[..., Server], program: str) -> None:
    server = new_server(program=program, MAX_OUTBOX="5", IDLE_SECONDS="3", PING_SECONDS="1")
    client = Client(server.ws)
    for number in range(3):
        client.send("ping", request_id=number)
    assert [client.until("pong")["request_id"] for _ in range(3)] == [0, 1, 2]
    assert client.close_code() == 4408
    client.close()
    assert "Traceback" not in server.log()


async def test_what_waits_is_written_before_the_transport_closes() -> None:
    done: list[bytes | str] = []

    class Transport:
        write = staticmethod(done.append)

        def is_closing(self) -> bool:
            return "closed" in done

        def close(self) -> None:
            done.append("closed")

        def abort(self) -> None:
            raise AssertionError("not at once")

    gathering = GatheringTransport(Transport())  # type: ignore[arg-type]
    gathering.write(b"one ")
    gathering.write(b"two")
    gathering.close()
    gathering.write(b"too late")
    await asyncio.sleep(0)
    assert done == [b"one two", "closed"]


async def test_connections_write_once_a_turn_and_one_that_cannot_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: dict[str, list[bytes | str]] = {name: [] for name in ("one", "broken", "two")}

    class Transport:
        def __init__(self, name: str) -> None:
            self.name = name

        def is_closing(self) -> bool:
            return False

        def write(self, data: bytes) -> None:
            if self.name == "broken":
                raise RuntimeError
            done[self.name].append(data)

        def abort(self) -> None:
            done[self.name].append("aborted")

    transports = [GatheringTransport(Transport(name)) for name in done]  # type: ignore[arg-type]
    for data in (b"a", b"b"):
        for transport in transports:
            transport.write(data)
    assert done == {"one": [], "broken": [], "two": []}
    await asyncio.sleep(0)
    transports[0].write(b"c")
    await asyncio.sleep(0)
    assert done == {"one": [b"ab", b"c"], "broken": ["aborted"], "two": [b"ab"]}
    assert [record.message for record in caplog.records] == ["a client could not be written to"]


@pytest.mark.parametrize("reads_on", [True, False])
def test_a_connection_is_dropped_late_unless_it_has_ended(reads_on: bool) -> None:
    """One that has ended has no loop left to be dropped in."""
    done: list[str] = []

    class Transport:
        def close(self) -> None:
            done.append("closed")

        def abort(self) -> None:
            done.append("dropped")

    async def run() -> None:
        gathering = GatheringTransport(Transport())  # type: ignore[arg-type]
        gathering.close()
        if reads_on:
            gathering.lost()
        await asyncio.sleep(2 * DROP_SECONDS)

    in_virtual_time(run())
    assert done == (["closed"] if reads_on else ["closed", "dropped"])
