"""Our accounts against TqSim, the simulator of the public package `tqsdk`, which computes the same on its own.

It fills whole orders only, so it is told each of our fills as one order at the fill's price. It averages costs over a
side where we keep yesterday's and today's lots apart, so closed and open profit agree in their sum; and it knows
commission and margin per lot only.
"""

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.making import NOW, account, contract, do, exchange, order, overnight, terms
from tests.tqsdk_parts import part_of_tqsdk
from trading.core.commands import ListInstrument
from trading.core.engine import Engine
from trading.core.events import Fill, Refused, Traded

trade_future = part_of_tqsdk("tqsdk.tradeable.sim.trade_future")

FUNDS = 1_000_000.0
TRADERS = (1, 2, 3)
MULTIPLIERS = {"IF": 10, "AU": 3}
FEES = {"IF": 1.25, "AU": 0.3}
CENT = 0.01

OFFSETS = {
    "SHFE": {"OPEN": "OPEN", "CLOSETODAY": "CLOSETODAY", "CLOSEYESTERDAY": "CLOSE"},
    "CFFEX": {"OPEN": "OPEN", "CLOSE": "CLOSE"},
}
"""What our offsets are called at two kinds of exchanges: one closes yesterday's lots when nothing else is said, the
other whatever there is, yesterday's first."""


class Simulated:
    """One account as TqSim sees it."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.sent = 0
        self.account = trade_future.SimTrade(
            "account",
            init_balance=FUNDS,
            get_trade_timestamp=lambda: 0,
            is_in_trading_time=lambda _: True,
        )

    def see(self, name: str, price: float) -> None:
        """A price; who trades now trades at it."""
        quote = {
            "datetime": "2024-01-01 10:00:00.000000",
            "ins_class": "FUTURE",
            "volume_multiple": MULTIPLIERS[name],
            "price_tick": 0.1,
            "commission": FEES[name],
            "margin": 1.0,
            **dict.fromkeys(("last_price", "ask_price1", "bid_price1"), price),
        }
        self.account.update_quotes(f"{self.place}.{name}", {"quotes": {f"{self.place}.{name}": quote}})

    def fill(self, name: str, fill: Fill, lots: int, price: float) -> None:
        self.sent += 1
        _, orders = self.account.insert_order(
            f"{self.place}.{name}",
            {
                "aid": "insert_order",
                "user_id": "account",
                "order_id": f"order{self.sent}",
                "exchange_id": self.place,
                "instrument_id": name,
                "direction": fill.direction.value,
                "offset": OFFSETS[self.place][fill.offset.value],
                "volume": lots,
                "price_type": "LIMIT",
                "limit_price": price,
                "time_condition": "GFD",
                "volume_condition": "ANY",
            },
        )
        assert orders[-1]["last_msg"] == "全部成交", orders[-1]["last_msg"]

    def figures(self) -> dict[str, float]:
        found: dict[str, float] = self.account.init_snapshot()["trade"]["account"]["accounts"]["CNY"]
        return found


class Market:
    """Our engine, and a simulated account beside each of ours."""

    def __init__(self, place: str, dice: Random) -> None:
        self.dice = dice
        self.offsets = list(OFFSETS[place])
        self.engine = founded()
        self.simulated = {trader: Simulated(place) for trader in TRADERS}
        for name in MULTIPLIERS:
            self.see(name, 120.0)

    def see(self, name: str, price: float) -> None:
        for each in self.simulated.values():
            each.see(name, price)

    def trade(self) -> None:
        """Two traders meet; who cannot close opens."""
        seller, buyer = self.dice.sample(TRADERS, 2)
        name, price = self.dice.choice(list(MULTIPLIERS)), self.dice.choice((119.0, 119.6, 120.0, 120.2, 121.4))
        for trader, side in ((seller, "SELL"), (buyer, "BUY")):
            lots = self.dice.randint(1, 5)
            events = self.send(trader, f"{side} {self.dice.choice(self.offsets)} {lots} {name} @ {price}")
            if isinstance(events[0], Refused):
                self.send(trader, f"{side} OPEN {lots} {name} @ {price}")

    def send(self, trader: int, words: str) -> list[Any]:
        events = self.engine.apply(order(trader, words), NOW)
        for event in events:
            if isinstance(event, Traded):
                price = event.price / 10_000
                self.see(event.instrument_id, price)
                for fill in (event.taker, event.maker):
                    self.simulated[fill.account_id].fill(event.instrument_id, fill, event.volume, price)
        return events

    def settle(self) -> None:
        prices = {name: self.dice.choice((119.6, 120.0, 120.8)) for name in MULTIPLIERS}
        for name, price in prices.items():
            self.see(name, price)
        for each in self.simulated.values():
            each.account.settle()
        overnight(self.engine, {name: round(price * 10_000) for name, price in prices.items()})

    def agree(self) -> None:
        for trader, simulated in self.simulated.items():
            ours, theirs = account(self.engine, trader).figures(), simulated.figures()
            found = {
                "balance": ours.balance,
                "static_balance": ours.static_balance,
                "commission": ours.commission,
                "profit": ours.close_profit + ours.position_profit,
            }
            expected = {**theirs, "profit": theirs["close_profit"] + theirs["position_profit"]}
            for what, amount in found.items():
                assert abs(amount / 10_000 - expected[what]) < CENT, f"{what} of {trader}"


def founded() -> Engine:
    """Two instruments with commission per lot, and three rich traders."""
    engine = exchange(contract(multiplier="10"), fees("IF"), *[f"{FUNDS}"] * len(TRADERS))
    do(engine, ListInstrument(contract("AU", multiplier="3"), fees("AU")))
    return engine


def fees(name: str) -> Any:
    fee = str(FEES[name])
    return terms(margin="10%", open_fee=fee, close_fee=fee, today_fee=fee)


@settings(max_examples=30)
@given(st.sampled_from(list(OFFSETS)), st.integers(0, 2**48 - 1))
def test_our_accounts_have_what_tqsim_s_have(place: str, seed: int) -> None:
    """After every trade, and over two nights."""
    market = Market(place, Random(seed))
    for _ in range(3):
        for _ in range(12):
            market.trade()
            market.agree()
        market.settle()
        market.agree()
