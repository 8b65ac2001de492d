"""Clients in processes of their own, so that the server is what is measured; how busy they were is told, too.

A process (`python -m tests.bench.clients`) reads what to do as a line of JSON, opens its connections, says "ready",
waits for a line to begin, and writes what came of it. What the server's process has spent is taken when all are ready,
and when all have their last answer: so it is the work of these requests, however busy the machine is with others.
"""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from tests.bench.figures import quantile
from tests.bench.load import Result, echo_pourers, order_pourers, pour
from tests.bench.servers import Server

PROCESSES = 2
ROOT = Path(__file__).resolve().parents[2]


class Job(msgspec.Struct, frozen=True):
    """Of one process. No tokens: it is an echo."""

    port: int
    tokens: dict[str, str]
    numbers: list[int]
    in_flight: int
    seconds: float


class Done(msgspec.Struct, frozen=True):
    """`busy`: the share of a processor that the process took."""

    result: Result
    busy: float


class Poured(msgspec.Struct, frozen=True):
    """What came of all processes. `work`: the server's processor seconds for an answer; `idle`: the share of the time
    that the busiest client had nothing to do, or was not let."""

    rate: float
    frames: float
    work: float
    idle: float
    latencies: list[float]

    def latency(self, share: float) -> float:
        """The latency that `share` of the answers kept within."""
        return quantile(self.latencies, share)


def poured(server: Server, connections: int, in_flight: int, seconds: float) -> Poured:
    """Orders to ours, or the same frames to an echo."""
    parts = min(PROCESSES, connections)
    numbers = list(range(connections))
    shares = [numbers[len(numbers) * part // parts : len(numbers) * (part + 1) // parts] for part in range(parts)]
    jobs = [Job(server.port, server.tokens, share, in_flight, seconds) for share in shares]
    clients = [_started(job) for job in jobs]
    try:
        for client in clients:
            assert client.stdout is not None and client.stdout.readline() == b"ready\n", "a client did not get ready"
        spent = server.processor_seconds()
        for client in clients:
            _tell(client, b"go")
        done = [_outcome(client) for client in clients]
        spent = server.processor_seconds() - spent
    finally:
        for client in clients:
            client.kill()
            client.communicate()
    results = [each.result for each in done]
    refused = sum(result.refused for result in results)
    assert not refused, f"{refused} orders were refused"
    return Poured(
        rate=sum(result.rate for result in results),
        frames=sum(result.frames / result.seconds for result in results),
        work=spent / sum(result.answers for result in results),
        idle=1 - max(each.busy for each in done),
        latencies=sorted(latency for result in results for latency in result.latencies),
    )


def _started(job: Job) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.bench.clients"]
    client = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    _tell(client, msgspec.json.encode(job))
    return client


def _tell(client: subprocess.Popen[bytes], line: bytes) -> None:
    assert client.stdin is not None
    client.stdin.write(line + b"\n")
    client.stdin.flush()


def _outcome(client: subprocess.Popen[bytes]) -> Done:
    assert client.stdout is not None
    return msgspec.json.decode(client.stdout.readline(), type=Done)


async def _serve(job: Job) -> Done:
    if job.tokens:
        pourers = await order_pourers(job.port, job.tokens, job.numbers, job.in_flight)
    else:
        pourers = await echo_pourers(job.port, job.numbers, job.in_flight)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    spent, began = time.process_time(), time.perf_counter()
    result = await pour(pourers, job.seconds)
    return Done(result, (time.process_time() - spent) / (time.perf_counter() - began))


def main() -> None:
    job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    print(msgspec.json.encode(asyncio.run(_serve(job))).decode(), flush=True)


if __name__ == "__main__":
    main()
