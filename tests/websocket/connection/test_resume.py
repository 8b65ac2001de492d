"""What was missed comes once and in order, or a snapshot in its place: old state + pushes = fresh state."""

import random
from typing import Any

import msgspec
import pytest

from tests.builders import NO_ACCOUNT, Founded
from tests.websocket.client import Client, Frame, assert_frames
from tests.websocket.conftest import Join
from trading.models import PushBatch

FINISHED = ("Filled", "Cancelled")


class Mirror:
    """What a client knows of its account: from a snapshot on, changed by pushes alone."""

    def __init__(self) -> None:
        self.seq: int | None = None
        self.money: dict[str, float] = {}
        self.orders: dict[str, list[Any]] = {}
        self.lots: dict[tuple[str, str], float] = {}
        self.snapshots = self.pushes = 0

    def take(self, frame: Frame) -> None:
        if frame["type"] == "snapshot":
            self._begin(frame)
        elif "seq" in frame:
            assert frame["seq"] == (self.seq or 0) + 1, f"after {self.seq} comes {frame}"
            self.seq = frame["seq"]
            self.pushes += 1
            getattr(self, f"_{frame['type']}")(frame)

    def _begin(self, snapshot: Frame) -> None:
        self.seq = snapshot["seq"]
        self.snapshots += 1
        self._account_update(snapshot["account"])
        self.orders = {
            order["order_id"]: [
                order[name] for name in ("instrument_id", "direction", "price", "volume", "status", "filled_volume")
            ]
            for order in snapshot["orders"]
        }
        self.lots = {
            (position["instrument_id"], side): position[f"volume_{side}"]
            for position in snapshot["positions"]
            for side in ("long", "short")
            if position[f"volume_{side}"]
        }

    def _account_update(self, frame: Frame) -> None:
        self.money = {name: frame[name] for name in ("balance", "available", "frozen", "margin", "profit")}

    def _order_status(self, frame: Frame) -> None:
        if "instrument_id" in frame:
            self.orders[frame["order_id"]] = [frame["instrument_id"], frame["direction"], frame.get("price"), 0, "", 0]
        known = self.orders[frame["order_id"]]
        known[2] = frame.get("price", known[2])
        known[3] = frame["filled_volume"] + frame["remaining_volume"]
        known[4:] = [frame["status"], frame["filled_volume"]]
        if frame["status"] in FINISHED:
            del self.orders[frame["order_id"]]

    def _trade(self, frame: Frame) -> None:
        opens = frame["offset"] == "OPEN"
        side = "long" if (frame["direction"] == "BUY") == opens else "short"
        key = frame["instrument_id"], side
        self.lots[key] = self.lots.get(key, 0.0) + (frame["volume"] if opens else -frame["volume"])
        if not self.lots[key]:
            del self.lots[key]

    def same_as(self, other: "Mirror") -> None:
        for name in ("seq", "money", "orders", "lots"):
            assert getattr(self, name) == getattr(other, name), name


async def resume(client: Client, last_seq: int | None = None) -> int:
    """Ask for what was missed; the number of the last push, by the answer."""
    await client.say(type="resume", **({} if last_seq is None else {"last_seq": last_seq}))
    return int((await client.hear_until("resume_response"))["last_seq"])


async def until(client: Client, mirror: Mirror, seq: int) -> None:
    while (mirror.seq or 0) < seq:
        mirror.take(await client.hear())


async def fresh(join: Join, services: Any, token: str) -> Mirror:
    client = await (await join(services, "/ws?user_id=user001")).sign_in("user001", token)
    mirror = Mirror()
    await until(client, mirror, await resume(client))
    await client.leave()
    return mirror


async def test_missed_pushes_come_as_they_were_sent(exchange: Any, market: Founded, join: Join, alice: Client) -> None:
    first = await (await join(exchange.services, "/ws?user_id=user001")).sign_in("user001", market.tokens["user001"])
    for price in (110, 111, 112):
        await alice.place(f"BUY OPEN 1 @ {price}")
    sent = await first.hear_many(6)
    await first.leave()
    seqs = [frame["seq"] for frame in sent]
    assert seqs == list(range(seqs[0], seqs[0] + 6))
    for place in range(6):
        again = await (await join(exchange.services)).sign_in("user001", market.tokens["user001"])
        assert await resume(again, seqs[place]) == seqs[-1]
        assert await again.rest() == sent[place + 1 :]
        await alice.place("BUY OPEN 1 @ 113")
        live = await again.hear_many(2)
        assert [frame["seq"] for frame in live] == [seqs[-1] + 1, seqs[-1] + 2]
        sent += live
        seqs += [frame["seq"] for frame in live]
        await again.leave()


async def test_whoever_has_nothing_missed_hears_the_answer_only(alice: Client) -> None:
    await alice.place("BUY OPEN 1 @ 110")
    seq = (await alice.hear_until("account_update"))["seq"]
    assert await resume(alice, seq) == seq
    await alice.hears_nothing()


@pytest.mark.parametrize("last_seq", [None, 1_000_000])
async def test_without_a_number_or_with_one_that_never_was_comes_a_snapshot(
    alice: Client, last_seq: int | None
) -> None:
    await alice.place("BUY OPEN 1 @ 110", client_order_id="mine")
    seq = (await alice.hear_until("account_update"))["seq"]
    assert await resume(alice, last_seq) == seq
    snapshot = await alice.hear()
    assert snapshot["type"] == "snapshot" and snapshot["seq"] == seq
    assert [order["client_order_id"] for order in snapshot["orders"]] == ["mine"]
    assert snapshot["account"] == (await alice.ask(type="query_account"))["data"]["account"]
    assert snapshot["positions"] == []
    await alice.hears_nothing()


async def test_in_place_of_what_is_not_kept_comes_a_snapshot(alice: Client, market: Founded) -> None:
    for price in (110, 111):
        await alice.place(f"BUY OPEN 1 @ {price}")
    seq = [frame["seq"] for frame in await alice.rest()][-1]
    await PushBatch.objects.filter(account__user_id="user001", last_seq=seq - 2).adelete()
    assert await resume(alice, seq - 2) == seq
    assert [frame["seq"] for frame in await alice.rest()] == [seq - 1, seq]
    await resume(alice, seq - 4)
    assert_frames(await alice.rest(), {"type": "snapshot", "seq": seq})


async def test_what_happens_meanwhile_comes_afterwards_and_once(
    alice: Client, exchange: Any, market: Founded, join: Join
) -> None:
    """Every page is one commit, and at each an order is placed."""
    services = msgspec.structs.replace(exchange.services, resume_page=1)
    for _ in range(5):
        await alice.place("BUY OPEN 1 @ 110")
    seq = [frame["seq"] for frame in await alice.rest()][-1]
    other = await (await join(services, "/ws?user_id=user001")).sign_in("user001", market.tokens["user001"])
    await other.say(type="resume", last_seq=seq - 10)
    placed = 0
    heard: list[int] = []
    while len(heard) < 20:
        if placed < 5:
            await alice.place("BUY OPEN 1 @ 111")
            placed += 1
        frame = await other.hear()
        heard += [frame["seq"]] if "seq" in frame else []
    assert heard == list(range(seq - 9, seq + 11))
    await other.hears_nothing()


async def test_resume_needs_a_user_with_an_account(visitor: Client, exchange: Any, market: Founded, join: Join) -> None:
    newcomer = await (await join(exchange.services)).sign_in(NO_ACCOUNT, market.tokens[NO_ACCOUNT])
    for client, code in ((visitor, 401), (newcomer, 1003)):
        refused = await client.ask(type="resume", last_seq=0, request_id=2)
        assert_frames([refused], {"type": "error", "code": code, "request_id": 2})


@pytest.mark.parametrize("seed", range(4))
async def test_old_state_and_pushes_make_fresh_state(exchange: Any, market: Founded, join: Join, seed: int) -> None:
    """A client that records is cut off at random, while its user and others trade."""
    dice = random.Random(seed)
    token = market.tokens["user001"]
    traders = [
        await (await join(exchange.services)).sign_in(user, market.tokens[user]) for user in ("user001", "user002")
    ]
    mirror, recorder, resumed = Mirror(), None, 0
    for _ in range(120):
        trader = dice.choice(traders)
        side, price = dice.choice((("BUY", -1), ("SELL", 1))), 0.0
        price = 120 + side[1] * dice.randint(-3, 4) * 0.5
        answer = await trader.place(
            f"{side[0]} {dice.choice(('OPEN', 'OPEN', 'CLOSE'))} {dice.randint(1, 4)} @ {price}"
        )
        if answer["success"] and dice.random() < 0.3:
            await trader.say(type="amend_order", order_id=answer["order_id"], price=price + 0.5, volume=5)
        if answer["success"] and dice.random() < 0.3:
            await trader.say(type="cancel_order", order_id=answer["order_id"])
        if recorder is None and dice.random() < 0.3:
            recorder = await (await join(exchange.services, "/ws?user_id=user001")).sign_in("user001", token)
            await until(recorder, mirror, await resume(recorder, mirror.seq))
            resumed += 1
        elif recorder is not None and dice.random() < 0.5:
            for frame in await recorder.rest():
                mirror.take(frame)
        elif recorder is not None and dice.random() < 0.3:
            await recorder.leave()
            recorder = None
    for trader in traders:
        await trader.rest()
    recorder = await (await join(exchange.services, "/ws?user_id=user001")).sign_in("user001", token)
    await until(recorder, mirror, await resume(recorder, mirror.seq))
    assert resumed > 5 and mirror.pushes > 50 and mirror.snapshots == 1
    mirror.same_as(await fresh(join, exchange.services, token))
    assert mirror.orders or mirror.lots
