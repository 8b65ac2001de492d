"""A crowd that hears order books, in a process of its own that is as light as Python allows and says how idle it was.

The process (`python -m tests.bench.crowd`) reads what to do as a line of JSON, opens its connections and says "ready".
For each further line, a number of seconds, it has books published and writes what came of it as a line. `ON_THE_WAY`
books are under way at a time: another one is published when all but so many have been heard everywhere, and the one
before it is acknowledged, for an exchange may tell two changes that it takes in together as one book.
"""

import os
import select
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
HEADERS_END = b"\r\n\r\n"
BOOK, ANSWER = b'{"type":"orderbook"', b'{"type":"order_response"'
TEXT, PING, PONG = 0x81, 0x89, 0x8A
PIECE = 65_536
ON_THE_WAY = 2
PATIENCE = 20.0
"""Seconds in which nothing comes, until a book is lost."""


class Job(msgspec.Struct, frozen=True):
    """`greeting`: said by each subscriber, and answered with the present book, if there is one. `publisher`: what makes
    a connection of its own the one that publishes, which sends `orders` first, and is answered; where there is nothing,
    the first subscriber publishes, and nobody answers."""

    port: int
    path: str
    subscribers: int
    greeting: str
    publisher: str
    orders: list[str]
    books: list[str]


class Heard(msgspec.Struct, frozen=True):
    """Of one run. `busy`: the share of a processor that the process took."""

    frames: int
    seconds: float
    busy: float


@contextmanager
def crowd(job: Job) -> Iterator[Callable[[float], Heard]]:
    """A process that does the job, when it is ready: called with a number of seconds, it hears for so long."""
    command = [sys.executable, "-m", "tests.bench.crowd"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        told, answers = process.stdin, process.stdout

        def tell(line: bytes) -> bytes:
            told.write(line + b"\n")
            told.flush()
            answer = answers.readline()
            assert answer, "the crowd has ended"
            return answer

        tell(msgspec.json.encode(job))
        try:
            yield lambda seconds: msgspec.json.decode(tell(b"%f" % seconds), type=Heard)
        finally:
            process.kill()


# --- the process


class Frames:
    """Cuts what a socket gives into frames: all share one buffer, and what is torn waits for its other part."""

    _buffer = bytearray(PIECE)
    _view = memoryview(_buffer)

    def __init__(self, connection: socket.socket, torn: bytes = b"") -> None:
        self.socket = connection
        self._torn = torn

    @classmethod
    def of(cls, port: int, path: str) -> "Frames":
        """Those of a WebSocket, when it is open."""
        connection = socket.create_connection((HOST, port))
        key = b64encode(os.urandom(16)).decode()
        request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        connection.sendall(f"{request}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        answer = b""
        while HEADERS_END not in answer:
            answer += connection.recv(PIECE)
        head, _, rest = answer.partition(HEADERS_END)
        assert b" 101 " in head, head
        return cls(connection, rest)

    def send(self, text: str) -> None:
        self._send(TEXT, text.encode())

    def _send(self, kind: int, data: bytes) -> None:
        """Masked with a key of zeros, which is legal."""
        size = bytes((0x80 | len(data),)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        self.socket.sendall(bytes((kind,)) + size + b"\0\0\0\0" + data)

    def read(self, kind: bytes) -> int:
        """How many frames that begin so have come to their end with what waits there. Pings are answered: the stock
        servers hang up without that."""
        buffer, torn = self._buffer, self._torn
        if torn:
            buffer[: len(torn)] = torn
            end = len(torn) + self.socket.recv_into(self._view[len(torn) :])
        else:
            end = self.socket.recv_into(buffer)
        assert end > len(torn), "the server hung up"
        at = found = 0
        while end - at >= 2:
            size, head = buffer[at + 1], 2
            if size == 126:
                if end - at < 4:
                    break
                size, head = buffer[at + 2] << 8 | buffer[at + 3], 4
            assert size < PIECE // 2, "a frame is too large to be counted"
            if end - at < head + size:
                break
            if buffer[at] == PING:
                self._send(PONG, bytes(self._view[at + head : at + head + size]))
            found += buffer.startswith(kind, at + head)
            at += head + size
        self._torn = bytes(self._view[at:end]) if at < end else b""
        return found

    def wait(self, kind: bytes) -> None:
        """Until such a frame has come."""
        while not self.read(kind):
            pass


class Crowd:
    """Its connections, and how many books they have heard so far."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._heard = self._sent = self._answered = 0
        self._publisher = Frames.of(job.port, job.path) if job.publisher else None
        if self._publisher is not None:
            self._publisher.send(job.publisher)
            for order in job.orders:
                self._publisher.send(order)
                self._publisher.wait(ANSWER)
        subscribers = [Frames.of(job.port, job.path) for _ in range(job.subscribers)]
        for subscriber in subscribers if job.greeting else ():
            subscriber.send(job.greeting)
            subscriber.wait(BOOK)
        self._speaker = self._publisher or subscribers[0]
        self._by_number = {subscriber.socket.fileno(): subscriber for subscriber in subscribers}
        self._poll = select.epoll()
        for number in {*self._by_number, self._speaker.socket.fileno()}:
            self._poll.register(number, select.EPOLLIN)

    def run(self, seconds: float) -> Heard:
        """Have books published for so long, and hear them all."""
        spent, began, heard = time.process_time(), time.perf_counter(), self._heard
        while time.perf_counter() - began < seconds:
            self._publish()
            self._hear()
        while self._heard < self._sent * self._job.subscribers:
            self._hear()
        now = time.perf_counter()
        return Heard(self._heard - heard, now - began, (time.process_time() - spent) / (now - began))

    def _publish(self) -> None:
        most = self._heard // self._job.subscribers + ON_THE_WAY
        while self._sent < most and (self._publisher is None or self._answered == self._sent):
            self._speaker.send(self._job.books[self._sent % len(self._job.books)])
            self._sent += 1

    def _hear(self) -> None:
        """What is there, once there is something."""
        ready = self._poll.poll(PATIENCE)
        assert ready, f"{self._sent * self._job.subscribers - self._heard} books are lost"
        by_number, heard = self._by_number, 0
        for number, _ in ready:
            if number in by_number:
                heard += by_number[number].read(BOOK)
            else:
                self._answered += self._speaker.read(ANSWER)
        self._heard += heard


def main() -> None:
    crowd = Crowd(msgspec.json.decode(sys.stdin.readline(), type=Job))
    print("ready", flush=True)
    for line in sys.stdin:
        print(msgspec.json.encode(crowd.run(float(line))).decode(), flush=True)


if __name__ == "__main__":
    main()
