"""The channel layer for one process keeps the Channels specification, and loses nothing without saying so."""

import asyncio
import logging
from collections import deque
from typing import Any

import pytest
from channels.exceptions import ChannelFull

from trading.delivery.channel_layer import ChannelOverflow, InProcessLayer

HELLO = {"type": "hello"}


@pytest.fixture
def layer() -> InProcessLayer:
    return InProcessLayer(capacity=3)


async def heard(layer: InProcessLayer, channel: str, count: int = 1) -> list[Any]:
    """The next messages of a channel."""
    return [await asyncio.wait_for(layer.receive(channel), 30) for _ in range(count)]


async def is_silent(layer: InProcessLayer, channel: str) -> bool:
    """Whether nothing waits on a channel."""
    await layer.send(channel, {"type": "mark"})
    return await heard(layer, channel) == [{"type": "mark"}]


def holds_nothing(layer: InProcessLayer) -> bool:
    return not layer._mailboxes and not layer._groups


# --- channels


async def test_what_is_sent_is_received(layer: InProcessLayer) -> None:
    await layer.send("here", HELLO)
    assert await heard(layer, "here") == [HELLO]


async def test_messages_keep_their_order(layer: InProcessLayer) -> None:
    for number in range(3):
        await layer.send("here", {"type": "n", "n": number})
    assert [message["n"] for message in await heard(layer, "here", 3)] == [0, 1, 2]


async def test_a_receiver_waits_for_its_message(layer: InProcessLayer) -> None:
    waiting = asyncio.create_task(layer.receive("here"))
    await asyncio.sleep(0)
    assert not waiting.done()
    await layer.send("here", HELLO)
    assert await asyncio.wait_for(waiting, 30) == HELLO


async def test_a_message_goes_to_its_channel_only(layer: InProcessLayer) -> None:
    await layer.send("here", HELLO)
    assert await is_silent(layer, "there")


async def test_a_message_is_received_once(layer: InProcessLayer) -> None:
    await layer.send("here", HELLO)
    await heard(layer, "here")
    assert await is_silent(layer, "here")


async def test_a_receiver_that_is_cancelled_loses_no_message(layer: InProcessLayer) -> None:
    waiting = asyncio.create_task(layer.receive("here"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await layer.send("here", HELLO)
    assert await heard(layer, "here") == [HELLO]


async def test_a_full_channel_says_so_to_the_sender(layer: InProcessLayer) -> None:
    for _ in range(3):
        await layer.send("here", HELLO)
    with pytest.raises(ChannelFull):
        await layer.send("here", HELLO)
    assert await heard(layer, "here", 3) == [HELLO] * 3
    assert await is_silent(layer, "here")


async def test_new_channels_are_new_valid_and_this_process_own(layer: InProcessLayer) -> None:
    names = {await layer.new_channel() for _ in range(100)}
    assert len(names) == 100
    assert all("!" in name and layer.require_valid_channel_name(name) for name in names)


async def test_new_channels_begin_with_their_prefix(layer: InProcessLayer) -> None:
    assert (await layer.new_channel("ours")).startswith("ours.")


async def test_process_own_channels_do_not_share_their_messages(layer: InProcessLayer) -> None:
    one, other = await layer.new_channel(), await layer.new_channel()
    await layer.send(one, HELLO)
    assert await is_silent(layer, other)
    assert await heard(layer, one) == [HELLO]


async def test_the_message_is_handed_over_as_it_is(layer: InProcessLayer) -> None:
    await layer.group_add("all", "here")
    await layer.group_add("all", "there")
    message = {"type": "hello", "frames": ["x"]}
    await layer.group_send("all", message)
    assert (await heard(layer, "here"))[0] is (await heard(layer, "there"))[0] is message


# --- groups


async def test_a_group_message_reaches_every_member_once(layer: InProcessLayer) -> None:
    for channel in ("a", "b", "b"):
        await layer.group_add("all", channel)
    await layer.group_send("all", HELLO)
    for channel in ("a", "b"):
        assert await heard(layer, channel) == [HELLO]
        assert await is_silent(layer, channel)


async def test_a_group_message_reaches_nobody_else(layer: InProcessLayer) -> None:
    await layer.group_add("all", "a")
    await layer.group_add("others", "b")
    await layer.group_send("all", HELLO)
    assert await is_silent(layer, "b")


async def test_who_has_left_hears_nothing_more(layer: InProcessLayer) -> None:
    await layer.group_add("all", "a")
    await layer.group_add("all", "b")
    await layer.group_discard("all", "a")
    await layer.group_send("all", HELLO)
    assert await is_silent(layer, "a")
    assert await heard(layer, "b") == [HELLO]


async def test_leaving_one_group_is_not_leaving_another(layer: InProcessLayer) -> None:
    await layer.group_add("all", "a")
    await layer.group_add("others", "a")
    await layer.group_discard("all", "a")
    await layer.group_send("others", HELLO)
    assert await heard(layer, "a") == [HELLO]


async def test_leaving_twice_or_a_strange_group_is_no_error(layer: InProcessLayer) -> None:
    await layer.group_add("all", "a")
    for group, channel in (("all", "a"), ("all", "a"), ("never", "a"), ("all", "never")):
        await layer.group_discard(group, channel)


async def test_sending_to_an_empty_group_is_no_error(layer: InProcessLayer) -> None:
    await layer.group_send("nobody", HELLO)


async def test_a_member_that_sleeps_wakes_up(layer: InProcessLayer) -> None:
    await layer.group_add("all", "a")
    waiting = asyncio.create_task(layer.receive("a"))
    await asyncio.sleep(0)
    await layer.group_send("all", HELLO)
    assert await asyncio.wait_for(waiting, 30) == HELLO


async def test_a_thousand_channels_hear_the_same_group() -> None:
    layer = InProcessLayer()
    channels = [await layer.new_channel() for _ in range(1_000)]
    for channel in channels:
        await layer.group_add("all", channel)
    listening = [asyncio.create_task(layer.receive(channel)) for channel in channels]
    await asyncio.sleep(0)
    await layer.group_send("all", HELLO)
    assert await asyncio.wait_for(asyncio.gather(*listening), 10) == [HELLO] * 1_000


# --- who hears for a receiver


class Ear:
    """Who receives from the channel "a" of the group "all", and who hears for him, but the numbers that must wait."""

    def __init__(self, layer: InProcessLayer, *, leaves: tuple[int, ...] = ()) -> None:
        self._layer = layer
        self._leaves = leaves
        self.heard: list[int] = []
        self.receives()

    def receives(self) -> None:
        self.receiving = asyncio.create_task(self._layer.receive("a", self._hear))

    def _hear(self, messages: deque[dict[str, Any]]) -> None:
        while messages and messages[0]["n"] not in self._leaves:
            self.heard.append(messages.popleft()["n"])

    async def tell(self, *numbers: int) -> None:
        for number in numbers:
            await self._layer.group_send("all", {"type": "n", "n": number})

    async def received(self) -> int:
        return int((await asyncio.wait_for(self.receiving, 30))["n"])


@pytest.fixture
async def ear(layer: InProcessLayer) -> Ear:
    await layer.group_add("all", "a")
    ear = Ear(layer, leaves=(3,))
    await asyncio.sleep(0)
    return ear


async def test_what_comes_is_heard_after_this_turn_in_its_order(ear: Ear) -> None:
    await ear.tell(1, 2)
    assert ear.heard == []
    await asyncio.sleep(0)
    assert (ear.heard, ear.receiving.done()) == ([1, 2], False)
    await ear.tell(4)
    await asyncio.sleep(0)
    assert ear.heard == [1, 2, 4]


async def test_what_is_left_is_received_and_overtaken_by_nothing(ear: Ear) -> None:
    await ear.tell(1, 3, 4)
    assert await ear.received() == 3
    await ear.tell(5)
    await asyncio.sleep(0)
    assert ear.heard == [1]
    ear.receives()
    assert await ear.received() == 4
    ear.receives()
    assert await ear.received() == 5
    ear.receives()
    await asyncio.sleep(0)
    await ear.tell(6)
    await asyncio.sleep(0)
    assert ear.heard == [1, 6]


async def test_nobody_hears_for_a_receiver_that_gave_up(ear: Ear, layer: InProcessLayer) -> None:
    ear.receiving.cancel()
    await asyncio.wait([ear.receiving])
    await ear.tell(1)
    await layer.send("a", {"type": "n", "n": 2})
    await asyncio.sleep(0)
    assert ear.heard == []
    assert [message["n"] for message in await heard(layer, "a", 2)] == [1, 2]


async def test_an_overflow_is_received_where_somebody_hears(ear: Ear, layer: InProcessLayer) -> None:
    await ear.tell(1, 2, 4, 5)
    with pytest.raises(ChannelOverflow):
        await ear.received()
    assert ear.heard == []


# --- overflow


async def overflow(layer: InProcessLayer, channel: str = "slow") -> None:
    """Fill a channel of the group "all" and send it one message too many."""
    await layer.group_add("all", channel)
    for number in range(4):
        await layer.group_send("all", {"type": "n", "n": number})


async def test_a_member_that_overflows_is_told_once_and_goes_on(layer: InProcessLayer) -> None:
    await overflow(layer)
    with pytest.raises(ChannelOverflow):
        await layer.receive("slow")
    await layer.group_send("all", HELLO)
    assert await heard(layer, "slow") == [HELLO]


async def test_a_member_that_is_just_full_loses_nothing(layer: InProcessLayer) -> None:
    await layer.group_add("all", "slow")
    for number in range(3):
        await layer.group_send("all", {"type": "n", "n": number})
    assert [message["n"] for message in await heard(layer, "slow", 3)] == [0, 1, 2]


async def test_an_overflow_comes_before_what_was_sent_after_it(layer: InProcessLayer) -> None:
    await overflow(layer)
    await layer.group_send("all", HELLO)
    with pytest.raises(ChannelOverflow):
        await layer.receive("slow")
    assert await heard(layer, "slow") == [HELLO]


async def test_an_overflow_is_nobody_elses_trouble(layer: InProcessLayer) -> None:
    await layer.group_add("all", "slow")
    await layer.group_add("all", "quick")
    for number in range(5):
        await layer.group_send("all", {"type": "n", "n": number})
        assert await heard(layer, "quick") == [{"type": "n", "n": number}]


async def test_an_overflow_is_logged_once(layer: InProcessLayer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "trading.delivery.channel_layer"):
        await overflow(layer)
        await layer.group_send("all", HELLO)
    assert [record.message for record in caplog.records] == ["channel slow overflowed with 3 messages"]


async def test_a_channel_may_overflow_again(layer: InProcessLayer) -> None:
    for _ in range(2):
        await overflow(layer)
        with pytest.raises(ChannelOverflow):
            await layer.receive("slow")


# --- names

BAD_NAMES = ["", "with space", "slash/", "ümlaut", "x" * 100, "new\nline", None, 7]


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_bad_group_names_are_refused(layer: InProcessLayer, name: str) -> None:
    for attempt in (layer.group_add(name, "a"), layer.group_discard(name, "a"), layer.group_send(name, HELLO)):
        with pytest.raises(TypeError):
            await attempt


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_bad_channel_names_are_refused(layer: InProcessLayer, name: str) -> None:
    attempts = (
        layer.send(name, HELLO),
        layer.receive(name),
        layer.group_add("a", name),
        layer.group_discard("a", name),
    )
    for attempt in attempts:
        with pytest.raises(TypeError):
            await attempt
    assert holds_nothing(layer)


async def test_the_longest_user_and_instrument_ids_make_good_names(layer: InProcessLayer) -> None:
    from trading.delivery import channel_groups

    longest = "A-z_0." + "x" * 58
    for name in (channel_groups.user_group(longest), channel_groups.market_group("orderbook_delta", longest)):
        await layer.group_add(name, "a")


# --- memory


async def test_an_idle_channel_is_forgotten(layer: InProcessLayer) -> None:
    await layer.send("here", HELLO)
    await heard(layer, "here")
    assert holds_nothing(layer)


async def test_a_receiver_that_gave_up_is_forgotten(layer: InProcessLayer) -> None:
    waiting = asyncio.create_task(layer.receive("here"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert holds_nothing(layer)


async def test_whoever_left_his_groups_is_forgotten_with_them(layer: InProcessLayer) -> None:
    for group in ("a", "b"):
        await layer.group_add(group, "here")
    for group in ("a", "b"):
        await layer.group_discard(group, "here")
    assert holds_nothing(layer)


async def test_a_member_is_not_forgotten_while_it_waits_for_nothing(layer: InProcessLayer) -> None:
    await layer.group_add("all", "here")
    await layer.group_send("all", HELLO)
    await heard(layer, "here")
    await layer.group_send("all", HELLO)
    assert await heard(layer, "here") == [HELLO]


async def test_flush_forgets_everything(layer: InProcessLayer) -> None:
    await layer.group_add("all", "here")
    await layer.send("there", HELLO)
    await layer.flush()
    assert holds_nothing(layer)
    assert await is_silent(layer, "there")


def test_the_layer_names_its_extensions(layer: InProcessLayer) -> None:
    assert layer.extensions == ["groups", "flush"]
