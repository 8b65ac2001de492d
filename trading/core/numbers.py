"""Numbers of orders, trades and accounts: no two markets give the same; those of orders and trades tell the time."""

from typing import Final

ORDER_EPOCH_MS: Final = 1_577_836_800_000
"""2020-01-01T00:00Z. Numbers count from here: milliseconds and 7 digits of sequence fit 63 bits until 2049."""

SEQUENCE: Final = 10_000_000
"""Numbers per millisecond: 7 digits, as the protocol's ids have."""

FIRST_SHARE, FURTHER_SHARE = SEQUENCE // 2, 100_000
"""Of each millisecond's numbers the market of shard 0 has so many, and each further one."""
MOST_MARKETS = 1 + (SEQUENCE - FIRST_SHARE) // FURTHER_SHARE

ACCOUNTS_OF_MARKET: Final = 1_000_000_000
"""Account numbers of a market: those of shard 0 begin with 1, those of shard 1 behind this, and so on."""


def number_at(time_ms: int) -> int:
    """The first id number of a millisecond (Unix time)."""
    return (time_ms - ORDER_EPOCH_MS) * SEQUENCE


def share_of(shard: int) -> tuple[int, int]:
    """Which numbers of each millisecond are a market's: from the first to before the second."""
    begin = FIRST_SHARE + (shard - 1) * FURTHER_SHARE if shard else 0
    return begin, begin + (FURTHER_SHARE if shard else FIRST_SHARE)


def shard_of(number: int) -> int:
    """The shard of the market that has given an order or a trade its number."""
    sequence = number % SEQUENCE
    return 0 if sequence < FIRST_SHARE else 1 + (sequence - FIRST_SHARE) // FURTHER_SHARE


def shard_of_account(account_id: int) -> int:
    """The shard of an account's market."""
    return account_id // ACCOUNTS_OF_MARKET


def time_of(number: int) -> int:
    """The millisecond (Unix time) that an id number tells."""
    return number // SEQUENCE + ORDER_EPOCH_MS
