"""The crowd of `make bench` counts what it hears exactly, wherever the network has torn it."""

import socket

from exchange_site.servers.frames import text_frame
from tests.bench.crowd import BOOK, Frames

TOLD = [BOOK.decode() + '"}', '{"type":"ticker"}', BOOK.decode() + "x" * 900 + '"}', '{"of":"' + BOOK.decode() + '"}']


def test_books_are_counted_wherever_they_are_torn() -> None:
    told = b"".join(text_frame(text) for text in TOLD)
    for torn in range(1, len(told)):
        here, there = socket.socketpair()
        with here, there:
            frames = Frames(here, told[: min(torn, 3)])
            found = 0
            for piece in (told[min(torn, 3) : torn], told[torn:]):
                if piece:
                    there.sendall(piece)
                    found += frames.read(BOOK)
            assert found == 2


def test_a_ping_is_answered() -> None:
    here, there = socket.socketpair()
    with here, there:
        there.settimeout(10)
        there.sendall(b"\x89\x04ping")
        assert Frames(here).read(BOOK) == 0
        assert there.recv(100) == b"\x8a\x84\0\0\0\0ping"


def test_many_frames_of_one_read_are_counted() -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"".join(text_frame(text) for text in TOLD * 10))
        assert Frames(here).read(BOOK) == 20
