"""What made the data beside it: a market that has lived for three trading days, as the first release wrote it.

Runs only with that release (commit c4d62b0), in a checkout of it and with the packages that it names:

    cd CHECKOUT && DATA_DIR=$(mktemp -d) python THIS_FILE .../tests/earlier_release/first_release

It is kept to show where the data is from; a later release gets data of its own, made in its own words. Traders speak
the protocol through the release's own consumer, operators ask through its own door, an exchange with its worker, store
and recorder does the work; only the clock is ours. Numbers drawn at random come from one seed. Tokens and salts are
new each time.
"""

# mypy: ignore-errors
# ruff: noqa: E402

import asyncio
import itertools
import json
import lzma
import os
import random
import shutil
import sys
from datetime import UTC, date, datetime, time
from pathlib import Path
from time import sleep
from typing import Any

sys.path.insert(0, str(Path.cwd()))
os.environ |= {"DJANGO_SETTINGS_MODULE": "exchange_site.settings", "OPERATOR_POLL_SECONDS": "0.01"}
os.environ |= {"RATE_LIMITS": "off", "DEMO": "on"}

import django

django.setup()

from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connections

from bots.management.commands.run_bots import open_accounts
from exchange_site import demo_accounts, wiring
from tests.socket.client import Client, order_message
from trading import operators, settlement
from trading.core import commands
from trading.core.money import RATE, UNIT
from trading.core.types import AccountRules, Contract, Fee, Phase, SelfTrade, Terms
from trading.management.commands.open_account import make_user
from trading.models import AccessToken, Holiday, Market, OperatorCommand, TradingSession, User
from trading.protocol.ids import order_number

SEED = 20240304
DAYS = (20240304, 20240305, 20240307)
"""The last begins on the evening before, as a night session does: bars must know of settlements, not of dates alone."""
MORNING = int(datetime(2024, 3, 4, 1, tzinfo=UTC).timestamp() * 1000)
NEXT_MORNING = 86_400_000
FAR = int(datetime(2090, 1, 1, tzinfo=UTC).timestamp() * 1000)
SOON = MORNING + 10 * NEXT_MORNING
TRADERS = ("user001", "user002", "user003", "user004", "user005", "user006", "user007", "user008")
ALICE, BOB, CAROL, DAVE, ERIN, FAY, GUS, HAL = TRADERS
PASSWORD = "a secret of the tests"
X, F, C, OLD = "IX2301", "IF2301", "IC2301", "OX2302"


class Clock:
    """Unix milliseconds that pass when the story says so."""

    def __init__(self) -> None:
        self.now = MORNING

    def __call__(self) -> int:
        return self.now

    def reach(self, moment: int) -> None:
        self.now = max(self.now, moment)


CLOCK = Clock()
DICE = random.Random(SEED)
NUMBERS = itertools.count(1)


class Trader:
    """Somebody at the socket."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Say something and hear its answer; pushes in between are passed over."""
        CLOCK.now += DICE.randint(50, 2_000)
        number = next(NUMBERS)
        await self.client.say(**message, request_id=number)
        while (frame := await self.client.hear()).get("request_id") != number:
            pass
        return frame

    async def order(self, words: str, instrument: str = X, *, refused: int = 0, **more: Any) -> str:
        """The id of an order that is accepted, or refused with a code."""
        answer = await self.ask(**order_message(words, instrument, **more))
        if refused:
            assert answer.get("error_code", answer.get("code")) == refused, answer
            return ""
        assert answer["success"], (words, answer)
        return answer["order_id"]


class Life:
    """The exchange and everybody at it."""

    def __init__(self, exchange: Any, tokens: dict[str, str]) -> None:
        self.exchange = exchange
        self.tokens = tokens
        self.traders: dict[str, Trader] = {}

    async def join(self, user_id: str) -> Trader:
        client = await Client(self.exchange.venue, f"/ws?user_id={user_id}").connect()
        return Trader(await client.sign_in(user_id, self.tokens[user_id]))

    async def operator(self, command: Any, *, refused: int = 0, key: str | None = None) -> OperatorCommand:
        CLOCK.now += 1_000
        boss = await sync_to_async(User.objects.get)(username="operator")
        row = await asyncio.to_thread(operators.carry_out, command, market="MAIN", asked_by=boss, key=key)
        assert (row.status, row.code) == (("REFUSED", refused) if refused else ("DONE", None)), (command, row.result)
        return row

    async def settle(self, day: int, next_day: int, prices: dict[str, int]) -> None:
        command = await asyncio.to_thread(settlement.settle, "MAIN", day, next_day, prices)
        row = await asyncio.to_thread(settlement.carry_out, command, market="MAIN")
        assert row.status == "DONE", row.result

    # -- the story

    async def founding(self) -> None:
        """The demo, a bot, an account for a stranger, an instrument that expires on the first day."""
        await asyncio.to_thread(call_command, "seed_demo")
        await asyncio.to_thread(make_user, "bot-maker-1")
        await asyncio.to_thread(open_accounts, ["bot-maker-1"])
        await asyncio.to_thread(demo_accounts.make, "127.0.0.1")
        fee = Fee(2 * UNIT, RATE // 10_000)
        contract = Contract(
            instrument_id=OLD,
            product_id="OX",
            tick=UNIT,
            multiplier=10,
            reference_price=50 * UNIT,
            limit_rate=RATE // 5,
        )
        terms = Terms(
            name="Expires first", margin_long=RATE // 5, margin_short=RATE // 4, fee_open=fee, last_day=DAYS[0]
        )
        await self.operator(commands.ListInstrument(contract, terms))
        await self.operator(commands.ListInstrument(contract, terms), refused=409)
        await self.operator(commands.Withdraw(HAL, 3 * UNIT))
        await self.operator(commands.Withdraw(HAL, 10**15), refused=1001)
        await self.operator(commands.SetFeeGroup("friends", RATE // 2))
        rules = AccountRules(stp=SelfTrade.CANCEL_BOTH, fee_group="friends", max_position=400, max_orders=30)
        await self.operator(commands.SetAccountRules(CAROL, rules))
        for user_id in TRADERS:
            self.traders[user_id] = await self.join(user_id)

    async def first_day(self) -> None:
        await self.plain_orders()
        await self.odd_orders()
        await self.switches()
        await self.crowd(120)
        await self.auction()
        await self.halt_and_terms()
        await self.traders[ALICE].order("BUY OPEN 3 @ 50", OLD)
        await self.traders[BOB].order("SELL OPEN 3 @ 50", OLD)
        await self.traders[CAROL].order("BUY OPEN 2 @ 49", OLD, time_condition="GTC")
        await self.operator(commands.ChangePhase(Phase.CLOSED))

    async def plain_orders(self) -> None:
        alice, bob, carol = (self.traders[name] for name in (ALICE, BOB, CAROL))
        await alice.order("SELL OPEN 10 @ 120.5", client_order_id="mine-1")
        await alice.order("SELL OPEN 10 @ 120.5", client_order_id="mine-1")
        await bob.order("BUY OPEN 4 @ 121")
        await bob.order("BUY OPEN 2 @ MARKET")
        await carol.order("BUY OPEN 3 @ 120")
        await alice.order("SELL CLOSE 1 @ 120", refused=1005)
        await bob.order("SELL CLOSETODAY 2 @ 120")
        await carol.order("BUY OPEN 1 @ 119.3", refused=1007)
        await carol.order("BUY OPEN 2 @ 120.5", time_condition="IOC")
        await carol.order("BUY OPEN 50 @ 120.5", time_condition="FOK")
        amended = await carol.order("BUY OPEN 6 @ 118", client_order_id="amended", time_condition="GTC")
        assert (await carol.ask(type="amend_order", order_id=amended, price=118.5, volume=5))["success"]
        other = await carol.order("BUY OPEN 6 @ 117")
        assert (await carol.ask(type="amend_order", order_id=other, volume=2))["success"]
        assert (await carol.ask(type="cancel_order", order_id=other))["success"]
        orders = [order_message(f"BUY OPEN 1 @ {price}") for price in (116, 116.5, 10)]
        for order in orders:
            del order["type"]
        answer = await bob.ask(type="submit_orders", orders=orders)
        placed = [each["order_id"] for each in answer["results"] if each["success"]]
        assert len(placed) == 2
        await bob.ask(type="cancel_orders", order_ids=[*placed, "O1"])

    async def odd_orders(self) -> None:
        alice, bob, carol, dave, erin = (self.traders[name] for name in (ALICE, BOB, CAROL, DAVE, ERIN))
        await alice.order("SELL OPEN 20 @ 121", display_volume=5, time_condition="GTC")
        await bob.order("BUY OPEN 7 @ 121")
        await bob.order("SELL CLOSE 3 @ MARKET", stop_price=110, time_condition="GTC")
        await bob.order("BUY OPEN 1 @ 122", stop_price=121.5, trigger="ASK", time_condition="GTC")
        await dave.order("BUY OPEN 8 @ 121")
        await dave.order("SELL CLOSE 4 @ MARKET", trail=2, time_condition="GTC", refused=0)
        await bob.order("SELL CLOSE 2 @ 126", oco_group="pair", time_condition="GTC")
        await bob.order("SELL CLOSE 2 @ MARKET", oco_group="pair", stop_price=112, time_condition="GTC")
        await dave.order("SELL CLOSE 1 @ 127", oco_group="both", time_condition="GTC")
        await dave.order("SELL CLOSE 1 @ 121", oco_group="both", stop_price=121, stop_kind="TAKE_PROFIT")
        await erin.order("BUY OPEN 1 @ 114", time_condition="GTD", expires_at=FAR)
        await erin.order("BUY OPEN 1 @ 113.5", time_condition="GTD", expires_at=SOON)
        await erin.order("BUY OPEN 1 @ 113", time_condition="GTD", expires_at=CLOCK.now + 60_000)
        await erin.order("BUY OPEN 1 @ 125", post_only=True, refused=1015)
        await erin.order("BUY OPEN 1 @ 117", post_only=True, valid_until=CLOCK.now + 60_000)
        await erin.order("BUY OPEN 1 @ 117", valid_until=CLOCK.now, refused=1014)
        await bob.order("SELL CLOSE 1 @ 123", reduce_only=True)
        for stp in ("CANCEL_TAKER", "CANCEL_MAKER", "CANCEL_BOTH"):
            await erin.order("SELL OPEN 2 @ 115", F, stp=stp, refused=1008)
            await erin.order("SELL OPEN 2 @ 4010", F)
            await erin.order("BUY OPEN 2 @ 4010", F, stp=stp)
        await carol.order("SELL OPEN 2 @ 4020", F)
        await carol.order("BUY OPEN 2 @ 4020", F)

    async def switches(self) -> None:
        gus, hal = self.traders[GUS], self.traders[HAL]
        await gus.order("BUY OPEN 1 @ 115")
        await gus.order("SELL OPEN 1 @ 125")
        await gus.ask(type="cancel_all", direction="BUY")
        await gus.ask(type="cancel_after", timeout_ms=5_000)
        CLOCK.now += 6_000
        await gus.ask(type="cancel_after", timeout_ms=5_000)
        await gus.ask(type="cancel_after", timeout_ms=0)
        await hal.order("BUY OPEN 1 @ 112")
        await hal.ask(type="set_session", cancel_on_disconnect=True)
        await hal.client.leave()
        self.traders[HAL] = hal = await self.join(HAL)
        await hal.order("BUY OPEN 1 @ 112.5")
        live = (await hal.ask(type="query_orders", status="LIVE"))["data"]["orders"]
        for row in live:
            await self.operator(commands.CancelAnyOrder(order_number(row["order_id"])))
        await self.operator(commands.CancelAnyOrder(1), refused=1002)

    async def crowd(self, count: int) -> None:
        """Orders at random near the price, of those who have funds."""
        for _ in range(count):
            trader = self.traders[DICE.choice(TRADERS[:5])]
            instrument, middle, step = DICE.choice([(X, 120, 0.5), (X, 120, 0.5), (F, 4000, 0.2)])
            price = middle + step * DICE.randint(-4, 4)
            words = f"{DICE.choice(['BUY', 'SELL'])} OPEN {DICE.randint(1, 4)} @ {price:g}"
            more = {"time_condition": DICE.choice(["GFD", "GFD", "GTC", "IOC"])}
            if DICE.random() < 0.3:
                more["client_order_id"] = f"crowd-{next(NUMBERS)}"
            await trader.ask(**order_message(words, instrument, **more))

    async def auction(self) -> None:
        alice, bob, carol = (self.traders[name] for name in (ALICE, BOB, CAROL))
        await self.operator(commands.SetPhase(C, Phase.AUCTION))
        await alice.order("SELL OPEN 4 @ 5990", C)
        await bob.order("BUY OPEN 3 @ 6010", C)
        await carol.order("BUY OPEN 2 @ 6000", C, time_condition="GTC")
        await self.operator(commands.SetPhase(C, Phase.CONTINUOUS))
        await self.operator(commands.ChangePhase(Phase.AUCTION), key="schedule:MAIN:20240304T053000Z:auction")
        await self.operator(commands.ChangePhase(Phase.CONTINUOUS), key="schedule:MAIN:20240304T053500Z:continuous")

    async def halt_and_terms(self) -> None:
        await self.operator(commands.HaltInstrument(F))
        await self.traders[ALICE].order("BUY OPEN 1 @ 4000", F, refused=1009)
        await self.operator(commands.ResumeInstrument(F))
        fee = Fee(UNIT, RATE // 20_000)
        terms = Terms(
            name="CSI 300 index future", margin_long=RATE // 10, margin_short=RATE // 9, fee_open=fee, fee_close=fee,
            fee_close_today=Fee(0, RATE // 4_000), max_volume=500, max_position=1_000, max_orders=100, larger_side=True,
        )  # fmt: skip
        await self.operator(commands.ChangeTerms(F, terms))
        await self.operator(commands.FreezeAccount("user009", True))
        await self.operator(commands.FreezeAccount("user010", True))
        await self.operator(commands.FreezeAccount("user010", False))

    async def second_day(self) -> None:
        await self.operator(commands.ChangePhase(Phase.CONTINUOUS))
        await self.crowd(60)
        await self.traders[BOB].order("SELL CLOSEYESTERDAY 1 @ 117")
        await self.liquidation()
        await self.traders[ERIN].order("BUY OPEN 1 @ 112", client_order_id="day-2", time_condition="GTC")
        await self.operator(commands.ChangePhase(Phase.CLOSED))

    async def liquidation(self) -> None:
        """Fay buys more than she can hold when the price falls."""
        alice, bob, dave, fay = (self.traders[name] for name in (ALICE, BOB, DAVE, FAY))
        for trader in self.traders.values():
            await trader.ask(type="cancel_all", instrument_id=X, direction="BUY")
            await trader.ask(type="cancel_all", instrument_id=X, direction="SELL")
        await alice.order("SELL OPEN 100 @ 120")
        await fay.order("BUY OPEN 100 @ 120")
        view = (await fay.ask(type="query_account"))["data"]["account"]
        await self.operator(commands.Withdraw(FAY, int((view["available"] - 20_000) * UNIT)))
        await fay.order("BUY OPEN 1 @ 110")
        await self.traders[HAL].order(
            "SELL CLOSE 1 @ MARKET", stop_price=118
        )  # refused when it fires: nothing to close
        await bob.order("BUY OPEN 60 @ 117")
        await dave.order("BUY OPEN 60 @ 116")
        await alice.order("SELL OPEN 1 @ 117")
        await alice.order("SELL OPEN 5 @ 117", refused=0)
        for price in (118, 118.5):
            await bob.order(f"BUY OPEN 1 @ {price}")
            await alice.order(f"SELL OPEN 1 @ {price}")

    async def third_day(self) -> None:
        """Leaves a book that is alive, every kind of order in it."""
        alice, bob, carol, dave, erin, gus = (self.traders[name] for name in (ALICE, BOB, CAROL, DAVE, ERIN, GUS))
        await self.operator(commands.ChangePhase(Phase.CONTINUOUS))
        await self.operator(commands.Deposit(FAY, 50_000 * UNIT))
        await self.crowd(30)
        await alice.order("SELL OPEN 9 @ 123", client_order_id="resting-1", time_condition="GTC")
        await alice.order("SELL OPEN 7 @ 123", client_order_id="resting-2")
        await alice.order("SELL OPEN 20 @ 123.5", display_volume=4, time_condition="GTC", client_order_id="iceberg")
        await bob.order("BUY OPEN 6 @ 116", client_order_id="resting-1", time_condition="GTC")
        await bob.order("BUY OPEN 3 @ 115", time_condition="GTD", expires_at=FAR, client_order_id="until-2090")
        await bob.order("BUY OPEN 2 @ 116.5", client_order_id="expires", time_condition="GTD", expires_at=SOON)
        await bob.order("SELL OPEN 2 @ 113", stop_price=113.5, time_condition="GTC", client_order_id="stop")
        await bob.order(
            "BUY OPEN 2 @ MARKET", stop_price=124, trigger="BID", time_condition="GTC", client_order_id="bid"
        )
        await carol.order("BUY OPEN 1 @ MARKET", trail=5, time_condition="GTC", client_order_id="trailing")
        await dave.order("BUY OPEN 2 @ 114", oco_group="a", time_condition="GTC", client_order_id="oco-1")
        await dave.order(
            "BUY OPEN 2 @ 125", oco_group="a", stop_price=124.5, time_condition="GTC", client_order_id="oco-2"
        )
        await erin.order("BUY OPEN 4 @ 114.5", post_only=True, client_order_id="post-only", stp="CANCEL_TAKER")
        partly = await gus.order("SELL OPEN 8 @ 122", client_order_id="partly", time_condition="GTC")
        while (await gus.ask(type="query_order", order_id=partly))["data"]["order"]["status"] == "Submitted":
            await bob.order("BUY OPEN 1 @ 122")
        assert (await gus.ask(type="amend_order", order_id=partly, price=122.5, volume=7))["success"]
        await carol.order("BUY OPEN 2 @ 5980", C, time_condition="GTC")
        await self.operator(commands.HaltInstrument(C))


# --- what is written down


def rows() -> dict[str, int]:
    """How many rows each table of ours has."""
    ours = [model for model in apps.get_models() if model._meta.app_label in ("trading", "marketdata")]
    return {model._meta.db_table: model.objects.count() for model in sorted(ours, key=lambda each: each._meta.db_table)}


def wait_for_bars() -> None:
    """Bars are stored a little later than their trades."""
    last = apps.get_model("trading", "Trade").objects.latest("trade_id").trade_id
    while apps.get_model("marketdata", "Watermark").objects.get(market="MAIN").trade < last:
        sleep(0.01)


async def told(life: Life) -> dict[str, Any]:
    """What the release says of everything: to each trader in the words of the protocol, and of the state as a whole."""
    await sync_to_async(wait_for_bars)()
    traders = {}
    for user_id, trader in life.traders.items():
        asked = {"account": "query_account", "positions": "query_position", "statements": "query_statements"}
        said = {name: (await trader.ask(type=kind))["data"][name] for name, kind in asked.items()}
        live = await trader.ask(type="query_orders", status="LIVE", limit=200)
        traders[user_id] = {**said, "orders": live["data"]["orders"]}
    market = {
        "bars": (await trader.ask(type="query_bars", instrument_id=X, period="1d"))["data"]["bars"],
        "statistics": (await trader.ask(type="query_statistics"))["data"]["statistics"],
        "instruments": (await trader.ask(type="query_instruments"))["data"]["instruments"],
    }
    worker = life.exchange.worker
    return {
        "state_hash": worker.engine.state_hash(),
        "batch": worker.number,
        "trading_day": worker.engine.state.day.trading_day,
        "rows": await sync_to_async(rows)(),
        "traders": traders,
        "market": market,
    }


async def pushes(life: Life, user_id: str) -> list[dict[str, Any]]:
    """All that was pushed to a user on this trading day and is kept."""
    first = await sync_to_async(apps.get_model("trading", "PushBatch").objects.filter(account__user=user_id).earliest)(
        "first_seq"
    )
    client = (await life.join(user_id)).client
    await client.say(type="resume", last_seq=first.first_seq - 1)
    last = (await client.hear_until("resume_response"))["last_seq"]
    frames = await client.hear_many(last - first.first_seq + 1)
    await client.leave()
    return frames


def people() -> dict[str, str]:
    """Users, a clerk with some permissions, rows of the schedule of another market; tokens that never expire."""
    User.objects.create_superuser("operator", password=PASSWORD)
    clerk = User.objects.create_user("clerk", password=PASSWORD, is_staff=True)
    group = Group.objects.create(name="Clerks")
    names = ("view_account", "change_account", "view_operatorcommand", "settle_market")
    group.permissions.set(Permission.objects.filter(content_type__app_label="trading", codename__in=names))
    clerk.groups.add(group)
    evening = Market.objects.create(code="EVENING", time_zone="Asia/Shanghai")
    for moment, action in (
        (time(9), "auction"),
        (time(9, 30), "continuous"),
        (time(15), "closed"),
        (time(15, 15), "settle"),
    ):
        TradingSession.objects.create(market=evening, time=moment, action=action)
    Holiday.objects.create(market=evening, date=date(2024, 5, 1))
    tokens = {}
    for user_id in TRADERS:
        _, tokens[user_id] = AccessToken.objects.create(make_user(user_id), name="of then", expiry=None)
    _, tokens["read-only"] = AccessToken.objects.create(make_user(ALICE), name="reads", scope="READ", expiry=None)
    return tokens


def press(source: Path, target: Path) -> None:
    target.write_bytes(lzma.compress(source.read_bytes(), preset=9 | lzma.PRESET_EXTREME))


async def live(target: Path) -> None:
    settings.OPERATOR_POLL_SECONDS = 0.01
    wiring.Clock = lambda: CLOCK
    tokens = await asyncio.to_thread(people)
    exchange = wiring.Exchange()
    await exchange.ensure_started()
    life = Life(exchange, tokens)
    await life.founding()
    await life.first_day()
    await life.settle(DAYS[0], DAYS[1], {OLD: 52 * UNIT})
    CLOCK.now += NEXT_MORNING
    of_the_backup = await told(life)
    backup = settings.DATA_DIR / "backup.sqlite3"
    await asyncio.to_thread(call_command, "backup", str(backup))
    await life.second_day()
    await life.settle(DAYS[1], DAYS[2], {X: 120 * UNIT})
    CLOCK.now += NEXT_MORNING
    await life.third_day()
    at_the_end = await told(life)
    at_the_end["pushes"] = {user_id: await pushes(life, user_id) for user_id in (ALICE, BOB)}
    for trader in life.traders.values():
        await trader.client.leave()
    await exchange.stop()
    await asyncio.to_thread(operators.ask, commands.Deposit("user010", UNIT), market="MAIN", key="left-waiting")
    at_the_end["rows"]["trading_operatorcommand"] += 1
    about = "Of the first release. The tokens and the password are secrets of these tests only."
    known = {"about": about, "tokens": tokens, "password": PASSWORD, "backup": of_the_backup, "database": at_the_end}
    target.joinpath("known.json").write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    press(backup, target / "backup.sqlite3.xz")


def main() -> None:
    target = Path(sys.argv[1]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    connections["default"].close()
    asyncio.run(live(target))
    with connections["default"].cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(settings.DATA_DIR / "whole.sqlite3")])
    connections["default"].close()
    press(settings.DATA_DIR / "whole.sqlite3", target / "database.sqlite3.xz")
    shutil.rmtree(settings.DATA_DIR)


if __name__ == "__main__":
    main()
