"""Orders and the connection: the dead man's switch, cancel on disconnect with its grace period, and logout."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from exchange_site.wiring.exchange import Exchange
from tests.builders import NO_ACCOUNT, Founded
from tests.websocket.client import Client, Frame, assert_frames
from tests.websocket.conftest import Clock, Join
from tests.websocket.engineless import Engineless, accepted
from trading.core.codes import Code
from trading.core.commands import CancelAfter
from trading.core.events import CountdownSet, Refused
from trading.core.types import CancelReason
from trading.delivery import channel_groups
from trading.models import Account
from trading.transport.gateway import BUSY, UNKNOWN_OUTCOME
from trading.websocket.cancel_on_disconnect import RETRY_SECONDS, DisconnectTimers

ORDER = {
    "instrument_id": "IX2301",
    "direction": "BUY",
    "offset": "OPEN",
    "volume": 1,
    "price": 110,
    "order_type": "LIMIT",
}
Open = Callable[..., Awaitable[Exchange]]
Enter = Callable[..., Awaitable[Client]]


@pytest.fixture
async def opened(clock: Clock, open_exchange: Open) -> Exchange:
    return await open_exchange(clock, OPERATOR_POLL_SECONDS=0.02)


@pytest.fixture
def enter(opened: Exchange, join: Join, market: Founded) -> Enter:
    """Connects and signs a user in."""

    async def enter(user_id: str = "user001", exchange: Exchange = opened) -> Client:
        client = await join(exchange.services)
        return await client.sign_in(user_id, market.tokens[user_id])

    return enter


async def place(client: Client) -> str:
    order_id = str((await client.place("BUY OPEN 1 @ 110"))["order_id"])
    await client.rest()
    return order_id


async def watch_over(client: Client, grace_ms: int = 0) -> None:
    """Have the orders cancelled when this connection ends."""
    answer = await client.ask(type="set_session", cancel_on_disconnect=True, grace_ms=grace_ms)
    assert answer["success"], answer


async def hear_cancel(client: Client, order_id: str) -> str:
    """Wait for a cancel; its reason."""
    return str((await client.hear_until("order_status", order_id=order_id, status="Cancelled"))["reason"])


async def in_step(client: Client) -> None:
    """Wait until the engine has done what it was asked before."""
    await client.say(type="cancel_order", order_id="O17251234567890000001")
    await client.hear_until("order_response", error_code=1002)
    await client.rest()


async def count_down(client: Client, timeout_ms: int) -> Frame:
    await client.say(type="cancel_after", timeout_ms=timeout_ms)
    answer = await client.hear_until("cancel_after_response")
    await client.rest()
    return answer


async def lives(client: Client, order_id: str) -> bool:
    """Whether an order lives, after whatever is due was done."""
    await asyncio.sleep(0.05)
    await in_step(client)
    answer = await client.ask(type="query_order", order_id=order_id)
    return str(answer["data"]["order"]["status"]) == "Submitted"


# --- the dead man's switch


async def test_a_countdown_cancels_all_orders_when_it_has_run_out(clock: Clock, enter: Enter) -> None:
    alice, bob = await enter(), await enter("user002")
    first, second, foreign = await place(alice), await place(alice), await place(bob)
    answer = await alice.ask(type="cancel_after", timeout_ms=30_000, request_id="c")
    assert answer == {
        "type": "cancel_after_response",
        "success": True,
        "deadline": clock.now + 30_000,
        "error_code": None,
        "error_message": None,
        "request_id": "c",
    }
    clock.pass_by(29_999)
    assert await lives(alice, first)
    clock.pass_by(1)
    assert [await hear_cancel(alice, first), await hear_cancel(alice, second)] == ["COUNTDOWN", "COUNTDOWN"]
    assert await lives(bob, foreign)


async def test_a_countdown_can_be_set_anew_and_disarmed(clock: Clock, enter: Enter) -> None:
    alice = await enter()
    order_id = await place(alice)
    for _ in range(3):
        await count_down(alice, 30_000)
        clock.pass_by(29_000)
    assert await lives(alice, order_id)
    assert_frames([await count_down(alice, 0)], {"success": True, "deadline": None})
    clock.pass_by(60_000)
    assert await lives(alice, order_id)


async def test_a_countdown_outlives_the_connection(clock: Clock, enter: Enter) -> None:
    alice, observer = await enter(), await enter()
    order_id = await place(alice)
    await count_down(alice, 1_000)
    await alice.leave()
    await enter()
    clock.pass_by(1_000)
    assert await hear_cancel(observer, order_id) == "COUNTDOWN"


async def test_a_countdown_outlives_a_restart(clock: Clock, enter: Enter, open_exchange: Open) -> None:
    alice = await enter()
    order_id = await place(alice)
    await count_down(alice, 30_000)
    again = await open_exchange(clock)
    alice = await enter(exchange=again)
    assert await lives(alice, order_id)
    clock.pass_by(30_000)
    assert await hear_cancel(alice, order_id) == "COUNTDOWN"


@pytest.mark.parametrize("timeout", [1, 999, 3_600_001])
async def test_a_countdown_out_of_bounds_is_refused(enter: Enter, timeout: int) -> None:
    alice = await enter()
    refused = await alice.ask(type="cancel_after", timeout_ms=timeout, request_id=3)
    assert_frames(
        [refused],
        {"type": "cancel_after_response", "success": False, "deadline": None, "error_code": 400, "request_id": 3},
    )
    row = await Account.objects.aget(user_id="user001")
    assert row.cancel_at is None


@pytest.mark.parametrize(
    "message", [{"type": "cancel_after", "timeout_ms": 1_000}, {"type": "cancel_all"}], ids=lambda each: each["type"]
)
async def test_cancels_need_auth_and_an_account(
    exchange: Exchange, join: Join, market: Founded, visitor: Client, message: Frame
) -> None:
    newcomer = await (await join(exchange.services)).sign_in(NO_ACCOUNT, market.tokens[NO_ACCOUNT])
    for client, code in ((visitor, 401), (newcomer, 1003)):
        refused = await client.ask(**message, request_id=1)
        assert_frames(
            [refused], {"type": f"{message['type']}_response", "success": False, "error_code": code, "request_id": 1}
        )


# --- cancel on disconnect


async def test_orders_outlive_their_connection_unless_asked_otherwise(clock: Clock, enter: Enter) -> None:
    alice, observer = await enter(), await enter()
    order_id = await place(alice)
    answer = await alice.ask(type="set_session", cancel_on_disconnect=False, request_id=8)
    assert answer == {
        "type": "set_session_response",
        "success": True,
        "cancel_on_disconnect": False,
        "grace_ms": 0,
        "request_id": 8,
    }
    await alice.leave()
    clock.pass_by(3_600_000)
    assert await lives(observer, order_id)


async def test_a_lost_connection_takes_all_orders_of_the_account_with_it(enter: Enter) -> None:
    alice, observer, bob = await enter(), await enter(), await enter("user002")
    await watch_over(alice)
    mine, placed_elsewhere, foreign = await place(alice), await place(observer), await place(bob)
    await alice.leave()
    assert await hear_cancel(observer, mine) == "DISCONNECT"
    assert await hear_cancel(observer, placed_elsewhere) == "DISCONNECT"
    assert await lives(bob, foreign)


async def test_a_wish_can_be_taken_back(enter: Enter) -> None:
    alice, observer = await enter(), await enter()
    await watch_over(alice)
    await alice.ask(type="set_session", cancel_on_disconnect=False)
    order_id = await place(alice)
    await alice.leave()
    assert await lives(observer, order_id)


async def test_the_grace_period_is_waited_for(clock: Clock, enter: Enter) -> None:
    alice, observer = await enter(), await enter()
    await watch_over(alice, 5_000)
    order_id = await place(alice)
    await alice.leave()
    clock.pass_by(4_999)
    assert await lives(observer, order_id)
    clock.pass_by(1)
    assert await hear_cancel(observer, order_id) == "DISCONNECT"


async def test_whoever_comes_back_in_time_keeps_his_orders(clock: Clock, enter: Enter) -> None:
    alice = await enter()
    await watch_over(alice, 5_000)
    order_id = await place(alice)
    await alice.leave()
    clock.pass_by(4_999)
    again = await enter()
    await in_step(again)
    clock.pass_by(60_000)
    assert await lives(again, order_id)
    await again.leave()
    clock.pass_by(60_000)
    assert await lives(await enter(), order_id)


async def test_whoever_comes_back_at_once_overtakes_nothing(clock: Clock, enter: Enter) -> None:
    """The countdown may not be in the database yet when he authenticates."""
    alice = await enter()
    await watch_over(alice, 1_000)
    for _ in range(5):
        order_id = await place(alice)
        await alice.leave()
        alice = await enter()
        await in_step(alice)
        clock.pass_by(1_000)
        assert await lives(alice, order_id)
        await watch_over(alice, 1_000)
    row = await Account.objects.aget(user_id="user001")
    assert row.disconnect_at is None


async def test_another_user_who_comes_calls_nothing_off(clock: Clock, enter: Enter) -> None:
    alice, observer = await enter(), await enter()
    await watch_over(alice, 5_000)
    order_id = await place(alice)
    await alice.leave()
    await enter("user002")
    await observer.ask(type="auth", user_id="user001", token="wrong")
    clock.pass_by(5_000)
    assert await hear_cancel(observer, order_id) == "DISCONNECT"


async def test_coming_back_after_a_restart_calls_it_off(clock: Clock, enter: Enter, open_exchange: Open) -> None:
    """Then only the database knows of the countdown."""
    alice, observer = await enter(), await enter()
    await watch_over(alice, 5_000)
    order_id = await place(alice)
    await alice.leave()
    assert await lives(observer, order_id)
    again = await enter(exchange=await open_exchange(clock, OPERATOR_POLL_SECONDS=0.02))
    await in_step(again)
    clock.pass_by(60_000)
    assert await lives(again, order_id)


async def test_a_restart_does_not_forget_a_countdown(clock: Clock, enter: Enter, open_exchange: Open) -> None:
    alice, observer = await enter(), await enter()
    await watch_over(alice, 5_000)
    order_id = await place(alice)
    await alice.leave()
    assert await lives(observer, order_id)
    clock.pass_by(5_000)
    again = await enter(exchange=await open_exchange(clock))
    order = (await again.ask(type="query_order", order_id=order_id))["data"]["order"]
    if order["status"] != "Cancelled":
        await hear_cancel(again, order_id)


async def test_that_the_exchange_stops_ends_no_connection(clock: Clock, enter: Enter, open_exchange: Open) -> None:
    alice = await enter()
    await watch_over(alice)
    order_id = await place(alice)
    again = await open_exchange(clock)
    await alice.leave()
    assert await lives(await enter(exchange=again), order_id)


async def test_whoever_went_silent_and_came_back_elsewhere_keeps_his_orders(
    clock: Clock, open_exchange: Open, join: Join, market: Founded
) -> None:
    """The old connection is closed for its silence after the user has authenticated on a new one."""
    exchange = await open_exchange(clock, PING_SECONDS=60, IDLE_SECONDS=60)
    old, new = [await join(exchange.services) for _ in range(2)]
    await old.sign_in("user001", market.tokens["user001"])
    await watch_over(old)
    order_id = await place(old)
    await new.sign_in("user001", market.tokens["user001"])
    heard_longest_ago = min(exchange.heartbeat._next_ping, key=lambda connection: connection.heard_at)
    heard_longest_ago.close(4408)
    assert await old.close_code() == 4408
    await old.leave()
    assert await lives(new, order_id)


async def test_whoever_went_silent_and_did_not_come_back_loses_his_orders(
    clock: Clock, open_exchange: Open, join: Join, market: Founded
) -> None:
    exchange = await open_exchange(clock, PING_SECONDS=60, IDLE_SECONDS=60)
    new, old = [await (await join(exchange.services)).sign_in("user001", market.tokens["user001"]) for _ in range(2)]
    await watch_over(old)
    order_id = await place(old)
    max(exchange.heartbeat._next_ping, key=lambda connection: connection.heard_at).close(4408)
    assert await old.close_code() == 4408
    await old.leave()
    assert await hear_cancel(new, order_id) == "DISCONNECT"


@pytest.mark.parametrize("grace_ms", [-1, 600_001, 1.5, "1"])
async def test_a_grace_period_out_of_bounds_is_refused(enter: Enter, grace_ms: object) -> None:
    alice = await enter()
    refused = await alice.ask_wrong(type="set_session", cancel_on_disconnect=True, grace_ms=grace_ms, request_id=2)
    assert_frames([refused], {"type": "error", "code": 400, "request_id": 2})


async def test_a_session_needs_an_account(enter: Enter) -> None:
    newcomer = await enter(NO_ACCOUNT)
    refused = await newcomer.ask(type="set_session", cancel_on_disconnect=True, request_id=2)
    assert refused == {"type": "error", "code": 1003, "message": "Account not found", "request_id": 2}


# --- when the engine is busy


async def asked(engineless: Engineless) -> CancelAfter:
    (envelope,) = await engineless.take(1)
    assert isinstance(envelope.command, CancelAfter)
    envelope.reply(CountdownSet(1, envelope.command.deadline))
    return envelope.command


def lost(deadline: int | None) -> CancelAfter:
    return CancelAfter(1, deadline, CancelReason.DISCONNECT)


async def test_a_busy_engine_is_asked_again() -> None:
    engineless = Engineless(1)
    disconnect_timers = DisconnectTimers(engineless.gateway, lambda: 1_000)
    engineless.gateway.submit(CancelAfter(9), print)
    disconnect_timers.begin(1, 5.0, 500)
    await engineless.take(1)
    assert await asked(engineless) == lost(1_500)
    disconnect_timers.begin(1, 5.0, 300)
    for refusal in (BUSY, UNKNOWN_OUTCOME):
        (envelope,) = await engineless.take(1)
        envelope.reply(refusal)
    assert await asked(engineless) == lost(1_300)


async def test_whoever_comes_back_while_the_engine_is_busy_needs_no_countdown() -> None:
    engineless = Engineless(1)
    disconnect_timers = DisconnectTimers(engineless.gateway, lambda: 1_000)
    disconnect_timers.begin(1, 5.0, 500)
    (first,) = await engineless.take(1)
    disconnect_timers.end(1, 6.0, False)
    assert await asked(engineless) == lost(None)
    first.reply(BUSY)
    await asyncio.sleep(2 * RETRY_SECONDS)
    assert len(engineless.queue) == 0


async def test_of_several_lost_connections_the_earliest_countdown_counts() -> None:
    engineless, clock = Engineless(2), Clock()
    disconnect_timers = DisconnectTimers(engineless.gateway, clock)
    start = clock.now
    for grace_ms in (5_000, 9_000, 5_000, 2_000):
        disconnect_timers.begin(1, 5.0, grace_ms)
    assert [await asked(engineless) for _ in range(2)] == [lost(start + 5_000), lost(start + 2_000)]
    clock.pass_by(2_000)
    disconnect_timers.begin(1, 6.0, 500)
    assert await asked(engineless) == lost(start + 2_500)


async def test_a_closed_exchange_and_other_refusals_are_not_asked_again() -> None:
    engineless = Engineless(2)
    disconnect_timers = DisconnectTimers(engineless.gateway, lambda: 1_000)
    disconnect_timers.begin(1, 5.0, 500)
    (envelope,) = await engineless.take(1)
    envelope.reply(Refused(Code.ACCOUNT_NOT_FOUND, "no account"))
    engineless.gateway.close("Closed for the night")
    disconnect_timers.begin(1, 5.0, 600)
    await asyncio.sleep(2 * RETRY_SECONDS)
    assert len(engineless.queue) == 0


async def test_a_countdown_is_called_off_only_where_one_may_run() -> None:
    engineless = Engineless(2)
    disconnect_timers = DisconnectTimers(engineless.gateway, lambda: 1_000)
    disconnect_timers.end(1, 5.0, False)
    assert len(engineless.queue) == 0
    disconnect_timers.end(1, 6.0, True)
    assert await asked(engineless) == lost(None)
    disconnect_timers.end(1, 7.0, False)
    assert len(engineless.queue) == 0


async def test_whoever_was_seen_after_the_loss_is_back_already() -> None:
    engineless = Engineless(2)
    disconnect_timers = DisconnectTimers(engineless.gateway, lambda: 1_000)
    disconnect_timers.end(1, 6.0, False)
    disconnect_timers.begin(1, 5.0, 500)
    disconnect_timers.begin(2, 5.0, 500)
    (envelope,) = await engineless.take(1)
    assert envelope.command == CancelAfter(2, 1_500, CancelReason.DISCONNECT)
    disconnect_timers.begin(1, 6.0, 500)
    assert await asked(engineless) == lost(1_500)


# --- logout


async def test_after_logout_nothing_private_comes_and_nothing_is_allowed(enter: Enter) -> None:
    alice, second, bob = await enter(), await enter(), await enter("user002")
    await alice.ask(type="subscribe", channels=["trade", "ticker"], instruments=["IX2301"])
    answer = await alice.ask(type="logout", request_id="bye")
    assert answer == {"type": "logout_response", "success": True, "request_id": "bye"}
    await second.place("BUY OPEN 1 @ 120")
    await bob.place("SELL OPEN 1 @ 120")
    await second.rest()
    assert_frames(await alice.rest(), {"type": "ticker"})
    assert_frames([await alice.ask(type="query_account")], {"type": "error", "code": 401})
    assert_frames([await alice.place("BUY OPEN 1 @ 120")], {"type": "order_response", "error_code": 401})


async def test_a_push_that_was_on_its_way_does_not_come_after_the_logout(
    opened: Exchange, join: Join, market: Founded
) -> None:
    engineless = Engineless(2)
    services = msgspec.structs.replace(opened.services, gateway=engineless.gateway)
    alice = await (await join(services)).sign_in("user001", market.tokens["user001"])
    for number in range(2):
        await alice.say(type="submit_order", **ORDER, request_id=number)
    first, second = await engineless.take(2)
    second.reply(accepted(2))
    await alice.say(type="logout")
    await asyncio.sleep(0.01)
    secret = channel_groups.private_message("user001", [(None, '"secret"')], 1)
    await services.layer.group_send(channel_groups.user_group("user001"), secret)
    await asyncio.sleep(0.01)
    first.reply(accepted(1))
    frames = await alice.hear_many(3)
    assert [frame["type"] for frame in frames] == ["order_response", "order_response", "logout_response"]
    await alice.hears_nothing()


async def test_whoever_logged_out_is_gone_from_his_group(opened: Exchange, enter: Enter) -> None:
    alice = await enter()
    await alice.ask(type="logout")
    assert not opened.services.layer._groups


async def test_after_logout_the_orders_stay(enter: Enter) -> None:
    alice, observer = await enter(), await enter()
    await watch_over(alice)
    order_id = await place(alice)
    await alice.ask(type="logout")
    await alice.leave()
    assert await lives(observer, order_id)


async def test_the_session_ends_with_the_logout(enter: Enter, market: Founded) -> None:
    alice, observer = await enter(), await enter()
    await watch_over(alice)
    order_id = await place(alice)
    await alice.ask(type="logout")
    await alice.sign_in("user001", market.tokens["user001"])
    await alice.leave()
    assert await lives(observer, order_id)


async def test_after_logout_the_connection_is_still_of_its_user(enter: Enter, market: Founded) -> None:
    alice = await enter()
    await alice.ask(type="logout")
    assert not (await alice.ask(type="auth", user_id="user002", token=market.tokens["user002"]))["success"]
    await alice.sign_in("user001", market.tokens["user001"])
    await place(alice)


async def test_an_order_before_the_logout_is_answered_before_it(enter: Enter) -> None:
    alice = await enter()
    await alice.say(type="submit_orders", orders=[ORDER], request_id=1)
    await alice.say(type="logout", request_id=2)
    answers = [frame for frame in await alice.rest() if "request_id" in frame]
    assert_frames(answers, {"type": "orders_response", "request_id": 1}, {"type": "logout_response", "request_id": 2})


@pytest.mark.parametrize(
    "message",
    [{"type": "logout"}, {"type": "set_session", "cancel_on_disconnect": True}],
    ids=lambda each: each["type"],
)
async def test_sessions_need_auth(visitor: Client, message: Frame) -> None:
    refused = await visitor.ask(**message, request_id=1)
    assert refused == {"type": "error", "code": 401, "message": "Not authenticated", "request_id": 1}
