"""Many connections: books to a crowd, clients that do not read, and idle ones, against stock Channels consumers."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Callable
from urllib.request import urlopen

import msgspec

from tests.bench.crowd import ON_THE_WAY, Heard, Job, crowd
from tests.bench.figures import Figure, Pairs, at_least, at_most
from tests.bench.load import Result, orders, pour_orders
from tests.bench.servers import FAN_OUT, OURS, SILENT, Server, served
from tests.bench.wire import Wire

SECONDS = 4.0
ROUNDS = 5
SUBSCRIBERS = 1_000
IDLE_SECONDS = 15.0
PATIENCE = 60.0


# --- fan-out


BOOK = {
    "type": "orderbook",
    "instrument_id": "IX2301",
    "bids": [{"price": 119.5 - step / 2, "volume": 100.0, "order_count": 5} for step in range(10)],
    "asks": [{"price": 120.5 + step / 2, "volume": 100.0, "order_count": 5} for step in range(10)],
    "timestamp": 1_700_000_000_000,
}


def _to_stock(server: Server) -> Job:
    return Job(server.port, "/", SUBSCRIBERS, greeting="", publisher="", orders=[], books=[_json(BOOK)])


def _to_ours(server: Server) -> Job:
    """A trader whose every order changes the book, which has ten levels on each side."""
    order = {"type": "submit_order", "instrument_id": "IX2301", "offset": "OPEN", "volume": 1, "order_type": "LIMIT"}
    user, token = next(iter(server.tokens.items()))
    bids = [_json({**order, "direction": "BUY", "price": 119.5 - step / 2}) for step in range(10)]
    asks = [_json({**order, "direction": "SELL", "price": 120.5 + step / 2}) for step in range(10)]
    return Job(
        server.port,
        "/ws",
        SUBSCRIBERS,
        greeting=_json({"type": "subscribe", "channels": ["orderbook"], "instruments": ["IX2301"]}),
        publisher=_json({"type": "auth", "user_id": user, "token": token}),
        orders=[*bids, *asks],
        books=bids,
    )


def _json(message: dict[str, object]) -> str:
    return json.dumps(message, separators=(",", ":"))


class Delivered(msgspec.Struct, frozen=True):
    """Frames a second, the server's processor seconds for each, and the share of the time that the crowd's process was
    idle, or was not let."""

    rate: float
    work: float
    idle: float


def _deliver(server: Server, hear: Callable[[float], Heard]) -> Delivered:
    spent = server.processor_seconds()
    heard = hear(SECONDS / 2)
    spent = server.processor_seconds() - spent
    return Delivered(heard.frames / heard.seconds, spent / heard.frames, 1 - heard.busy)


def fan_out_figures(by: str, goal: float) -> list[Figure]:
    settings = {"PING_SECONDS": "600", "IDLE_SECONDS": "600", "BOOK_INTERVAL_MS": "0"}
    with (
        served(OURS, by, **settings) as ours,
        served(FAN_OUT, by, FAN_OUT="on") as stock,
        crowd(_to_ours(ours)) as to_ours,
        crowd(_to_stock(stock)) as to_stock,
    ):
        _, *runs = [(_deliver(ours, to_ours), _deliver(stock, to_stock)) for _ in range(ROUNDS + 1)]
    rates = Pairs([(mine.rate, theirs.rate) for mine, theirs in runs])
    works = Pairs([(1 / mine.work, 1 / theirs.work) for mine, theirs in runs])
    idle = min(mine.idle for mine, _ in runs)
    return [
        at_least(
            f"order books delivered to {SUBSCRIBERS:,} subscribers of one instrument under {by}, one process, "
            f"{ON_THE_WAY} on their way",
            f"{rates.ours:,.0f} frames/s (client idle {idle:.0%} or more)",
            f"{rates.theirs:,.0f} stock consumer on InMemoryChannelLayer",
            rates,
            goal,
        ),
        at_least(
            f"such frames for a second of the server's processor, {by}",
            f"{works.ours:,.0f} ({1e6 / works.ours:.1f} µs each)",
            f"{works.theirs:,.0f} of that consumer ({1e6 / works.theirs:.0f} µs)",
            works,
            goal,
        ),
    ]


# --- clients that do not read


async def _deaf(port: int, greeting: bytes) -> Wire:
    """A client that asks for books and reads none. Small segments make the system's buffer small on the other side,
    too: 100 KiB instead of 3 MiB, which would take minutes to fill."""
    client, loop = socket.socket(), asyncio.get_running_loop()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    client.setblocking(False)
    await loop.sock_connect(client, ("127.0.0.1", port))
    _, wire = await loop.create_connection(lambda: Wire("/ws", lambda _: None), sock=client)
    await wire.open
    wire.send(greeting)
    wire.transport.pause_reading()
    return wire


def _paused(server: Server) -> float:
    """How many readers were too slow so far."""
    with urlopen(f"http://127.0.0.1:{server.port}/metrics") as answer:
        found = re.search(r"^bourse_readers_paused_total (\S+)$", answer.read().decode(), re.MULTILINE)
    assert found is not None
    return float(found[1])


async def _fill(server: Server) -> tuple[list[Wire], float]:
    """Subscribers that do not read, when the exchange has noticed, and the KiB that each of them takes."""
    subscribe = json.dumps({"type": "subscribe", "channels": ["orderbook"], "instruments": ["IX2301"]}).encode()
    trader = await Wire.connect(server.port, "/ws", lambda _: None)
    trader.send(json.dumps({"type": "auth", "user_id": "user001", "token": server.tokens["user001"]}).encode())
    requests = [
        orders("IX2301", 120 + (step + 1) / 2 * (-1) ** side, side + 1)[0] for step in range(10) for side in (0, 1)
    ]
    await asyncio.sleep(1)
    before = server.resident_kib()
    wires = [await _deaf(server.port, subscribe) for _ in range(SUBSCRIBERS)]
    until = time.perf_counter() + PATIENCE
    while await asyncio.to_thread(_paused, server) < SUBSCRIBERS:
        assert time.perf_counter() < until, "not everybody is too slow"
        for request in requests:
            trader.send(request)
            await asyncio.sleep(0.01)
    each = (server.resident_kib() - before) / SUBSCRIBERS
    trader.close()
    return wires, each


def deaf_figures() -> list[Figure]:
    """One order, one in flight, beside subscribers that do not read."""
    settings = {"PING_SECONDS": "600", "IDLE_SECONDS": "600", "BOOK_INTERVAL_MS": "5"}
    with served(OURS, **settings) as crowded, served(OURS, **settings) as empty:
        pairs, each = asyncio.run(_beside_deaf(crowded, empty))
    latencies = Pairs([(ours.latency(0.99), theirs.latency(0.99)) for ours, theirs in pairs])
    return [
        at_most(
            f"round trip of one durable order, p99, beside {SUBSCRIBERS:,} subscribers that do not read",
            f"{latencies.ours * 1e3:.2f} ms",
            f"{latencies.theirs * 1e3:.2f} ms without them",
            latencies,
            1.5,
        ),
        at_most(
            "memory of a subscriber that does not read beyond the server's own",
            f"{each:.0f} KiB",
            "600 KiB",
            each / 600,
            1,
        ),
    ]


async def _beside_deaf(crowded: Server, empty: Server) -> tuple[list[tuple[Result, Result]], float]:
    wires, each = await _fill(crowded)
    pairs = []
    for _ in range(ROUNDS):
        ours = await pour_orders(crowded.port, crowded.tokens, 1, 1, SECONDS / 2)
        pairs.append((ours, await pour_orders(empty.port, empty.tokens, 1, 1, SECONDS / 2)))
    for wire in wires:
        wire.transport.abort()
    return pairs, each


# --- idle connections


async def _idle(server: Server, path: str, ping: bytes | None) -> tuple[float, float]:
    """(share of a core, KiB a connection) of idle connections; `ping` is sent every five seconds."""
    warm = await Wire.connect(server.port, path, lambda _: None)
    await asyncio.sleep(1)
    before = server.resident_kib()
    wires = [await Wire.connect(server.port, path, lambda _: None) for _ in range(SUBSCRIBERS)]
    await asyncio.sleep(2)
    each = (server.resident_kib() - before) / SUBSCRIBERS
    start, spent = time.perf_counter(), server.processor_seconds()
    while time.perf_counter() - start < IDLE_SECONDS:
        for part in range(50):  # spread over the five seconds, as independent clients would be
            if ping is not None:
                for wire in wires[part::50]:
                    wire.send(ping)
            await asyncio.sleep(0.1)
    share = (server.processor_seconds() - spent) / (time.perf_counter() - start)
    for wire in [warm, *wires]:
        wire.close()
    return share, each


def idle_figures() -> list[Figure]:
    with served(OURS) as server:
        share, each = asyncio.run(_idle(server, "/ws", b'{"type":"ping"}'))
    with served(SILENT) as server:
        _, bare = asyncio.run(_idle(server, "/", None))
    return [
        at_most(
            f"{SUBSCRIBERS:,} idle connections with heartbeats",
            f"{share:.1%} of a core",
            "one core",
            share,
            0.1,
        ),
        at_most(
            "memory of an idle connection beyond the server's own",
            f"{each:.0f} KiB",
            f"{bare:.0f} KiB of a consumer that only listens; the difference against 50 KiB",
            (each - bare) / 50,
            1,
        ),
    ]


def measure() -> list[Figure]:
    return [
        *fan_out_figures("daphne", 10),
        *fan_out_figures("uvicorn", 30),
        *deaf_figures(),
        *idle_figures(),
    ]
