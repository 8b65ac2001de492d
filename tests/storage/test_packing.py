"""What is kept packed is read as it was, also what earlier releases have stored without packing."""

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import Books, Founded, order
from tests.storage.histories import History
from trading.core.commands import Command
from trading.models import JournalBatch, PushBatch
from trading.reads import missed_pushes
from trading.storage import mapping, packing

RELEASED = {
    "commands-1": "d708187eb84a88feee54ddadc73d648608e93f794d2e4ed9befad29055a74453",
    "commands-2": "9c36402aec8c807cf2ac3d99f2f109c38fe7e1a939a51e17fb999ea638b3034f",
    "pushes-1": "f3cfc3d432585bb4de5518b935772a73d3b450a9f86219b9a083c72d245b9655",
    "pushes-2": "ef0b2e8f210df01bd4d8936a615894a880589665d65e807fceb049f5f4f55db0",
}
"""SHA-256 of the dictionaries. Stored rows need them as they are: a better one gets a new name."""


def test_dictionaries_are_never_changed() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in packing.FOLDER.iterdir()}
    assert found == RELEASED


FRAMES = (
    '{"type":"order_status","order_id":"O17950000000010000002","timestamp":1795000000001,"seq":1}\n'
    '{"type":"account_update","balance":1.0,"timestamp":1795000000001,"seq":2}'
)


def packed_before(name: str, text: bytes) -> bytes:
    """As the release packed that knew the first dictionaries only."""
    dictionary = zstandard.ZstdCompressionDict((packing.FOLDER / f"{name}-1").read_bytes())
    return zstandard.ZstdCompressor(level=1, dict_data=dictionary, write_checksum=True).compress(text)


def test_what_was_packed_with_the_first_dictionaries_is_read() -> None:
    commands: list[Command] = [order(1, "BUY OPEN 1 @ 120")] * 3
    plain = msgspec.msgpack.encode(commands)
    assert packing.unpack_frames(packed_before("pushes", FRAMES.encode())) == FRAMES
    assert packing.unpack_commands(packed_before("commands", plain)) == plain


def test_the_time_of_a_batch_is_kept_once() -> None:
    assert packing.unpack_frames(packing.pack_frames(FRAMES)) == FRAMES
    time, frames = packing.marked(FRAMES.encode())[: packing.TIME_BYTES], packing.marked(FRAMES.encode())[6:]
    assert int.from_bytes(time, "big") == 1_795_000_000_001
    assert (frames.count(b"1795000000001"), frames.count(packing.MARK)) == (0, 3)


PIECES = ('"timestamp":', "1795000000001", "0000000000000", "179500000000", "\x01", "\n", "\u0661" * 13, "x")


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text(), st.binary())
def test_anything_is_read_as_it_was(frames: str, commands: bytes) -> None:
    assert packing.unpack_frames(packing.pack_frames(frames)) == frames
    assert packing.unpack_commands(packing.pack_commands(commands)) == commands


@pytest.mark.parametrize("length", [0, 1, 15, 16, 65_535, 65_536])
def test_the_journal_of_earlier_releases_was_not_packed(length: int) -> None:
    commands: list[Command] = [order(1, "BUY OPEN 1 @ 120")] * length
    plain = msgspec.msgpack.encode(commands)
    assert packing.unpack_commands(plain) == plain
    assert mapping.commands_of(plain) == mapping.commands_of(packing.pack_commands(plain)) == commands


def test_what_is_damaged_is_an_error_of_its_own() -> None:
    packed = packing.pack_frames("x" * 1_000)
    for damaged in (b"", b"no zstd", packed[:-1], packing.pack_commands(b"\x90" * 100)):
        with pytest.raises(ValueError):
            packing.unpack_frames(damaged)


def test_a_bit_that_has_turned_is_found() -> None:
    frames = "".join(map(str, range(300)))
    packed, found = packing.pack_frames(frames), 0
    for at in range(len(packed)):
        for bit in range(8):
            try:
                told = packing.unpack_frames(packed[:at] + bytes([packed[at] ^ 1 << bit]) + packed[at + 1 :])
            except ValueError:
                found += 1
            else:
                assert told == frames, "a bit that says nothing"
    assert found > 8 * len(packed) * 0.9


def test_every_thread_has_objects_of_its_own() -> None:
    def compressors() -> set[Any]:
        found: Any = (packing.PUSHES._pack, packing.PUSHES._pack_long)
        return {id(each.__self__) for each in found}

    with ThreadPoolExecutor(1) as other:
        theirs = other.submit(compressors).result()
    assert len(theirs | compressors()) == 4 and compressors() == compressors()


@pytest.mark.parametrize("frames", [1, 20, 200])
def test_long_texts_are_packed_quickly_and_are_no_larger(frames: int) -> None:
    text = "\n".join(
        f'{{"type":"order_status","order_id":"O{17950000000010000000 + 7 * number}","instrument_id":"IX2301",'
        f'"status":"{("Submitted", "Filled")[number % 2]}","timestamp":1795000000001,"seq":{number}}}'
        for number in range(frames)
    )
    packed, marked = packing.pack_frames(text), packing.marked(text.encode())
    assert packing.unpack_frames(packed) == text
    slowly = packing.PUSHES._pack(marked)[len(packing.MAGIC) :]
    assert (len(marked) >= packing.LONG) == (packed != slowly) == (frames > 1)
    assert len(packed) <= 1.1 * len(slowly)


@pytest.mark.django_db
class TestKept:
    def test_the_journal_is_read_as_it_was_written(self, market: Founded) -> None:
        history = History(Books(), seed=3)
        for _ in range(30):
            history.play(1)
            stored = bytes(JournalBatch.objects.latest("number").commands)
            assert stored.startswith(packing.MAGIC)
            assert mapping.commands_of(stored) == history.commands

    def test_packed_pushes_go_on_where_those_of_an_earlier_release_end(self, market: Founded) -> None:
        books = Books()
        told = []
        for number in range(6):
            batch = books.batch(order(1, f"BUY OPEN {number + 1} @ 119"))
            books.store.commit(batch)
            books.number = batch.number
            (kept,) = batch.pushes.kept
            told += kept.frames.split("\n")
            if number < 3:
                row = PushBatch.objects.filter(account_id=1, last_seq=kept.last_seq)
                row.update(packed=None, frames=kept.frames)
        last = missed_pushes.last_push(account_id=1)
        page = missed_pushes.page(account_id=1, after=last - len(told), upto=last)
        assert page is not None
        assert (page.frames, page.last_seq) == (told, last)

    def test_damaged_pushes_are_told_as_a_snapshot(self, market: Founded, caplog: pytest.LogCaptureFixture) -> None:
        books = Books()
        books.commit(order(1, "BUY OPEN 1 @ 119"))
        last = missed_pushes.last_push(account_id=1)
        row = PushBatch.objects.get(account_id=1, last_seq=last)
        PushBatch.objects.filter(account_id=1, last_seq=last).update(packed=bytes(row.packed or b"")[:-3])
        with caplog.at_level(logging.ERROR):
            assert missed_pushes.page(account_id=1, after=last - 1, upto=last) is None
        assert "are damaged" in caplog.text
