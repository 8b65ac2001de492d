"""How the newest dictionaries of `trading.storage.packing` were made: `python -m tests.storage.dictionaries FOLDER`.

From the frames and commands of random histories, in which every kind occurs, and of plain orders with ids of usual
shapes. A dictionary that was released is never made again, because rows need it: a better one gets the next number.
"""

import os
import random
import sys
import uuid
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")

import django

django.setup()

import msgspec  # noqa: E402
import zstandard  # noqa: E402

from tests.builders import INSTRUMENTS, Books, founding, listing, order  # noqa: E402
from tests.storage.histories import History  # noqa: E402
from trading.core.commands import Command, Deposit, OpenAccount  # noqa: E402
from trading.core.engine import Engine  # noqa: E402
from trading.core.money import UNIT  # noqa: E402
from trading.core.state import State  # noqa: E402
from trading.core.types import FIRST_RULES  # noqa: E402
from trading.delivery.channel_layer import InProcessLayer  # noqa: E402
from trading.delivery.push_encoder import PushEncoder  # noqa: E402
from trading.storage.packing import LEVEL, marked  # noqa: E402
from trading.worker.batch import Batch  # noqa: E402

SIZE, SEGMENT, PIECE = 8192, 1024, 8
"""Bytes of a dictionary, of the stretches of samples that it is made of, and of the pieces that these are valued by: of
36 mixtures one of the two that packed the frames of another seed best; with 16,384 bytes they pack no better."""
NUMBER = 2
"""Of those that are made; `packing.NEWEST` follows when they are there."""
BEGAN = 1_795_000_000_000
OTHERS = ("rb2705", "au2706", "TA705", "IC2612")


class Listening(Books):
    """Books without a database, that keep what would have been stored."""

    def __init__(self) -> None:
        self.engine = Engine(State(FIRST_RULES))
        self.number, self.now = 0, BEGAN
        self.pushes = PushEncoder(InProcessLayer())
        self.store: Any = self
        self.frames: list[bytes] = []
        self.journal: list[bytes] = []

    def commit(self, *commands: Any) -> Any:
        """A batch as the store gets it, or commands that make one."""
        if isinstance(commands[0], Batch):
            self.frames += [marked(kept.frames.encode()) for kept in commands[0].pushes.kept]
            self.journal.append(msgspec.msgpack.encode(commands[0].commands))
            return
        batch = self.batch(*commands)
        self.commit(batch)
        self.number, self.now = batch.number, self.now + 1


def plain_orders(books: Listening, dice: random.Random, batches: int) -> None:
    """Twenty rich accounts, most of whose orders rest near the middle, some of which trade."""
    users = [f"user{number:03}" for number in range(101, 121)]
    books.commit(*map(listing, OTHERS), *map(OpenAccount, users), *(Deposit(user, 10**8 * UNIT) for user in users))
    accounts = [books.engine.state.by_user[user].account_id for user in users]
    for _ in range(batches):
        commands: list[Command] = []
        for _ in range(dice.choice((1, 1, 2, 5, 20))):
            side = dice.choice(("BUY", "SELL"))
            away = dice.choice((0, 0, 0.5, 1, 2, 4.5)) * (-1 if side == "BUY" else 1)
            words = f"{side} OPEN {dice.randint(1, 20)} @ {120 + away + dice.choice((-0.5, 0, 0.5))}"
            number = dice.randrange(10**6)
            own = dice.choice((None, f"mine-{number}", str(number), str(uuid.UUID(int=dice.getrandbits(128)))))
            commands.append(order(dice.choice(accounts), words, dice.choice((*INSTRUMENTS, *OTHERS)), own))
        events = [event for command in commands for event in books.engine.apply(command, books.now)]
        books.commit(books.batch_of(commands, events))
        books.number += 1
        books.now += dice.randint(1, 10**6)


def made() -> dict[str, bytes]:
    """The dictionaries, by name."""
    frames: list[Any] = []
    journal: list[Any] = []
    for seed in range(4):
        books = Listening()
        books.commit(*founding())
        History(books, seed).play(300)
        plain_orders(books, random.Random(seed), 1_500)
        frames += books.frames
        journal += books.journal
    return {
        f"{name}-{NUMBER}": zstandard.train_dictionary(
            SIZE, samples, k=SEGMENT, d=PIECE, dict_id=NUMBER, level=LEVEL
        ).as_bytes()
        for name, samples in (("pushes", frames), ("commands", journal))
    }


if __name__ == "__main__":
    for name, content in made().items():
        (Path(sys.argv[1]) / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes")
