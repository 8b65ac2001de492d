"""How much one may ask and how many may be connected, told as tables: who comes, when, and what he is answered."""

import random
from typing import Any

import msgspec
import pytest

from trading.access.rate_limits import UNLIMITED, RateLimiter, TokenBucket, _Asker
from trading.core.types import NAME


def limiter(few: int = RateLimiter.FEW, **limits: int) -> RateLimiter:
    """Guests of an exchange that limits only this."""
    return RateLimiter(msgspec.structs.replace(UNLIMITED, **limits), few)


# --- buckets

BURST = [0.0] * 8
TIMES = [
    ("twice the rate at once, then the rate", [*(0,) * 9, 0.125, 0.25, 0.25], [*BURST, 0.25, 0.125, 0.0, 0.25]),
    ("it does not save up more", [*(0,) * 8, *(1_000,) * 9], [*BURST, *BURST, 0.25]),
    ("what was refused costs nothing", [*(0,) * 8, *(0,) * 100, 0.25], [*BURST, *(0.25,) * 100, 0.0]),
    ("an older time takes nothing away", [*(100,) * 4, 0, 0, 100, 100, 100], [*BURST, 0.25]),
    ("nor is it paid out again", [*(100,) * 8, 0, 100, 100], [*BURST, 0.25, 0.25, 0.25]),
]


@pytest.mark.parametrize(("times", "waits"), [row[1:] for row in TIMES], ids=[row[0] for row in TIMES])
def test_a_bucket_of_four_a_second(times: list[float], waits: list[float]) -> None:
    bucket = TokenBucket(4, times[0])
    assert [bucket.wait(now) for now in times] == waits


def test_a_bucket_may_have_a_burst_of_its_own() -> None:
    bucket = TokenBucket(0.5, 0, burst=3)
    assert [bucket.wait(0) for _ in range(4)] == [0, 0, 0, 2]


def test_looking_takes_nothing() -> None:
    bucket = TokenBucket(1, 0)
    assert [bucket.pause(0) for _ in range(5)] == [0] * 5
    assert [bucket.wait(0) for _ in range(3)] == [0, 0, 1]


def test_events_beyond_the_first_are_given_on_credit() -> None:
    bucket = TokenBucket(4, 0)
    assert bucket.wait(0, 50) == 0
    assert bucket.wait(0, 50) == 10.75
    assert bucket.wait(10.75, 50) == 0


def test_a_bucket_is_like_new_once_it_is_full() -> None:
    bucket = TokenBucket(4, 0)
    assert bucket.is_new(0)
    bucket.wait(0, 4)
    assert [bucket.is_new(now) for now in (0, 0.5, 0.99, 1.0)] == [False, False, False, True]


# --- connections

FULL_HOUSE = "Too many connections without a user: at most 3"
FULL_ADDRESS = "Too many connections from this address: at most 2"
FULL_USER = "Too many connections of this user: at most 2"
LIMITS = {"connections_per_address": 2, "anonymous_connections": 3, "connections_per_user": 2}
STORIES: dict[str, list[tuple[Any, ...]]] = {
    "an address has its number": [
        ("enter", "a", None),
        ("enter", "a", None),
        ("enter", "a", FULL_ADDRESS),
        ("enter", "b", None),
        ("leave", "a"),
        ("enter", "a", None),
        ("enter", "a", FULL_ADDRESS),
    ],
    "signing in does not make room at the address": [
        ("enter", "a", None),
        ("sign_in", "u", None),
        ("enter", "a", None),
        ("sign_in", "u", None),
        ("enter", "a", FULL_ADDRESS),
    ],
    "all who are nobody together have their number, too": [
        ("enter", "a", None),
        ("enter", "b", None),
        ("enter", "c", None),
        ("enter", "d", FULL_HOUSE),
        ("sign_in", "u", None),
        ("enter", "d", None),
        ("enter", "e", FULL_HOUSE),
        ("sign_out", "u"),
        ("leave", "a"),
        ("enter", "e", FULL_HOUSE),
        ("leave", "b"),
        ("enter", "e", None),
    ],
    "a user has his number, from wherever he comes": [
        ("enter", "a", None),
        ("sign_in", "u", None),
        ("enter", "b", None),
        ("sign_in", "u", None),
        ("enter", "c", None),
        ("sign_in", "u", FULL_USER),
        ("sign_in", "v", None),
        ("sign_out", "u"),
        ("leave", "b"),
        ("enter", "d", None),
        ("sign_in", "u", None),
    ],
    "whoever was turned away has taken no place": [
        ("enter", "a", None),
        ("enter", "a", None),
        ("enter", "a", FULL_ADDRESS),
        ("enter", "a", FULL_ADDRESS),
        ("leave", "a"),
        ("leave", "a"),
        ("enter", "b", None),
        ("enter", "b", None),
        ("enter", "c", None),
        ("enter", "c", FULL_HOUSE),
    ],
    "a user who was refused stays nobody": [
        ("enter", "a", None),
        ("sign_in", "u", None),
        ("enter", "a", None),
        ("sign_in", "u", None),
        ("enter", "b", None),
        ("sign_in", "u", FULL_USER),
        ("enter", "c", None),
        ("enter", "d", None),
        ("enter", "e", FULL_HOUSE),
    ],
}


@pytest.mark.parametrize("story", STORIES)
def test_a_story_of_connections(story: str) -> None:
    house = limiter(**LIMITS)
    for place, (deed, name, *answer) in enumerate(STORIES[story]):
        arguments = (name, 0.0) if deed == "sign_in" else (name,)
        assert getattr(house, deed)(*arguments) == (answer[0] if answer else None), f"line {place + 1}: {deed} {name}"


def test_after_everybody_has_left_the_house_is_empty() -> None:
    """Whatever came in between."""
    dice, house = random.Random(5), limiter(**LIMITS)
    inside: list[list[str | None]] = []
    for step in range(5_000):
        if dice.random() < 0.5:
            address = dice.choice("abcd")
            if house.enter(address) is None:
                inside.append([address, None])
        elif inside:
            guest = dice.choice(inside)
            if guest[1] is not None:
                house.sign_out(guest[1])
                guest[1] = None
            elif dice.random() < 0.5 and house.sign_in(user := dice.choice("uvw"), step) is None:
                guest[1] = user
            elif guest[1] is None:
                house.leave(str(guest[0]))
                inside.remove(guest)
        for address in "abcd":
            assert house._addresses[address] == sum(guest[0] == address for guest in inside)
        assert house._anonymous == sum(guest[1] is None for guest in inside)
    for guest in inside:
        if guest[1] is not None:
            house.sign_out(guest[1])
        house.leave(str(guest[0]))
    assert house._anonymous == 0 and not house._addresses


def test_some_may_be_tried_out_beyond_the_limits_and_leave_no_trace() -> None:
    house = limiter(**LIMITS)
    for _ in range(2):
        assert house.enter("a") is None
    assert house.enter("a") == FULL_ADDRESS
    assert [house.try_out("a") for _ in range(house.TRIALS_OF_ADDRESS + 1)] == [True] * house.TRIALS_OF_ADDRESS + [
        False
    ]
    others = (f"b{number}" for number in range(house.TRIALS))
    assert sum(house.try_out(address) for address in others) == house.TRIALS - house.TRIALS_OF_ADDRESS
    assert house.sign_in("u", 0.0) is None
    house.end_trial("a")
    assert house.try_out("a"), "who has signed in makes room for the next"
    house.sign_out("u")
    house.leave(None)
    assert house._addresses["a"] == 2


# --- rates


def test_a_user_has_one_rate_for_all_his_connections() -> None:
    house = limiter(orders_per_second=2, requests_per_second=1)
    assert [house.orders("u", 1, 0) for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert [house.request("u", address, 0) for address in ("a", "b", "c")] == [0, 0, 1]
    assert [house.orders("v", 1, 0), house.request("v", "a", 0), house.request(None, "a", 0)] == [0, 0, 0]


def test_orders_and_requests_are_counted_apart() -> None:
    house = limiter(orders_per_second=1, requests_per_second=1)
    house.orders("u", 100, 0)
    assert house.request("u", "a", 0) == 0


def test_whoever_comes_again_finds_his_limits_as_he_left_them() -> None:
    house, waits = limiter(few=1, orders_per_second=1, requests_per_second=1), []
    for number in range(4):
        house.enter("a")
        house.sign_in("u", 0)
        waits.append((house.orders("u", 1, 0), house.request("u", "a", 0)))
        house.sign_out("u")
        house.leave("a")
        house.request(None, f"address{number}", 0)
    assert waits == [(0, 0), (0, 0), (1, 1), (1, 1)]


def test_all_that_is_nobody_behind_an_address_has_one_rate() -> None:
    house = limiter(requests_per_second=1)
    assert [house.request(None, "a", 0) for _ in range(3)] == [0, 0, 1]
    assert house.request(None, "b", 0) == 0


@pytest.mark.parametrize("name", ["127.0.0.1", "::", "unknown", "user001"])
def test_an_address_is_not_taken_for_a_user(name: str) -> None:
    """Whatever a proxy forwards, nobody can use up a user's share without his token, nor the other way round."""
    house = limiter(requests_per_second=1)
    assert [house.request(None, name, 0) for _ in range(3)] == [0, 0, 1]
    assert house.request(name, "elsewhere", 0) == 0
    assert NAME.match(name) is None or NAME.match(f"@{name}") is None, "no user is called like that"


# --- wrong tokens


def test_wrong_tokens_are_counted_by_address() -> None:
    house = limiter(wrong_tokens_per_minute=3)
    for _ in range(3):
        assert house.token("a", "user001", 0) == 0
        house.wrong_token("a", "user001", 0)
    assert house.token("a", "user001", 0) == 20
    assert house.token("a", "user001", 19) == pytest.approx(1)
    assert house.token("b", "user001", 0) == 0
    assert house.token("a", "user001", 20) == 0
    house.wrong_token("a", "user001", 20)
    assert house.token("a", "user001", 20) == 20


def test_guesses_at_one_user_keep_nobody_else_out_until_there_are_many() -> None:
    house = limiter(wrong_tokens_per_minute=3)
    for _ in range(4):
        house.wrong_token("a", "user001", 0)
    assert house.token("a", "user001", 0) > 0
    assert house.token("a", "user002", 0) == 0
    for number in range(60):
        house.wrong_token("a", f"nobody{number}", 0)
    assert house.token("a", "user002", 0) > 0
    assert house.token("b", "user002", 0) == 0


def test_an_endless_name_takes_no_room() -> None:
    house = limiter(wrong_tokens_per_minute=3)
    for number in range(3):
        house.wrong_token("a", f"{number}" + "x" * 30_000, 0)
    assert [len(name) for name in house._wrong_tokens._entries] == [66, 66, 66]


def test_a_right_token_is_not_counted() -> None:
    house = limiter(wrong_tokens_per_minute=1)
    assert [house.token("a", "user001", 0) for _ in range(1_000)] == [0] * 1_000


def test_guesses_that_were_under_way_together_owe_nothing_more() -> None:
    house = limiter(wrong_tokens_per_minute=1)
    for _ in range(10):
        house.wrong_token("a", "user001", 0)
    assert house.token("a", "user001", 0) == 60


# --- who is forgotten


def test_those_who_owe_nothing_are_forgotten_when_there_are_many() -> None:
    house = limiter(few=10, orders_per_second=1, requests_per_second=1, wrong_tokens_per_minute=60)
    house.enter("a")
    house.sign_in("here", 0)
    for number in range(1_000):
        house.request(None, f"address{number}", number)
        house.orders(f"user{number}", 1, number)
        house.wrong_token(f"address{number}", "user001", number)
    assert len(house._askers._entries) < 25 and len(house._wrong_tokens._entries) < 25
    house.sign_out("here")


def test_those_who_owe_something_are_remembered() -> None:
    house = limiter(few=10, orders_per_second=1, requests_per_second=1, wrong_tokens_per_minute=1)
    house.orders("busy", 1_000_000, 0)
    for _ in range(2):
        house.request(None, "asking", 0)
    house.wrong_token("guessing", "user001", 0)
    for number in range(100):
        house.request(None, f"address{number}", 1)
        house.wrong_token(f"address{number}", "user001", 1)
    assert house.orders("busy", 1, 1) > 999_000
    assert [house.request(None, "asking", 1) for _ in range(2)] == [0, 1]
    assert house.token("guessing", "user001", 1) == 59


def test_those_who_cannot_be_forgotten_are_not_looked_through_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at, is_new = [0], _Asker.is_new

    def counted(asker: _Asker, now: float) -> bool:
        looked_at[0] += 1
        return is_new(asker, now)

    monkeypatch.setattr(_Asker, "is_new", counted)
    house = limiter(requests_per_second=100)
    for number in range(5_000):
        house.enter("a")
        house.sign_in(f"user{number}", 0)
    assert looked_at[0] <= 2 * 5_000
