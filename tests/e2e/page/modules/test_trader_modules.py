"""The trader's pure modules, run in the browser: estimates against the engine, orders against the server's decoder,
files against a reader of CSV."""

from __future__ import annotations

import csv
import io
import itertools
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.builders import cancel, listing, order, terms
from tests.e2e.browser import chromium, missing, new_page
from tests.e2e.page.modules.test_page_modules import call, serve
from trading import protocol
from trading.core.accounts import Position
from trading.core.commands import CheckRisk, Deposit, OpenAccount, Settle
from trading.core.engine import Engine
from trading.core.events import LiquidationStarted, Refused
from trading.core.money import RATE, UNIT, to_currency
from trading.core.types import Direction, Offset, OrderOptions, OrderType, StopKind, TimeCondition, Trigger
from trading.reads import from_rows, holdings

try:
    from playwright.sync_api import Page
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")

ID = "IX2301"
NOW = 1_700_000_000_000
ME, OTHER = 1, 2
MARGIN = 12_345_677
"""Of 1/100,000,000: no margin of a lot is a round sum."""
ROUNDING = 0.0002
"""Margin is rounded on the position, its estimate on what is added."""
INSTRUMENT = {
    "instrument_id": ID,
    "product_id": "IX",
    "tick": 0.5,
    "multiplier": 100,
    "margin_rate_long": MARGIN / RATE,
    "margin_rate_short": MARGIN / RATE,
    "fee_open": {"per_lot": 2.0, "rate": 0.0},
    "fee_close": {"per_lot": 3.0, "rate": 0.0001},
    "fee_close_today": {"per_lot": 5.0, "rate": 0.0},
    "max_volume": 500,
    "larger_side": False,
}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """An empty page from whose address the modules can be had."""
    with chromium() as browser, new_page(browser) as opened:
        opened.route("**/*", serve)
        opened.goto("http://page.test/")
        yield opened
        assert opened.complaints == []


class Venue:
    """An engine with two accounts, and what the page would know of the first."""

    def __init__(self, funds: int, risk_limit: float = 1.0) -> None:
        self.engine = Engine()
        self.risk_limit = risk_limit
        odd = msgspec.structs.replace(listing(ID), terms=terms(margin=MARGIN))
        for command in (odd, OpenAccount("me"), OpenAccount("other")):
            self.engine.apply(command, NOW)
        for user_id, amount in (("me", funds), ("other", 10_000_000)):
            self.engine.apply(Deposit(user_id, amount * UNIT), NOW)

    def do(self, account_id: int, words: str) -> bool:
        """Whether it was taken."""
        words, _, levels = words.partition(" levels ")
        options = OrderOptions(price_levels=int(levels)) if levels else None
        events = self.engine.apply(order(account_id, words, ID, options=options), NOW)
        return not any(isinstance(event, Refused) for event in events)

    @property
    def account(self) -> Any:
        return self.engine.state.accounts[ME]

    def prices_closed(self, words: str) -> set[float]:
        """What was paid for the lots that an order may close."""
        direction, offset, *_ = words.split()
        held = self.account.positions.get(ID)
        if offset == "OPEN" or held is None:
            return set()
        return {line.cost / line.lots for line in held.leg(direction == "SELL").today_lots}

    def lots_of(self, position: Position) -> list[holdings.LotView]:
        """As the tables would tell them."""
        return [
            holdings.LotView(direction, line.lots, line.cost, NOW, today=line in leg.today_lots)
            for direction, leg in ((Direction.BUY, position.long), (Direction.SELL, position.short))
            for line in leg.detail
        ]

    def said(self, words: str) -> dict[str, Any]:
        """What the page estimates an order from."""
        figures = self.account.figures()
        last = self.engine.state.instruments[ID].last
        price = None if last is None else last * 0.5
        positions = [
            from_rows.position_data(holdings.PositionView("me", each, 100, None, self.lots_of(each)))
            for each in self.account.positions.values()
            if not each.flat
        ]
        direction, offset, volume, _, at, *more = words.split()
        return {
            "order": {
                "instrument_id": ID,
                "direction": direction,
                "offset": offset,
                "volume": int(volume),
                "order_type": "MARKET" if at == "MARKET" else "LIMIT",
                "price": None if at == "MARKET" else float(at),
                "price_levels": int(more[1]) if more else None,
            },
            "instrument": INSTRUMENT | {"last_price": price},
            "instruments": [INSTRUMENT],
            "account": {name: to_currency(getattr(figures, name)) for name in ("balance", "available", "margin")},
            "positions": msgspec.to_builtins(positions),
            "book": {"bids": self._levels("bids"), "asks": self._levels("asks")},
            "riskLimit": self.risk_limit,
        }

    def _levels(self, side: str) -> list[dict[str, float]]:
        book = getattr(self.engine.state.instruments[ID].book, side)
        return [{"price": price * 0.5, "volume": lots} for price, lots, *_ in book.depth(100)]


def estimate(page: Page, venue: Venue, words: str) -> Any:
    return call(page, "orders/estimate", "m.estimate(x)", venue.said(words))


def random_words(chance: random.Random, venue: Venue) -> str:
    direction = chance.choice(["BUY", "SELL"])
    held = venue.account.positions.get(ID)
    side = None if held is None else held.leg(direction == "SELL")
    volume = chance.randint(1, 9)
    free = 0 if side is None else side.lots - side.today_frozen - side.his_frozen
    offset = "CLOSE" if free and chance.random() < 0.5 else "OPEN"
    volume = min(volume, free) if offset == "CLOSE" else volume
    at = "MARKET" if chance.random() < 0.4 else f"{chance.randint(226, 254) / 2}"
    if at == "MARKET" and chance.random() < 0.5:
        at += f" levels {chance.randint(1, 3)}"
    return f"{direction} {offset} {volume} @ {at}"


@pytest.mark.slow
def test_estimates_are_what_the_engine_makes_of_it(page: Page) -> None:
    """Openings that trade, rest or both, and closings that trade. (One that rests changes nothing before it trades.)
    Lots that were opened first are closed first, at what they cost; those of the day before at its settlement price."""
    chance = random.Random(3)
    venue, seen, of_lots = Venue(2_000_000), 0, 0
    for number in range(220):
        if number == 110:
            venue.engine.apply(Settle(20261126, 20261127, {}), NOW)
            assert any(each.leg(True).his or each.leg(False).his for each in venue.account.positions.values())
        side, price = chance.choice([("BUY", 118), ("SELL", 122)])
        venue.do(OTHER, f"{side} OPEN {chance.randint(1, 6)} @ {price + chance.randint(-4, 4) / 2}")
        words = random_words(chance, venue)
        said = venue.said(words)
        found = call(page, "orders/estimate", "m.estimate(x)", said)
        left = call(page, "orders/estimate", "m.fillsOf(x.order, x.book).left", said)
        before, closed = venue.account.figures(), venue.prices_closed(words)
        if found is None or (left and " OPEN " not in words) or not venue.do(ME, words):
            continue
        now = venue.account.figures()
        assert found["available"] == pytest.approx(to_currency(now.available), abs=ROUNDING), words
        if not left:
            assert found["margin"] == pytest.approx(to_currency(now.margin - before.margin), abs=ROUNDING), words
            assert found["commission"] == pytest.approx(to_currency(now.commission - before.commission)), words
        seen, of_lots = seen + 1, of_lots + (len(closed) > 1)
        for order_id in list(venue.account.orders):
            venue.engine.apply(cancel(ME, order_id), NOW)
    assert seen > 60 and of_lots > 5


def test_a_position_is_worth_at_the_last_price_what_the_exchange_will_say(page: Page) -> None:
    """Of lots of today and of the day before, long and short, whatever the next price is."""
    chance = random.Random(4)
    venue = Venue(2_000_000)

    def told(ticks: int) -> Any:
        """What the exchange tells of the position after a trade of others at this price."""
        venue.engine.state.instruments[ID].trade_at(ticks, 1, NOW)
        view = holdings.PositionView("me", venue.account.positions[ID], 100, ticks * UNIT // 2, None)
        return msgspec.to_builtins(from_rows.position_data(view))

    for number in range(12):
        if number == 6:
            venue.engine.apply(Settle(20261126, 20261127, {}), NOW)
        ticks = chance.randint(236, 244)
        for mine, other in (("BUY", "SELL"), ("SELL", "BUY")):
            lots = chance.randint(1, 5)
            assert venue.do(OTHER, f"{other} OPEN {lots} @ {ticks / 2}")
            assert venue.do(ME, f"{mine} OPEN {lots} @ {ticks / 2}")
        before, after = told(ticks), told(ticks + chance.choice([-3, 1, 4]))
        for position in (before, after):
            assert call(page, "orders/estimate", "m.valued(...x)", [position, INSTRUMENT, after["last_price"]]) == after
    assert after["position_profit_long"] and after["position_profit_short"]
    assert after["position_cost_long"] != after["open_cost_long"]


@pytest.mark.parametrize(
    ("levels", "fills"), [(1, []), (2, [[121, 3]]), (3, [[121, 3], [122, 1]]), (None, [[121, 3], [122, 1]])]
)
def test_a_price_of_own_orders_alone_is_one_of_the_best(page: Page, levels: int | None, fills: list[list[int]]) -> None:
    book = {"bids": [], "asks": [{"price": price, "volume": lots} for price, lots in ((120, 2), (121, 4), (122, 1))]}
    own = [
        {"instrument_id": ID, "direction": "SELL", "status": "Submitted", "price": price, "remaining_volume": lots}
        for price, lots in ((120, 2), (121, 1))
    ]
    order = {"direction": "BUY", "order_type": "MARKET", "price": None, "volume": 9, "price_levels": levels}
    found = call(page, "orders/estimate", "m.fillsOf(x[0], m.withoutOwn(x[1], x[2], x[3]))", [order, book, ID, own])
    assert [[each["price"], each["lots"]] for each in found["fills"]] == fills
    assert found["left"] == 9 - sum(lots for _, lots in fills)


@pytest.mark.parametrize("limit", [1.0, 0.9, 1.1])
@pytest.mark.parametrize(("direction", "funds", "lots"), [("BUY", 2_000, 10), ("SELL", 8_000, 10), ("BUY", 5_000, 30)])
def test_the_account_is_liquidated_where_the_page_said(
    page: Page,
    direction: str,
    funds: int,
    lots: int,
    limit: float,
) -> None:
    """One tick before the estimated price nothing happens; at it, or one tick later, the engine acts."""
    back = "SELL" if direction == "BUY" else "BUY"
    venue = Venue(funds + round(lots * 1_500 / limit), limit)
    venue.do(OTHER, f"{back} OPEN {lots} @ 120")
    price = estimate(page, venue, f"{direction} OPEN {lots} @ 120")["liquidation"]
    assert venue.do(ME, f"{direction} OPEN {lots} @ 120")
    said = venue.said(f"{direction} OPEN 1 @ 120")
    same = call(page, "orders/estimate", "m.liquidationOf(x.positions[0], x.instrument, x.account, x.riskLimit)", said)
    assert same == pytest.approx(price, abs=0.01)
    sign = -1 if direction == "BUY" else 1
    step = 0
    while not liquidated(venue, 120 + sign * step / 2):
        step += 1
        assert step < 24, "it never is"
    at = 120 + sign * step / 2
    assert (at - price) * sign >= 0 and (at - sign * 0.5 - price) * sign < 0, (at, price)


def liquidated(venue: Venue, price: float) -> bool:
    """Whether the first account is liquidated when others trade at `price`."""
    venue.engine.apply(OpenAccount("third"), NOW)
    venue.engine.apply(Deposit("third", 10_000_000 * UNIT), NOW)
    venue.do(3, f"BUY OPEN 1 @ {price}")
    venue.do(OTHER, f"SELL OPEN 1 @ {price}")
    events = venue.engine.apply(CheckRisk(RATE // 2, round(RATE * venue.risk_limit)), NOW)
    return any(isinstance(event, LiquidationStarted) and event.account_id == ME for event in events)


@pytest.mark.parametrize(
    ("direction", "volume", "held", "expected"),
    [
        ("SELL", 5, {}, [("OPEN", 5)]),
        ("SELL", 5, {"his": 2, "today": 3}, [("CLOSE", 5)]),
        ("SELL", 5, {"his": 2, "today": 1}, [("CLOSE", 3), ("OPEN", 2)]),
        ("SELL", 5, {"his": 2, "today": 3, "frozen_today": 3}, [("CLOSE", 2), ("OPEN", 3)]),
        ("BUY", 5, {"his": 2, "today": 3}, [("OPEN", 5)]),
    ],
)
def test_auto_closes_what_it_can_and_opens_the_rest(
    page: Page,
    direction: str,
    volume: int,
    held: dict[str, int],
    expected: list[tuple[str, int]],
) -> None:
    names = ("his", "today", "frozen_his", "frozen_today")
    position = {f"volume_{side}_{name}": 0 for side in ("long", "short") for name in names}
    position |= {f"volume_long_{name}": lots for name, lots in held.items()}
    found = call(page, "orders/estimate", "m.parts(x[0], x[1], x[2])", [direction, volume, position])
    assert [(one["offset"], one["volume"]) for one in found] == expected


# --- what it says


PLAIN = {
    "instrument_id": ID,
    "direction": "BUY",
    "offset": "OPEN",
    "volume": 5,
    "order_type": "LIMIT",
    "price": 120.5,
    "time_condition": "GFD",
    "client_order_id": "c1",
    "post_only": False,
    "reduce_only": False,
    "display_volume": None,
    "price_levels": None,
    "oco_group": None,
    "expires_at": None,
}
FIELDS = {
    "instrument_id": ID,
    "direction": Direction.BUY,
    "offset": Offset.OPEN,
    "volume": 5.0,
    "order_type": OrderType.LIMIT,
    "price": 120.5,
    "client_order_id": "c1",
}


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, {}),
        (
            {"order_type": "MARKET", "price": None, "time_condition": None},
            {"order_type": OrderType.MARKET, "price": None},
        ),
        (
            {"order_type": "MARKET", "price": None, "time_condition": None, "price_levels": 5},
            {"order_type": OrderType.MARKET, "price": None, "price_levels": 5},
        ),
        ({"time_condition": "GTD", "expires_at": 5}, {"time_condition": TimeCondition.GTD, "expires_at": 5}),
        ({"post_only": True, "display_volume": 2}, {"post_only": True, "display_volume": 2.0}),
        (
            {"stop_kind": "TAKE_PROFIT", "trigger": "BID", "stop_price": 121, "oco_group": "exit"},
            {"stop_kind": StopKind.TAKE_PROFIT, "trigger": Trigger.BID, "stop_price": 121.0, "oco_group": "exit"},
        ),
        (
            {"stop_kind": "STOP", "trigger": "LAST", "trail": 2.5},
            {"stop_kind": StopKind.STOP, "trigger": Trigger.LAST, "trail": 2.5},
        ),
    ],
)
def test_an_order_is_said_as_the_server_understands_it(page: Page, change: dict[str, Any], fields: Any) -> None:
    asked = PLAIN | change
    one = protocol.decode(call(page, "line/protocol", "JSON.stringify(m.submit([x]))", asked))
    assert one == protocol.SubmitOrder(**FIELDS | fields)
    two = protocol.decode(call(page, "line/protocol", "JSON.stringify(m.submit([x, x]))", asked))
    assert two == protocol.SubmitOrders(orders=[protocol.OrderFields(**FIELDS | fields)] * 2)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("m.amendOrder('O1', { price: 120.5 })", protocol.AmendOrder(order_id="O1", price=120.5)),
        ("m.cancelAll()", protocol.CancelAll()),
        ("m.queryOrders()", protocol.QueryOrders(limit=100)),
        ("m.queryOrders('O1')", protocol.QueryOrders(limit=100, before="O1")),
        ("m.queryTrades(null)", protocol.QueryTrades(limit=100)),
        ("m.queryStatements()", protocol.QueryStatements(limit=100)),
    ],
)
def test_what_a_trader_asks_is_what_the_server_understands(page: Page, expression: str, message: Any) -> None:
    assert protocol.decode(call(page, "line/protocol", f"JSON.stringify({expression})")) == message


def test_times_are_read_off_the_ids(page: Page) -> None:
    number = protocol.order_number("O17251234567890000001")
    assert number is not None
    assert call(page, "line/protocol", "m.timeOfId(x)", protocol.order_id_text(number)) == 1_725_123_456_789


# --- which options go together

STOPS: list[dict[str, Any]] = [
    {},
    {"stop_kind": "STOP", "trigger": "LAST", "stop_price": 121},
    {"stop_kind": "TAKE_PROFIT", "trigger": "BID", "stop_price": None},
    {"stop_kind": "STOP", "trigger": "ASK", "trail": 2.5},
]
CHOICES: dict[str, list[Any]] = {
    "order_type": ["LIMIT", "MARKET"],
    "time_condition": ["GFD", "GTC", "GTD", "IOC", "FOK"],
    "offset": ["OPEN", "CLOSE"],
    "price": [120.5, None],
    "post_only": [False, True],
    "reduce_only": [False, True],
    "display_volume": [None, 2],
    "expires_at": [None, NOW],
}
WITHOUT_NEED = {"price", "time_condition"}
"""What is left out of a market order though the server would only pass it over."""


def test_what_the_form_says_is_an_order_or_a_question_and_never_a_contradiction(page: Page) -> None:
    """Every way to fill it in: the server takes what the rules leave of it, and would not take what they left out."""
    choices = [dict(zip(CHOICES, values, strict=True)) for values in itertools.product(*CHOICES.values())]
    forms = [PLAIN | choice | stop for choice in choices for stop in STOPS]
    for form in forms[::3]:  # every third of what is counted in twos, fours and fives: all ways, at no cost
        form["price_levels"] = 5
    script = """(async () => {
        const { submit } = await import('/static/bourse/js/line/protocol.js');
        const told = (order) => JSON.stringify(submit([order]));
        return x.map((one) => {
            const order = m.fitting(one);
            const out = [...m.meaningless(one)].filter((name) => one[name] != null && one[name] !== false);
            const back = out.map((name) => [name, told({ ...order, [name]: one[name] })]);
            return [m.lacking(order)?.field ?? null, told(order), back];
        });
    })()"""
    lacked, put_back = set(), set()
    for form, (lacks, text, back) in zip(forms, call(page, "orders/order_rules", script, forms), strict=True):
        assert (lacks is None) == (not isinstance(order_of(text), Refused)), (form, lacks, text)
        for name, worse in back:
            assert name in WITHOUT_NEED or lacks or isinstance(order_of(worse), Refused), (name, worse)
            put_back.add(name)
        lacked.add(lacks)
    assert lacked == {None, "price", "stop_price", "expires_at"}
    options = {"post_only", "reduce_only", "display_volume", "price_levels", "expires_at"}
    assert put_back == {"price", "time_condition", *options}


def order_of(text: str) -> Any:
    """The engine's command, or the server's refusal, of a `submit_order`."""
    message: Any = protocol.decode(text)
    return protocol.to_command(message, ME, NOW)


def test_rules_that_come_from_elsewhere_hold_as_well(page: Page) -> None:
    rules = [
        {"options": {"offset": ["CLOSE"], "post_only": True}, "field": "post_only"},
        {"options": {"direction": ["SELL"], "oco_group": False}, "field": "oco_group", "sentence": "ticket.oco_hint"},
    ]
    closing = PLAIN | {"offset": "CLOSE", "direction": "SELL", "post_only": True, "reduce_only": True}
    script = "[m.fitting(x.order, x.rules), m.lacking(x.order, x.rules)]"
    fitted, lacks = call(page, "orders/order_rules", script, {"order": closing, "rules": rules})
    assert fitted == closing | {"post_only": None}
    assert lacks == rules[1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_sentences_of_the_rules_are_there(page: Page, language: str) -> None:
    sentences = call(page, "orders/order_rules", "m.ORDER_RULES.map((one) => one.sentence).filter(Boolean)")
    words = call(page, f"locales/{language}", "Object.keys(m.default)")
    assert sentences and set(sentences) <= set(words)


# --- files


CELLS = [
    "plain",
    'with "quotes"',
    "a,b",
    "two\r\nlines",
    "委托",
    "=1+1",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\tx",
    "",
    " =1",
]


def test_a_file_is_read_back_as_it_was_and_runs_nothing(page: Page) -> None:
    rows = [{"text": text, "number": at - 3.5} for at, text in enumerate(CELLS)] + [{"text": None, "number": None}]
    columns = "[{ head: '名称', value: (r) => r.text }, { head: 'Number', value: (r) => r.number }]"
    text = call(page, "ui/csv", f"m.csvText({columns}, x)", rows)
    assert text.startswith("\ufeff") and text.endswith("\r\n")
    head, *lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert head == ["名称", "Number"]
    guarded = [f"'{cell}" if cell[:1] in set("=+-@\t\r") else cell for cell in CELLS]
    assert [line[0] for line in lines] == [*guarded, ""]
    assert [line[1] for line in lines] == [f"{at - 3.5:g}" for at in range(len(CELLS))] + [""]


# --- histories


def test_fills_come_together_once_and_know_what_they_cost(page: Page) -> None:
    def fill(number: int, **more: Any) -> dict[str, Any]:
        return {"trade_id": f"T{number}", "order_id": "O1", "price": 1.0, **more}

    script = """(() => {
        let state = { fills: [] };
        const apply = (patch) => { state = { ...state, ...patch }; };
        x.pushed.forEach((one) => apply(m.fill(state, one)));
        apply(m.fillsAgain(state, { trades: x.told, next: 'T2' }));
        apply(m.fillsPage(state, { trades: x.older, next: null }, false));
        return state;
    })()"""
    told = [fill(3, commission=1.5), fill(2, commission=2.5)]
    argument = {"pushed": [fill(2), fill(3), fill(3)], "told": told, "older": [fill(1, commission=3.5)]}
    state = call(page, "state/reduce_history", script, argument)
    assert [(one["trade_id"], one["commission"]) for one in state["fills"]] == [("T3", 1.5), ("T2", 2.5), ("T1", 3.5)]
    assert state["fillsNext"] is None


ORDER_ENTRY = """(async () => {
    const told = [];
    const working = { order_id: 'O1', status: 'Submitted', price: 120, volume: 3, filled_volume: 0 };
    const store = {
        state: {
            orders: new Map([['O1', working]]), cancelling: new Set(), amending: new Set(), ticket: { phase: 'idle' },
            connection: { phase: 'reconnecting' }, session: { userId: 'me' },
        },
        set(patch) { this.state = { ...this.state, ...patch }; },
    };
    const request = async (message) => { told.push(message); return x.answers.shift() ?? null; };
    const notice = (kind) => told.push(kind);
    const entry = new m.OrderEntry({ store, request, notice, lookUp: () => {}, refused: () => {} });
    const order = { instrument_id: 'IX2301', direction: 'BUY', offset: 'OPEN', volume: 1, order_type: 'MARKET' };
    const ways = {
        cancel: () => entry.cancel('O1'),
        amend: () => entry.amend('O1', { price: 121 }),
        submit: () => entry.submit([order]),
    };
    const done = await ways[x.what]();
    const { orders, ticket, cancelling, amending } = store.state;
    return { done, told, orders: [...orders.values()], ticket, waits: cancelling.size + amending.size };
})()"""
YES = {"type": "order_response", "success": True, "order_id": "O17251234567890000001"}
NO = {"type": "order_response", "success": False, "order_id": None, "error_code": 1011, "error_message": "Too late"}


@pytest.mark.parametrize(
    ("what", "answers", "done", "said", "waits"),
    [
        ("cancel", [YES], True, [], 1),  # the status comes as a push
        ("cancel", [NO], False, ["cancel-refused"], 0),
        ("cancel", [None], False, ["dropped"], 0),
        ("amend", [YES], True, [], 0),
        ("amend", [NO], False, ["amend-refused"], 0),
        ("amend", [None], False, ["dropped"], 0),
    ],
)
def test_an_order_is_as_it_was_until_the_exchange_says_otherwise(
    page: Page, what: str, answers: list[Any], done: bool, said: list[str], waits: int
) -> None:
    found = call(page, "orders/order_entry", ORDER_ENTRY, {"what": what, "answers": answers})
    assert found["orders"] == [
        {"order_id": "O1", "status": "Submitted", "price": 120, "volume": 3, "filled_volume": 0},
    ]
    assert (found["done"], found["told"][1:], found["waits"]) == (done, said, waits)


@pytest.mark.parametrize(
    ("answers", "phase", "orders"), [([YES], "answered", 2), ([NO], "answered", 1), ([None], "uncertain", 1)]
)
def test_an_order_is_known_when_it_is_accepted_and_has_no_status_before_its_push(
    page: Page, answers: list[Any], phase: str, orders: int
) -> None:
    found = call(page, "orders/order_entry", ORDER_ENTRY, {"what": "submit", "answers": answers})
    assert found["ticket"]["phase"] == phase
    assert len(found["orders"]) == orders
    assert not any("status" in one for one in found["orders"] if one["order_id"] != "O1")


@pytest.mark.parametrize(
    ("order_type", "levels", "words"),
    [
        ("LIMIT", None, "at 119.5"),
        ("MARKET", None, "at market"),
        ("MARKET", 1, "at best 1"),
        ("MARKET", 5, "at best 5"),
    ],
)
def test_the_button_says_at_what_an_order_trades(page: Page, order_type: str, levels: int | None, words: str) -> None:
    order = {"order_type": order_type, "price": "119.5", "price_levels": levels}
    said = call(page, "panels/shared/order_text", "m.atWords(x)", order)
    assert said == words


def test_a_risk_ratio_is_a_share_of_what_there_is(page: Page) -> None:
    accounts = [
        {"balance": balance, "margin": margin, "risk_ratio": ratio}
        for balance, margin, ratio in ((100, 84, 0.84), (0, 0, 0), (0, 84, 9999), (-1, 0, 0))
    ]
    told = call(page, "panels/shared/risk_text", "x.map(m.riskText)", accounts)
    assert told == ["84.00%", "0.00%", "no balance left", "no balance left"]
