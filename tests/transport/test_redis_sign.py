"""The engine's sign of life: who is lost, and who only seems to be. Time is the test's."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from trading.transport.redis_sign import LOST_SECONDS, EngineSign


class Scene:
    def __init__(self, client: Redis) -> None:
        self.client = client
        self.now = 100.0
        self.engine = EngineSign(client, "MAIN", lambda: self.now)
        self.look = EngineSign(client, "MAIN", lambda: self.now)

    async def vanish(self) -> None:
        """As Redis lets it do after a while."""
        await self.client.delete("bourse:MAIN:engine")

    async def looks(self, seconds: float) -> bool:
        self.now += seconds
        return await self.look.is_lost()


@pytest.fixture
def scene(client: Redis) -> Scene:
    return Scene(client)


async def test_who_gave_a_sign_and_gives_none_any_more_is_lost(scene: Scene) -> None:
    await scene.engine.give()
    assert await scene.client.pttl("bourse:MAIN:engine") > 0, "it vanishes by itself"
    assert not await scene.looks(0)
    await scene.vanish()
    assert not await scene.looks(0)
    assert not await scene.looks(LOST_SECONDS - 0.1)
    assert await scene.looks(0.1)


async def test_a_sign_that_comes_back_in_time_is_none_of_loss(scene: Scene) -> None:
    await scene.engine.give()
    assert not await scene.looks(0)
    await scene.vanish()
    assert not await scene.looks(0)
    await scene.engine.give()
    assert not await scene.looks(LOST_SECONDS)
    await scene.vanish()
    assert not await scene.looks(0), "it counts from the first look that found none"


async def test_an_engine_that_never_gave_a_sign_may_be_about_to_start(scene: Scene) -> None:
    assert not await scene.looks(0)
    assert not await scene.looks(LOST_SECONDS * 10)


async def test_what_could_not_be_looked_at_is_no_loss(scene: Scene) -> None:
    await scene.engine.give()
    assert not await scene.looks(0)
    await scene.vanish()
    assert not await scene.looks(0)
    scene.look.could_not_look()
    assert not await scene.looks(LOST_SECONDS)
    assert await scene.looks(LOST_SECONDS)
