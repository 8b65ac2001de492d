"""The way of an order over a real socket: how many, what each costs the server, and how long one alone takes.

Each is held against something public on the same server in the same minute: a stock Channels echo of the same frames,
and for the time of one alone also the limit, which is that echo and one bare commit of the same bytes on the same disk.
"""

import asyncio
import os
import time
from pathlib import Path

from tests.bench.clients import Poured, poured
from tests.bench.figures import Figure, Pairs, at_least, at_most, median, quantile
from tests.bench.load import ANSWER, orders
from tests.bench.servers import ECHO, OURS, Server, served
from tests.bench.wire import Wire

SERVERS = ("daphne", "uvicorn")
SECONDS, ROUNDS = 4.0, 5
COMMITS = 300
"""Bare ones a round."""
SIZED = 30
"""Orders of which the commits are looked at: together less than SQLite keeps in its log until it begins it anew."""


def load_figures(by: str) -> list[Figure]:
    """Durable orders, half of them trading, against echoes; 10 connections, 20 in flight."""
    runs: list[tuple[Poured, Poured]] = []
    with served(OURS, by) as ours, served(ECHO, by) as echo:
        for _ in range(ROUNDS):
            theirs = poured(echo, 10, 20, SECONDS)
            runs.append((poured(ours, 10, 20, SECONDS), theirs))
    rates = Pairs([(mine.rate, theirs.rate) for mine, theirs in runs])
    works = Pairs([(mine.work, theirs.work) for mine, theirs in runs])
    frames = median([mine.frames for mine, _ in runs])
    idle = min(min(mine.idle, theirs.idle) for mine, theirs in runs)
    return [
        at_least(
            f"orders acknowledged over /ws under {by}, durable, 10 connections x 20 in flight, half trading",
            f"{rates.ours:,.0f}/s ({frames:,.0f} frames/s; clients idle {idle:.0%} or more)",
            f"{rates.theirs:,.0f}/s stock JSON echo",
            rates,
            2,
        ),
        at_most(
            f"processor time of the server for such an order, {by}",
            f"{works.ours * 1e6:.0f} µs",
            f"{works.theirs * 1e6:.0f} µs a frame of the stock JSON echo",
            works,
            0.45,
        ),
    ]


def round_trip_figures(by: str) -> list[Figure]:
    """One order, one in flight, against an echo and a bare commit."""
    runs: list[tuple[Poured, Poured, list[float]]] = []
    with served(OURS, by) as ours, served(ECHO, by) as echo:
        size = asyncio.run(_bytes_of_commit(ours))
        for _ in range(ROUNDS):
            theirs = poured(echo, 1, 1, SECONDS / 2)
            commits = _bare_commits(ours.data, size)
            runs.append((poured(ours, 1, 1, SECONDS / 2), theirs, commits))
    figures = []
    for share, goal in ((0.5, 1.35), (0.99, 1.6)):
        parts = [(mine.latency(share), theirs.latency(share), quantile(bare, share)) for mine, theirs, bare in runs]
        echoed, committed = (median([part[place] for part in parts]) * 1e3 for place in (1, 2))
        pairs = Pairs([(mine, theirs + bare) for mine, theirs, bare in parts])
        figures.append(
            at_most(
                f"round trip of one durable order under {by}, one in flight, p{share * 100:g}",
                f"{pairs.ours * 1e3:.2f} ms",
                f"{pairs.theirs * 1e3:.2f} ms: stock echo {echoed:.2f}, bare commit of {size:,} bytes {committed:.2f}",
                pairs,
                goal,
            )
        )
    return figures


async def _bytes_of_commit(server: Server) -> int:
    """What a lone order's commit appends to the database's log."""
    answered = asyncio.Event()
    wire = await Wire.connect(server.port, "/ws", lambda text: answered.set() if text.startswith(ANSWER) else None)
    user, token = next(iter(server.tokens.items()))
    wire.send(b'{"type":"auth","user_id":"%s","token":"%s"}' % (user.encode(), token.encode()))
    sizes = []
    for _ in range(SIZED):
        before = server.log_bytes()
        answered.clear()
        wire.send(orders("IX2301", 119.0, 0)[0])
        await asyncio.wait_for(answered.wait(), 10)
        sizes.append(server.log_bytes() - before)
    wire.close()
    grown = [size for size in sizes if size > 0]
    assert len(grown) > SIZED // 2, "the log did not grow with the orders"
    return int(median([float(size) for size in grown]))


def _bare_commits(folder: Path, size: int) -> list[float]:
    """Seconds to write so many bytes over others of a file and have the disk keep them, sorted."""
    data, times = os.urandom(size), []
    path = folder / "bare"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.pwrite(file, data, 0)
        os.fsync(file)
        for _ in range(COMMITS):
            began = time.perf_counter()
            os.pwrite(file, data, 0)
            os.fdatasync(file)
            times.append(time.perf_counter() - began)
    finally:
        os.close(file)
        path.unlink()
    return sorted(times)


def measure() -> list[Figure]:
    return [figure for kind in (load_figures, round_trip_figures) for by in SERVERS for figure in kind(by)]
