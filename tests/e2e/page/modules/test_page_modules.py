"""The page's pure modules, run in the browser they are written for, without a server: the protocol against the golden
frames of the server, books and bars against the code that makes them."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
import pytest

from exchange_site.wiring.connections import FAREWELL
from marketdata.core.depth import Level, changed
from tests.e2e.browser import chromium, missing, new_page
from tests.protocol.golden import CLIENT, SERVER
from trading import protocol
from trading.core.codes import Code
from trading.core.types import CancelReason, Direction, Offset, OrderStatus, OrderType, Phase, TimeCondition
from trading.transport.engine_watch import SILENT
from trading.websocket.announcement_board import TAKEN_AGAIN
from trading.worker.engine_keeper import ELSEWHERE

try:
    from playwright.sync_api import Page, Route
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")

STATIC = Path(__file__).resolve().parents[4] / "static"
MODULES = "/static/bourse/js"
ID = "IX2301"
PLAIN = re.compile(r"""\bt\('([\w.]+)'""")
MARKED = re.compile(r"""data-t(?:-[\w-]+)?="([\w.]+)\"""")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """An empty page from whose address the modules can be had."""
    with chromium() as browser, new_page(browser) as opened:
        opened.route("**/*", serve)
        opened.goto("http://page.test/")
        yield opened
        assert opened.complaints == []


def serve(route: Route) -> None:
    path = urlsplit(route.request.url).path
    if path.startswith("/static/"):
        route.fulfill(path=STATIC / path.removeprefix("/static/"))
    else:
        route.fulfill(body="<!doctype html>", content_type="text/html")


def call(page: Page, module: str, expression: str, argument: Any = None) -> Any:
    """The value of `expression` over the module `m` and the argument `x`."""
    return page.evaluate(
        f"async (x) => {{ const m = await import('{MODULES}/{module}.js'); return {expression}; }}", argument
    )


# --- the protocol


SIDES = pytest.mark.parametrize(
    ("table", "texts"),
    [("CLIENT_FRAMES", [text for text, _ in CLIENT]), ("SERVER_FRAMES", [text for _, text in SERVER])],
    ids=["client", "server"],
)


@SIDES
def test_the_page_knows_every_field_of_every_golden_frame(page: Page, table: str, texts: list[str]) -> None:
    strange = call(
        page,
        "line/protocol",
        f"x.map((text) => [text, JSON.parse(text)]).map(([text, frame]) => [text, m.missing(frame, m.{table}), "
        f"m.unknown(frame, m.{table})]).filter(([, missing, unknown]) => missing.length + unknown.length > 0)",
        texts,
    )
    assert strange == []


@SIDES
def test_the_page_knows_no_frame_and_no_field_that_there_is_not(page: Page, table: str, texts: list[str]) -> None:
    known = call(page, "line/protocol", f"m.{table}")
    union = protocol.ClientMessage if table == "CLIENT_FRAMES" else protocol.ServerMessage
    structs = {struct.__struct_config__.tag: struct for struct in union.__args__}
    assert known.keys() == structs.keys() == {json.loads(text)["type"] for text in texts}
    for kind, struct in structs.items():
        fields = {field.encode_name: field.required for field in msgspec.structs.fields(struct)}
        fields.pop("request_id", None)
        assert {*known[kind]["required"], *known[kind]["optional"]} == fields.keys(), kind


def test_a_server_frame_is_read_as_it_is_and_not_at_all_without_one_of_its_fields(page: Page) -> None:
    texts = [text for _, text in SERVER]
    assert call(page, "line/protocol", "x.map((text) => m.parse(text))", texts) == [json.loads(text) for text in texts]
    cut = [
        json.dumps({name: value for name, value in json.loads(text).items() if name != gone})
        for text in texts
        for gone in call(page, "line/protocol", "m.SERVER_FRAMES[x].required", json.loads(text)["type"])
    ]
    nonsense = [
        "",
        "null",
        "7",
        "[]",
        "{}",
        '{"type":"constructor"}',
        '{"type":7}',
        '{"type":"pong"',
        "{'type':'pong'}",
    ]
    assert call(page, "line/protocol", "x.filter((text) => m.parse(text) !== null)", cut + nonsense) == []


def declared_types() -> tuple[dict[str, dict[str, str]], dict[str, set[str]]]:
    """Of frames.d.ts: the fields of each interface with their types, by name with its `?`; the values of each word."""
    text = (STATIC / "bourse/js/line/frames.d.ts").read_text()
    interfaces = {
        name: dict(re.findall(r"^  (\w+\??): (.*);$", body, re.MULTILINE))
        for name, body in re.findall(r"^interface (\w+) {\n(.*?)^}", text, re.MULTILINE | re.DOTALL)
    }
    words = {
        name: set(re.findall(r"'(\w+)'", values)) for name, values in re.findall(r"^type (\w+) = ('.*);$", text, re.M)
    }
    return interfaces, words


def written_as(kind: Any, declared: str, words: dict[str, set[str]]) -> bool:
    """Whether a type of the server is declared like this. Null where a field is left out is not declared."""
    parts = [part for part in (get_args(kind) or (kind,)) if part not in (type(None), msgspec.UnsetType)]
    name = declared.removesuffix(" | null").removesuffix("[]")
    if get_origin(kind) is Literal:
        return words[name] == set(parts)
    (part,) = parts
    if isinstance(part, type) and issubclass(part, Enum):
        return name == "string" or words[name] == {each.value for each in part}
    if isinstance(part, type) and issubclass(part, msgspec.Struct):
        return name in (part.__name__, f"{part.__name__}Frame")
    return name == {str: "string", int: "number", float: "number", bool: "boolean"}[part]


def test_the_declared_frames_are_the_servers() -> None:
    """What the type check of the page believes of each frame, and of what is in it."""
    interfaces, words = declared_types()
    tags = {fields["type"].strip("'"): name for name, fields in interfaces.items() if "type" in fields}
    waiting = list(protocol.ServerMessage.__args__)
    seen: set[str] = set()
    while waiting:
        struct = waiting.pop()
        tag = struct.__struct_config__.tag
        name = tags[tag] if tag else struct.__name__
        if name in seen:
            continue
        seen.add(name)
        declared = {key: kind for key, kind in interfaces[name].items() if key != "type"}
        hints = get_type_hints(struct)
        fields = [field for field in msgspec.structs.fields(struct) if field.name != "request_id"]
        assert declared.keys() == {f"{each.encode_name}{'' if each.required else '?'}" for each in fields}, name
        for (key, text), field in zip(declared.items(), fields, strict=True):
            kind = hints[field.name]
            if get_origin(kind) is list:
                (kind,) = get_args(kind)
                assert text.endswith("[]"), (name, key)
            elif field.required:
                assert text.endswith(" | null") == (type(None) in get_args(kind)), (name, key)
            inner = next((each for each in get_args(kind) if get_origin(each) is list), kind)
            inner = get_args(inner)[0] if get_origin(inner) is list else inner
            assert written_as(inner, text, words), (name, key, text, kind)
            waiting += [each for each in (inner, *get_args(inner)) if hasattr(each, "__struct_config__")]
    assert seen == interfaces.keys()


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("m.ping()", protocol.Ping()),
        ("m.auth('user001', 't')", protocol.Auth(user_id="user001", token="t")),
        ("m.subscribe(['ticker'], ['IX2301'])", protocol.Subscribe(channels=["ticker"], instruments=[ID])),
        ("m.unsubscribe(['ticker'], ['IX2301'])", protocol.Unsubscribe(channels=["ticker"], instruments=[ID])),
        ("m.subscribeBars('IX2301', '5m')", protocol.Subscribe(channels=["kline"], instruments=[ID], period="5m")),
        ("m.unsubscribeBars('IX2301', '1d')", protocol.Unsubscribe(channels=["kline"], instruments=[ID], period="1d")),
        ("m.cancelOrder('O1')", protocol.CancelOrder(order_id="O1")),
        ("m.queryOrder('O1')", protocol.QueryOrder(order_id="O1")),
        ("m.queryAccount()", protocol.QueryAccount()),
        ("m.queryPosition()", protocol.QueryPosition(lots=True)),
        ("m.queryInstruments()", protocol.QueryInstruments()),
        ("m.queryStatistics()", protocol.QueryStatistics()),
        ("m.queryPublicTrades('IX2301')", protocol.QueryPublicTrades(instrument_id=ID)),
        ("m.queryBars('IX2301', '1h', 500)", protocol.QueryBars(instrument_id=ID, period="1h", limit=500)),
        ("m.queryBars('IX2301', '1h', 9, 5)", protocol.QueryBars(instrument_id=ID, period="1h", limit=9, before=5)),
        ("m.resume(null)", protocol.Resume()),
        ("m.resume(41)", protocol.Resume(last_seq=41)),
    ],
)
def test_what_the_page_says_is_what_the_server_understands(page: Page, expression: str, message: Any) -> None:
    assert protocol.decode(call(page, "line/protocol", f"JSON.stringify({expression})")) == message


def test_the_words_of_the_protocol_are_the_servers(page: Page) -> None:
    words = {
        "DIRECTIONS": Direction,
        "OFFSETS": Offset,
        "ORDER_TYPES": OrderType,
        "TIME_CONDITIONS": TimeCondition,
        "STATUSES": OrderStatus,
        "PHASES": Phase,
        "CANCEL_REASONS": CancelReason,
    }
    for name, known in words.items():
        told = {each.value for each in known} - {CancelReason.ASKED}
        told |= {"NO_TRADE"} if known is CancelReason else set()  # of an order that is UNFILLED as a whole
        assert set(call(page, "line/protocol", f"m.{name}")) == told, name
    assert set(call(page, "line/protocol", "m.ERROR_CODES")) == {int(code) for code in Code}


def test_both_languages_have_the_same_words_and_every_code_and_enum_has_one(page: Page) -> None:
    needed = call(
        page,
        "line/protocol",
        "[['error', m.ERROR_CODES], ['close', m.CLOSE_CODES], ['status', m.STATUSES], ['direction', m.DIRECTIONS], "
        "['offset', m.OFFSETS], ['type', m.ORDER_TYPES], ['time', m.TIME_CONDITIONS], ['phase', m.PHASES], "
        "['chart.period', Object.keys(m.PERIODS)]].flatMap(([name, all]) => all.map((each) => `${name}.${each}`))",
    )
    english, chinese = (set(call(page, f"locales/{name}", "Object.keys(m.default)")) for name in ("en", "zh"))
    assert english == chinese
    assert set(needed) <= english


def test_every_word_that_the_code_and_the_template_name_is_there(page: Page) -> None:
    """Those with a name that is put together at run time are looked at above."""
    english = set(call(page, "locales/en", "Object.keys(m.default)"))
    texts = [path.read_text() for path in (STATIC / "bourse/js").rglob("*.js") if path.parent.name != "locales"]
    texts.append((STATIC.parent / "templates/index.html").read_text())
    named = {key for text in texts for found in (PLAIN.findall(text), MARKED.findall(text)) for key in found}
    assert named and named <= english, named - english


TAGS = {
    "HTMLFormElement": "form",
    "HTMLTableElement": "table",
    "HTMLDialogElement": "dialog",
    "HTMLDetailsElement": "details",
}
TAGS |= {"HTMLInputElement": "input", "HTMLSelectElement": "select", "HTMLButtonElement": "button"}


def test_the_template_has_the_elements_that_the_modules_ask_for() -> None:
    """The type check takes their being there, and what they are, for granted."""
    template = (STATIC.parent / "templates/index.html").read_text()
    modules = STATIC / "bourse/js"
    texts = [path.read_text() for path in modules.rglob("*.js") if not path.is_relative_to(modules / "office")]
    tags = {element: tag for tag, element in re.findall(r'<(\w+)\b[^>]*?\sid="([\w-]+)"', template)}
    made = set(re.findall(r"json_script:\"(\w+)\"", template))
    asked = {element for text in texts for element in re.findall(r"\bbyId\('([\w-]+)'\)", text)}
    assert len(asked) > 50 and asked <= tags.keys() | made, asked - tags.keys() - made
    body = (modules / "types.d.ts").read_text().partition("interface PageElements {")[2].partition("}")[0]
    declared = dict(re.findall(r"'([\w-]+)': (\w+);", body))
    assert declared and {element: TAGS[kind] for element, kind in declared.items()} == {
        element: tags[element] for element in declared
    }


def test_the_templates_of_the_office_have_the_elements_that_its_modules_ask_for() -> None:
    templates = "".join(path.read_text() for path in (STATIC.parent / "templates/admin").rglob("*.html"))
    there = set(re.findall(r'\sid="([\w-]+)"', templates)) | set(re.findall(r"json_script:\"([\w-]+)\"", templates))
    texts = [path.read_text() for path in (STATIC / "bourse/js/office").rglob("*.js")]
    asked = {element for text in texts for element in re.findall(r"\bbyId\('([\w-]+)'\)", text)}
    assert len(asked) > 5 and asked <= there, asked - there


# --- the order book


def whole(seq: int, bids: list[Level], asks: list[Level]) -> protocol.OrderBookDelta:
    return protocol.orderbook_delta(ID, bids, asks, 1, seq, None)


def test_a_book_kept_up_by_changes_is_the_book(page: Page) -> None:
    """Random books, told as the server tells them, with frames that come twice."""
    chance = random.Random(5)
    books = [random_book(chance) for _ in range(60)]
    frames = [protocol.encode(whole(1, *books[0]))]
    for seq, (before, now) in enumerate(itertools.pairwise(books), 2):
        bids, asks = (changed(*sides) for sides in zip(before, now, strict=True))
        frame = protocol.encode(protocol.orderbook_delta(ID, bids, asks, 1, seq, seq - 1))
        frames += [frame] * chance.choice([1, 1, 2])
    kept = call(
        page,
        "state/reduce_market",
        "x.map((text) => JSON.parse(text))."
        "reduce((state, frame) => ({ ...state, ...m.delta(state, frame) }), { books: {}, instruments: [] })",
        frames,
    )["books"][ID]
    expected = json.loads(protocol.encode(whole(1, *books[-1])))
    assert (kept["bids"], kept["asks"], kept["seq"]) == (expected["bids"], expected["asks"], 60)


def random_book(chance: random.Random) -> tuple[list[Level], list[Level]]:
    def side(prices: range) -> list[Level]:
        return [
            (price * 5_000, chance.randint(1, 9), chance.randint(1, 3)) for price in prices if chance.random() < 0.7
        ]

    middle = chance.randint(230, 250)
    return side(range(middle, middle - 12, -1)), side(range(middle + 1, middle + 13))


@pytest.mark.parametrize(
    ("known", "prev_seq", "seq", "result"),
    [
        (None, None, 7, 7),  # the whole book
        (7, 7, 8, 8),
        (7, 6, 7, None),  # known already
        (7, 8, 9, "hole"),
        (7, None, 3, 3),  # the whole book of a server that has been started anew
        (None, 7, 8, None),  # the whole book is on its way
    ],
)
def test_a_hole_in_the_changes_of_a_book_is_seen(
    page: Page, known: int | None, prev_seq: int | None, seq: int, result: Any
) -> None:
    book: dict[str, Any] = {"bids": [], "asks": [], "seq": known, "stale": known is None}
    frame = json.loads(protocol.encode(protocol.orderbook_delta(ID, [], [], 1, seq, prev_seq)))
    state = {"books": {ID: book}, "instruments": []}
    patch = call(page, "state/reduce_market", "m.delta(x.state, x.frame) ?? 'hole'", {"state": state, "frame": frame})
    assert (patch if patch == "hole" else patch.get("books", {}).get(ID, {}).get("seq")) == result


def test_a_lost_book_waits_for_the_whole_one(page: Page) -> None:
    state = {"books": {ID: {"bids": [], "asks": [], "seq": 7, "stale": False}}}
    lost = call(page, "state/reduce_market", f"m.lostBook(x, '{ID}')", state)["books"][ID]
    assert (lost["seq"], lost["stale"]) == (None, True)


@pytest.mark.parametrize(
    ("side", "ticks", "most", "expected"),
    [
        ("ask", 1, 2, [(120.5, 1, 1), (121.0, 2, 1)]),
        ("ask", 2, 9, [(121.0, 3, 2), (122.0, 8, 2)]),
        ("ask", 10, 9, [(125.0, 11, 4)]),
        ("ask", 2, 1, [(121.0, 3, 2)]),
        ("bid", 2, 9, [(122.0, 5, 1), (121.0, 5, 2), (120.0, 1, 1)]),
    ],
)
def test_prices_are_gathered_away_from_the_touch(
    page: Page, side: str, ticks: int, most: int, expected: list[tuple[float, float, int]]
) -> None:
    """Volumes 1, 2, 3, 5 at 120.5, 121.0, 121.5, 122.0, each one order."""
    levels = [{"price": 120.5 + 0.5 * at, "volume": lots, "order_count": 1} for at, lots in enumerate((1, 2, 3, 5))]
    argument = {"levels": levels if side == "ask" else levels[::-1], "side": side, "ticks": ticks, "most": most}
    found = call(page, "state/depth", "m.gather(x.levels, x.side, 0.5, x.ticks, x.most)", argument)
    assert [(one["price"], one["volume"], one["order_count"]) for one in found] == expected


# --- trades and bars


def test_a_tick_that_a_new_subscription_repeats_is_no_second_trade(page: Page) -> None:
    frames = [
        {"instrument_id": ID, "last_price": price, "volume": 1, "timestamp": time} for price, time in ((5, 1), (6, 2))
    ]
    state = call(
        page,
        "state/reduce_market",
        """(() => {
            let state = { selected: 'IX2301', ticks: {}, tape: [], tickCount: 0, days: {} };
            const apply = (patch) => { state = { ...state, ...patch }; };
            x.forEach((frame) => apply(m.tick(state, frame)));
            apply(m.replayableTicks(state));
            apply(m.tick(state, x[1]));
            apply(m.tick(state, x[1]));
            return state;
        })()""",
        frames,
    )
    assert [one["price"] for one in state["tape"]] == [6, 6, 5]
    assert len({one["key"] for one in state["tape"]}) == 3
    assert state["ticks"][ID]["move"] == "up"


def bars(*starts: int, close: float = 1.0) -> list[dict[str, float]]:
    return [{"start": start, "close": close} for start in starts]


@pytest.mark.parametrize(
    ("known", "told", "older", "expected", "more"),
    [
        ([], bars(3, 2, 1, close=2), False, [(1, 2), (2, 2), (3, 2)], True),
        (bars(3), bars(3, 2, 1, close=2), False, [(1, 2), (2, 2), (3, 1)], True),  # the push is newer
        (bars(4), bars(3, 2, 1, close=2), False, [(1, 2), (2, 2), (3, 2), (4, 1)], True),
        (bars(1, 2), bars(4, 3, 2, close=2), False, [(1, 1), (2, 2), (3, 2), (4, 2)], True),  # after a pause
        (bars(4, 5), bars(3, 2, 1, close=2), True, [(1, 2), (2, 2), (3, 2), (4, 1), (5, 1)], True),
        (bars(4, 5), bars(3, close=2), True, [(3, 2), (4, 1), (5, 1)], False),  # that was the beginning
        (bars(4), [], True, [(4, 1)], False),
        (bars(1, 2), bars(9, 8, 7, close=2), False, [(7, 2), (8, 2), (9, 2)], True),  # away for too long
    ],
)
def test_bars_come_together_without_holes_and_without_doubles(
    page: Page, known: Any, told: Any, older: bool, expected: Any, more: bool
) -> None:
    state = {"bars": {"instrumentId": ID, "period": "1m", "list": known, "more": True, "asked": True, "loaded": False}}
    question = {"instrumentId": ID, "period": "1m", "limit": 3, "older": older}
    argument = {"state": state, "question": question, "told": told}
    found = call(page, "state/reduce_market", "m.moreBars(x.state, x.question, x.told)", argument)["bars"]
    assert [(one["start"], one["close"]) for one in found["list"]] == expected
    assert (found["more"], found["asked"], found["loaded"]) == (more, False, True)
    question["period"] = "5m"
    assert call(page, "state/reduce_market", "m.moreBars(x.state, x.question, x.told)", argument) == {}


def test_a_bar_grows_and_another_follows(page: Page) -> None:
    state = {"bars": {"instrumentId": ID, "period": "1m", "list": bars(1, 2)}}
    frames = [
        {"instrument_id": ID, "period": "1m", "start": start, "close": close}
        for start, close in ((2, 5), (3, 6), (2, 9))
    ]
    frames.append(frames[0] | {"period": "5m", "start": 9})
    found = call(
        page,
        "state/reduce_market",
        "x.frames.reduce((state, frame) => ({ ...state, ...m.bar(state, frame) }), x.state)",
        {"state": state, "frames": frames},
    )
    assert [(one["start"], one["close"]) for one in found["bars"]["list"]] == [(1, 1), (2, 5), (3, 6)]


CONVERSATION = """
    const { Store, initialState } = await import('/static/bourse/js/state/store.js');
    const { MarketData } = await import('/static/bourse/js/client/market_data.js');
    const instruments = ['IX2301', 'IF2301'].map((id) => ({ instrument_id: id, tick: 0.5 }));
    const store = new Store(initialState(instruments, {}), (run) => run());
    const asked = [];
    const market = new MarketData(store, (question, message) => asked.push([question, message]) > 0);
    const said = () => asked.splice(0).map(([, message]) => message);
    const last = (type) => asked.findLast(([, message]) => message.type === type)[0];
    const bars = (count, from) => Array.from({ length: count }, (_, at) => ({ start: from - at }));
"""


def converse(page: Page, steps: str) -> Any:
    """What `steps` return of a conversation with a market that is played by the test."""
    return page.evaluate(f"async () => {{ {CONVERSATION} {steps} }}")


def test_what_is_on_view_is_followed_and_what_is_not_is_left(page: Page) -> None:
    opened, changed_to, period = converse(
        page,
        """market.opened(); const opened = said();
           market.select('IF2301'); market.select('IF2301'); const changedTo = said();
           market.setPeriod('1h'); market.setPeriod('1h');
           return [opened, changedTo, said()];""",
    )
    names = [
        (each["type"], each.get("channels"), each.get("instruments") or each.get("instrument_id")) for each in opened
    ]
    assert names == [
        ("subscribe", ["announcements"], None),
        ("subscribe", ["instruments"], None),
        ("query_instruments", None, None),
        ("query_statistics", None, None),
        ("subscribe", ["ticker"], ["IX2301", "IF2301"]),
        ("subscribe", ["orderbook_delta"], ["IX2301"]),
        ("query_public_trades", None, "IX2301"),
        ("subscribe", ["kline"], ["IX2301"]),
        ("query_bars", None, "IX2301"),
    ]
    left = [each for each in changed_to if each["type"] == "unsubscribe"]
    assert [(each["channels"], each["instruments"]) for each in left] == [
        (["orderbook_delta"], ["IX2301"]),
        (["kline"], ["IX2301"]),
    ]
    assert [(each["type"], each["period"]) for each in period] == [
        ("unsubscribe", "1m"),
        ("subscribe", "1h"),
        ("query_bars", "1h"),
    ]


def test_older_bars_are_asked_for_once_a_page_until_there_are_none(page: Page) -> None:
    result = converse(
        page,
        """market.opened();
           market.older(); const tooEarly = said().filter((each) => 'before' in each);
           market.opened(); market.answered(last('query_bars'), { bars: bars(500, 1000) }); said();
           market.older(); market.older(); const once = said();
           market.older(); const waiting = said();
           market.opened(); market.older(); const question = last('query_bars');
           market.refused({ ...question, older: true }); said();
           market.older(); const again = last('query_bars'); const after = said();
           market.answered(again, { bars: bars(3, 500) }); market.older();
           return [tooEarly, once, waiting, after, said(), store.state.bars.list.length];""",
    )
    too_early, once, waiting, again, at_the_end, known = result
    assert (too_early, waiting, at_the_end, known) == ([], [], [], 503)
    assert [each["before"] for each in once] == [each["before"] for each in again] == [501]


def test_an_instrument_that_is_listed_while_the_page_is_open_is_followed_too(page: Page) -> None:
    told, known = converse(
        page,
        """market.opened(); said();
           market.answered(undefined, { instruments: [{ instrument_id: 'IC2301', tick: 0.2, phase: 'auction' }] });
           return [said(), store.state.instruments.map((one) => one.instrument_id)];""",
    )
    assert told == [{"type": "subscribe", "channels": ["ticker"], "instruments": ["IC2301"]}]
    assert known == ["IX2301", "IF2301", "IC2301"]


# --- the heartbeat

HEARTBEAT = """
    const { Connection, paceFor } = await import('/static/bourse/js/line/socket.js');
    const real = { WebSocket: globalThis.WebSocket, setInterval: globalThis.setInterval, now: performance.now };
    let now = 0;
    const [every, sent, lost] = [[], [], []];
    performance.now = () => now;
    globalThis.setInterval = (run, ms) => { every.push({ run, ms }); };
    globalThis.WebSocket = class {
        static OPEN = 1;
        readyState = 1;
        send(text) { sent.push(JSON.parse(text).type); }
        close() {}
    };
    const silent = () => {};
    const pace = paceFor(x);
    const handlers = { onOpen: silent, onFrame: silent, onLatency: silent, onClose: (code) => lost.push(code) };
    const line = new Connection({ pace, ...handlers });
    line.open('ws://exchange.test/ws');
    const [{ run, ms }] = every;
    run();
    now = pace.silenceMs;
    run();
    const patient = lost.length;
    now += 1;
    run();
    clearTimeout(line.retryTimer);
    Object.assign(globalThis, { WebSocket: real.WebSocket, setInterval: real.setInterval });
    performance.now = real.now;
    return [ms, pace.silenceMs, sent, patient, lost];
"""


@pytest.mark.parametrize(
    ("ping_seconds", "idle_seconds", "beat", "silence"),
    [(5, 10, 5_000, 12_000), (5, 4, 2_000, 6_000), (1, 60, 1_000, 4_000), (30, 90, 30_000, 62_000)],
)
def test_the_line_beats_as_the_server_expects_and_is_given_up_after_a_silence(
    page: Page, ping_seconds: float, idle_seconds: float, beat: float, silence: float
) -> None:
    settings = {"ping_seconds": ping_seconds, "idle_seconds": idle_seconds}
    found = page.evaluate(f"async (x) => {{ {HEARTBEAT} }}", settings)
    assert found == [beat, silence, ["ping", "ping"], 0, [1000]]


# --- numbers


def test_prices_step_on_the_tick_and_waits_grow_to_a_bound(page: Page) -> None:
    steps = [[120, 1, 0.5], [120.3, 1, 0.5], [120.3, -1, 0.5], [0.3, 1, 0.1]]
    assert call(page, "base/tick", "x.map((args) => m.stepPrice(...args))", steps) == [120.5, 120.5, 120.0, 0.4]
    assert call(page, "base/tick", "x.map(m.decimalsOf)", [0.5, 0.2, 0.01, 1, 5]) == [1, 1, 2, 0, 0]
    assert call(page, "line/socket", "x.map((attempt) => m.backOff(attempt, () => 1))", [1, 2, 3, 20]) == [
        500,
        1000,
        2000,
        15000,
    ]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("m.price(120, 0.5)", "120.0"),
        ("m.price(null, 0.5)", "–"),
        ("m.lots(12345)", "12,345"),
        ("m.short(283210000)", "283.21M"),
        ("m.change(-0.0123)", "−1.23%"),
        ("m.change(0)", "0.00%"),
        ("m.change(-0.00004)", "0.00%"),
        ("m.change(0.00004)", "0.00%"),
        ("m.change(-0.00006)", "−0.01%"),
        ("m.profit(-0.004)", "0.00"),
        ("m.profit(0.004)", "0.00"),
        ("m.money(-0.004)", "0.00"),
        ("m.money(-1234.5)", "−1,234.50"),
        ("m.percent(-0.00004)", "0.00%"),
        ("m.change(m.shareOf({ change: 5, settlement_price: 100 }))", "+5.00%"),
        ("m.change(m.shareOf({ change: null, settlement_price: 100 }))", "–"),
        ("m.profit(2)", "+2.00"),
        ("m.date(1696320000000, true)", "10-03"),
        ("m.moment(1696320000000, true)", "2023-10-03"),
    ],
)
def test_numbers_are_written_like_this(page: Page, expression: str, text: str) -> None:
    assert call(page, "ui/format", expression) == text


# --- numbers


def test_a_number_is_what_was_typed_or_none(page: Page) -> None:
    read = {
        "120": 120, " 119.5 ": 119.5, ".5": 0.5, "5.": 5, "-37.63": -37.63, "0.0001": 0.0001, "007": 7,
        "１２０．５": 120.5, "999999999999.999": 999999999999.999,
    }  # fmt: skip
    none = [
        "",
        " ",
        "1,20",
        "119,5",
        "1,234.5",
        "1 234",
        "1'234",
        "1e3",
        "0x10",
        "Infinity",
        "NaN",
        "1.2.3",
        "--1",
        "-",
    ]
    none += [".", "+-1", "12²", "½", "٣", "120，5", "9007199254740993", "119.50000000000000001", "1\u00a0000"]
    assert call(page, "ui/parse", "x.map(m.parseNumber)", list(read)) == list(read.values())
    assert call(page, "ui/parse", "x.filter((text) => m.parseNumber(text) !== null)", none) == []


# --- ticks


@pytest.mark.parametrize(
    ("tick", "decimals"),
    [(10, 0), (2.5, 1), (0.7 / 10, 2), (0.3 / 10, 2), (0.0001, 4), (0.0001 / 10, 5), (0.05, 2), (3, 0), (0.35 / 10, 3)],
)
def test_a_tick_says_how_many_decimals_its_prices_have(page: Page, tick: float, decimals: int) -> None:
    assert call(page, "base/tick", "m.decimalsOf(x)", tick) == decimals


def test_a_panel_that_fails_leaves_no_other_with_what_was_before(page: Page) -> None:
    shown = call(
        page,
        "state/store",
        """await (async () => {
            const shown = [];
            const failed = new Promise((done) => addEventListener('error', (event) => {
                event.preventDefault();
                done(event.message);
            }, { once: true }));
            const store = new m.Store({ selected: 'A' }, (run) => queueMicrotask(run));
            store.watch(['selected'], ({ selected }) => { if (selected === 'B') throw new Error('no such tick'); });
            store.watch(['selected'], ({ selected }) => shown.push(selected));
            store.set({ selected: 'B' });
            return [await failed, ...shown];
        })()""",
    )
    assert shown == ["Uncaught Error: no such tick", "A", "B"]


# --- refusals


RAW = [
    "Malformed message: oco_group must be printable ASCII characters, at least one",
    "Malformed message: orders[0].volume must be at most 1000",
    "Malformed message: price is missing",
    "Malformed message: something_new must be text, not a number",
    "Malformed message: this is no JSON: invalid character (byte 4)",
]


def test_a_refusal_is_told_in_the_words_of_the_page_and_of_its_language(page: Page) -> None:
    """Whatever the server has checked: its sentences are English, and of malformed messages they are for programs."""
    told = call(
        page,
        "ui/i18n",
        """(() => {
            const all = [...x.codes.map((code) => [code, 'An English line of the server'])];
            all.push(...x.raw.map((text) => [400, text]));
            const both = {};
            for (let turn = 0; turn < 2; turn += 1) {
                m.toggleLanguage();
                both[document.documentElement.lang] = all.map((one) => [m.reason(...one), m.detail(...one)]);
            }
            return both;
        })()""",
        {"codes": [int(code) for code in Code] + [1999], "raw": RAW},
    )
    chinese, english = told["zh-CN"], told["en"]
    assert not any(re.search(r"[A-Za-z]{2}", words + more) for words, more in chinese if "（" in words)
    assert [words for words, _ in english[-5:]] == [
        "The exchange cannot read the field “One cancels other” (400)",
        "The exchange cannot read the field “Volume” (400)",
        "The exchange cannot read the field “Price” (400)",
        "The exchange cannot read this (400)",
        "The exchange cannot read this (400)",
    ]
    assert english[len(Code)] == ["An English line of the server (1999)", "An English line of the server"]
    assert "1999" in chinese[len(Code)][0] and "English" not in chinese[len(Code)][0]
    assert not any("must" in words + more for words, more in chinese + english)


def test_what_the_exchange_says_by_itself_is_told_in_the_language_of_the_page(page: Page) -> None:
    said = [TAKEN_AGAIN, FAREWELL, SILENT.format(market="main"), ELSEWHERE.format(market="main")]
    told = call(
        page,
        "ui/i18n",
        """(() => {
            const both = {};
            for (let turn = 0; turn < 2; turn += 1) {
                m.toggleLanguage();
                both[document.documentElement.lang] = x.map(m.announcement);
            }
            return both;
        })()""",
        said,
    )
    assert told["en"] == said
    assert told["zh-CN"] == [
        "交易所已恢复受理委托。",
        "交易所即将停止，页面稍后会自动重新连接。",
        "交易所暂不受理委托和撤单。",
        "交易所暂不受理委托和撤单。",
    ]
