"""Where the stream of commands stands is stored with what was done, and with what was refused: nothing comes again."""

from tests.builders import order
from tests.worker.making import floor
from trading.core.codes import Code
from trading.core.events import OrderAccepted, Refused

BUY = order(1, "BUY OPEN 1 @ 119")
WRONG = order(1, "BUY OPEN 1 @ 500")


async def test_a_batch_has_the_place_of_its_last_command() -> None:
    async with floor(stream=True) as f:
        await f.answers(BUY, WRONG)
        await f.answers(BUY)
        await f.until(lambda: len(f.listener.batches) == 2)
        assert [batch.position for batch in f.listener.batches] == ["2-0", "3-0"]
        assert not any(line.startswith("note") for line in f.log)


async def test_what_was_refused_is_noted_before_anybody_is_told() -> None:
    async with floor(stream=True) as f:
        (told,) = await f.answers(WRONG)
        assert isinstance(told, Refused) and told.code is not Code.UNAVAILABLE
        assert f.log == ["note 1-0", "refuse"] and f.store.batches == []


async def test_a_refusal_that_cannot_be_noted_is_not_told() -> None:
    async with floor(stream=True) as f:
        f.store.fails.append(OSError("the database is away"))
        (told,) = await f.answers(WRONG)
        assert isinstance(told, Refused) and told.code is Code.UNAVAILABLE
        await f.until(lambda: "load" in f.log)
        assert isinstance((await f.answers(BUY))[0], OrderAccepted)


async def test_without_a_stream_there_is_no_place() -> None:
    async with floor() as f:
        await f.answers(WRONG, BUY, WRONG)
        await f.until(lambda: len(f.listener.batches) == 1)
        assert f.listener.batches[0].position is None
        assert not any(line.startswith("note") for line in f.log)
