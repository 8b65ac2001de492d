"""Conversations of the translation alone: what a client says, what the exchange answers, and what comes of both."""

import base64
import json
from typing import Any, TypeVar

import msgspec
import pytest

from trading import protocol
from trading.core.types import Phase
from trading.diff.sign_in import token_text
from trading.diff.translation.conversation import Conversation
from trading.diff.translation.instruments import Instruments, wanted_by
from trading.diff.translation.market import MarketConversation
from trading.diff.translation.orders import kept_order
from trading.diff.translation.patches import Patches
from trading.diff.translation.trader import TraderConversation
from trading.diff.translation.words import ReqLogin, clock_text, decode, who

T = TypeVar("T")
NOW = 1_795_739_131_056
FREE = protocol.FeeData(per_lot=2.0, rate=0.0)


def instrument(name: str = "IX2301", **others: Any) -> protocol.InstrumentData:
    fields: dict[str, Any] = {
        "instrument_id": name,
        "name": "Index future",
        "product_id": name[:2],
        "tick": 0.5,
        "multiplier": 100,
        "limit_up": 132.0,
        "limit_down": 108.0,
        "margin_rate_long": 0.1,
        "margin_rate_short": 0.1,
        "fee_open": FREE,
        "fee_close": FREE,
        "fee_close_today": FREE,
        "min_volume": 1,
        "max_volume": 500,
        "max_position": None,
        "max_orders": None,
        "larger_side": False,
        "last_day": None,
        "phase": Phase.CONTINUOUS,
        "settlement_price": 120.0,
        "last_price": None,
    }
    return protocol.InstrumentData(**fields | others)


def made(kind: type[T], **fields: Any) -> T:
    """A message with words in place of our types."""
    return msgspec.convert(fields, kind)


def asked(conversation: Conversation) -> list[dict[str, Any]]:
    """What it has asked since the last time."""
    asks, conversation.asks = conversation.asks, []
    return [json.loads(frame) for _, frame in asks]


def words(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["type"] for frame in frames]


def answer(conversation: Conversation, ask: dict[str, Any], **data: Any) -> None:
    told = protocol.QueryResponse(
        request_type=ask["type"], data=protocol.QueryData(**data), request_id=ask["request_id"]
    )
    conversation.hear(protocol.encode(told), NOW)


def tell(conversation: Conversation, *messages: protocol.ServerMessage) -> None:
    for message in messages:
        conversation.hear(protocol.encode(message), NOW)


# --- patches


def test_patches_are_merged_as_the_client_would_merge_them() -> None:
    patches = Patches()
    patches.add({"a": {"b": 1, "c": 2}})
    patches.add({"a": {"b": 3}, "d": None})
    assert patches.nodes == 1
    assert patches.take() == [{"a": {"b": 3, "c": 2}, "d": None}]
    assert not patches and patches.nodes == 0


def test_what_comes_anew_after_it_was_deleted_is_a_patch_of_its_own() -> None:
    patches = Patches()
    for patch in ({"a": {"b": {"c": 1}}}, {"a": {"b": None}}, {"x": 1, "a": {"b": {"d": 2}}}):
        patches.add(patch)
    assert patches.take() == [{"a": {"b": None}}, {"x": 1, "a": {"b": {"d": 2}}}]


# --- instruments


def test_symbols_have_an_exchange_that_the_client_takes() -> None:
    instruments = Instruments("MAIN")
    named = {"IX2301": {}, "SHFE.rb2701": {}, "ag2701": {"market": "SHFE"}, "zz2701": {"market": "OTHER"}}
    instruments.learn([instrument(name, **fields) for name, fields in named.items()], NOW)
    assert {name: instruments.symbol(name) for name in named} == {
        "IX2301": "CFFEX.IX2301",
        "SHFE.rb2701": "SHFE.rb2701",
        "ag2701": "SHFE.ag2701",
        "zz2701": "CFFEX.zz2701",
    }
    assert {instruments.name(instruments.symbol(name)) for name in named} == set(named)
    assert instruments.ids("SHFE.rb2701") == {"exchange_id": "SHFE", "instrument_id": "rb2701"}
    assert instruments.name("CFFEX.rb2701") is None
    first = Instruments("DCE")
    first.learn([instrument("i2701")], NOW)
    assert first.symbol("i2701") == "DCE.i2701"


@pytest.mark.parametrize(
    ("query", "variables", "found"),
    [
        ('query {multi_symbol_info(instrument_id: ["CFFEX.IX2301", "X.Y"]) {...}}', None, ["CFFEX.IX2301"]),
        (
            "query ($instrument_id: [String]) {multi_symbol_info(instrument_id: $instrument_id) {}}",
            "IF",
            ["CFFEX.IF2301"],
        ),
        ("{multi_symbol_info(class: [FUTURE], expired: false) {}}", None, ["CFFEX.IX2301", "CFFEX.IF2301"]),
        ('{multi_symbol_info(class: [FUTURE], product_id: ["IF"]) {}}', None, ["CFFEX.IF2301"]),
        ('{multi_symbol_info(exchange_id: ["SHFE"]) {}}', None, []),
        ("{multi_symbol_info(class: [CONT]) {}}", None, []),
        ("{multi_symbol_info(expired: true) {}}", None, []),
        ("{multi_symbol_info(has_night: true) {}}", None, ["CFFEX.IX2301", "CFFEX.IF2301"]),
        ("{multi_symbol_info(has_night: false) {}}", None, []),
        ("{multi_symbol_info {}}", None, ["CFFEX.IX2301", "CFFEX.IF2301"]),
    ],
)
def test_questions_are_answered_by_their_arguments(query: str, variables: str | None, found: list[str]) -> None:
    instruments = Instruments("MAIN")
    instruments.learn([instrument("IX2301"), instrument("IF2301")], NOW)
    told = instruments.answer(query, {"instrument_id": [f"CFFEX.{variables}2301"]} if variables else None)
    assert [each["instrument_id"] for each in told["multi_symbol_info"]] == found


def test_arguments_of_all_kinds_are_read() -> None:
    assert wanted_by('{multi_symbol_info(a: "x y", b: [1, "2"], c: $v, d: true)}', {"v": 5}) == {
        "a": ["x y"],
        "b": ["1", "2"],
        "c": [5],
        "d": [True],
    }


def test_an_instrument_says_when_it_ends_and_how_fine_its_prices_are() -> None:
    instruments = Instruments("MAIN")
    instruments.learn([instrument(last_day=20261231, tick=0.05)], NOW)
    (told,) = instruments.answer("{multi_symbol_info}", None)["multi_symbol_info"]
    assert (told["delivery_year"], told["delivery_month"], told["price_decs"]) == (2026, 12, 2)
    assert told["expire_datetime"] == 1_798_700_400 * 10**9  # 15:00 in Beijing
    assert instruments.file()["CFFEX.IX2301"]["expire_datetime"] == 1_798_700_400
    assert set(instruments.file()) == {"CFFEX.IX2301", "CSI.000300"}


def test_times_are_those_of_beijing() -> None:
    assert clock_text(NOW) == "2026-11-27 08:25:31.056000"


# --- market data


@pytest.fixture
def market() -> MarketConversation:
    conversation = MarketConversation("MAIN")
    listing, following = asked(conversation)
    assert words([listing, following]) == ["query_instruments", "subscribe"]
    conversation.take(decode('{"aid": "subscribe_quote", "ins_list": "CFFEX.IX2301,CFFEX.NONE"}'))
    assert asked(conversation) == [], "nothing can be followed before the instruments are known"
    answer(conversation, listing, instruments=[instrument()])
    return conversation


@pytest.mark.parametrize("names", [["CFFEX.IX2301", "KQ.m@CFFEX.IX"], ["KQ.m@CFFEX.IX"]])
def test_a_program_that_names_what_is_not_there_is_told_so(market: MarketConversation, names: list[str]) -> None:
    """For it waits for it."""
    query = f"{{multi_symbol_info(instrument_id: {json.dumps(names)}) {{}}}}"
    market.take(decode(json.dumps({"aid": "ins_query", "query_id": "q", "query": query})))
    (told,) = market.patches.take()
    assert "q" in told["symbols"]
    assert [(note["level"], note["code"], note["content"]) for note in told["notify"].values()] == [
        ("WARNING", 1004, "Unknown instrument: KQ.m@CFFEX.IX")
    ]


@pytest.mark.parametrize("arguments", ['(instrument_id: ["CFFEX.IX2301", "CSI.000300"])', '(class: ["CONT"])', ""])
def test_a_question_about_what_is_there_needs_no_note(market: MarketConversation, arguments: str) -> None:
    query = f"{{multi_symbol_info{arguments} {{}}}}"
    market.take(decode(json.dumps({"aid": "ins_query", "query_id": "q", "query": query})))
    (told,) = market.patches.take()
    assert "notify" not in told


def test_a_quote_is_followed_and_told(market: MarketConversation) -> None:
    *following, days = asked(market)
    assert [each["channels"] for each in following] == [["orderbook"], ["ticker"]]
    assert {tuple(each["instruments"]) for each in following} == {("IX2301",)}
    assert (days["type"], days["instrument_id"]) == ("query_statistics", "IX2301")
    level = protocol.market_data.BookLevel
    bids = [level(price=120.0 - place, volume=place + 1.0, order_count=1) for place in range(6)]
    tell(market, protocol.OrderBook(instrument_id="IX2301", bids=bids, asks=[], timestamp=NOW))
    (told,) = market.patches.take()
    quote = told["quotes"]["CFFEX.IX2301"]
    assert told["ins_list"] == "CFFEX.IX2301,CFFEX.NONE" and told["mdhis_more_data"] is False
    assert [quote[f"bid_price{place}"] for place in range(1, 6)] == [120.0, 119.0, 118.0, 117.0, 116.0]
    assert "bid_price6" not in quote and quote["ask_price1"] == "-" and quote["ask_volume1"] == 0
    assert (quote["upper_limit"], quote["pre_settlement"], quote["last_price"]) == (132.0, 120.0, "-")


def test_a_new_listing_is_followed_when_it_is_known(market: MarketConversation) -> None:
    asked(market)
    tell(market, protocol.InstrumentState(instrument_id="NONE", state="listed", timestamp=NOW))
    (listing,) = asked(market)
    answer(market, listing, instruments=[instrument(), instrument("NONE")])
    assert ["NONE"] in [ask.get("instruments") for ask in asked(market)]


def test_what_was_asked_too_fast_is_asked_again_later(market: MarketConversation) -> None:
    *_, days = asked(market)
    tell(market, protocol.Error(code=429, message="Too many requests", retry_after=0.25, request_id=days["request_id"]))
    ((wait, frame),) = market.asks
    assert (wait, json.loads(frame)) == (0.25, days)
    assert "notify" not in market.patches.take()[0]


def test_what_could_not_be_followed_is_tried_again(market: MarketConversation) -> None:
    following, *_ = asked(market)
    refusal = protocol.SubscribeResponse(
        success=False, channels=[], instruments=[], message="closed", request_id=following["request_id"]
    )
    tell(market, refusal)
    ((wait, frame),) = market.asks
    assert wait > 1 and json.loads(frame)["instruments"] == ["IX2301"]


# --- trading


def test_a_sign_in_is_told_who_it_is() -> None:
    """An account of `TqKq` says what the sign-in has told it, twice; nothing else is taken apart."""
    body = b"grant_type=password&username=user001&password=T0ken&client_id=x"
    claims = token_text(body).split(".")[1]
    subject = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
    assert subject == "user001:T0ken"
    for name, password, is_who in (
        (subject, subject, ("user001", "T0ken")),
        ("user001", "T0ken", ("user001", "T0ken")),
        (subject, "other", (subject, "other")),
        ("user001", "user001", ("user001", "user001")),
    ):
        assert who(ReqLogin(user_name=name, password=password)) == is_who
    nothing = {token_text(each) for each in (b"", b"\xff", b"username=user001", b"username=u&password=" + b"x" * 2_048)}
    assert len(nothing) == 1 and subject not in nothing


def resumed(conversation: Conversation, resume: dict[str, Any]) -> dict[str, Any]:
    """What is asked next."""
    assert resume["type"] == "resume" and "market" not in resume
    tell(conversation, protocol.ResumeResponse(success=True, last_seq=0, request_id=resume["request_id"]))
    (statements,) = asked(conversation)
    return statements


def logged_in(name: str, password: str) -> TraderConversation:
    """As user `u` with the token `t`; with all that a login tells."""
    conversation = TraderConversation("MAIN")
    login = {"aid": "req_login", "user_name": name, "password": password, "client_mac_address": "M"}
    conversation.take(decode(json.dumps(login)))
    (sign_in,) = asked(conversation)
    assert sign_in == {"type": "auth", "user_id": "u", "token": "t", "request_id": sign_in["request_id"]}
    tell(
        conversation,
        protocol.AuthResponse(success=True, user_id="u", message="", request_id=sign_in["request_id"]),
    )
    following, listing, resume = asked(conversation)
    assert following["channels"] == ["trade", "portfolio", "instruments"]
    answer(conversation, listing, instruments=[instrument()])
    answer(conversation, resumed(conversation, resume), statements=[])
    pages = asked(conversation)
    assert words(pages) == ["query_orders", "query_orders", "query_trades"]
    for page in pages:
        told: dict[str, Any] = {"trades": []} if page["type"] == "query_trades" else {"orders": []}
        answer(conversation, page, next=None, **told)
    look(conversation)
    return conversation


@pytest.fixture
def trader() -> TraderConversation:
    conversation = logged_in("u", "t")
    conversation.patches.take()
    return conversation


def test_the_account_of_a_sign_in_has_the_tree_under_its_own_name() -> None:
    conversation = logged_in("u:t", "u:t")
    trees = [patch["trade"] for patch in conversation.patches.take() if "trade" in patch]
    assert trees and all(set(tree) == {"u:t"} for tree in trees)
    conversation.take(decode(json.dumps({**INSERT, "user_id": "u:t"})))
    assert words(asked(conversation)) == ["submit_order"]
    conversation.take(decode(json.dumps({**INSERT, "user_id": "u"})))
    assert asked(conversation) == [], "the client does not call itself so"


def account(**fields: float) -> protocol.AccountData:
    names = [name for name in protocol.AccountData.__struct_fields__ if name != "user_id"]
    return protocol.AccountData(user_id="u", **{**dict.fromkeys(names, 0.0), **fields})


def look(conversation: TraderConversation, **money: float) -> None:
    """Let it look at account and positions, as it does when the client waits."""
    conversation.turn(heard=True)
    asks = asked(conversation)
    assert words(asks) == ["query_account", "query_position"]
    answer(conversation, asks[0], account=account(**money))
    answer(conversation, asks[1], positions=[])


def submitted(**others: Any) -> protocol.OrderStatusFrame:
    fields = {"filled_volume": 0.0, "remaining_volume": 2.0, "volume": 2.0, "price": 120.0, "instrument_id": "IX2301"}
    return made(
        protocol.OrderStatusFrame,
        **{"order_id": "O1", "status": "Submitted", "timestamp": NOW, "direction": "BUY", "offset": "OPEN"}
        | fields
        | others,
    )


def test_nothing_is_looked_at_for_a_client_that_does_not_wait(trader: TraderConversation) -> None:
    tell(trader, made(protocol.Portfolio, **dict.fromkeys(protocol.Portfolio.__struct_fields__, 1)))
    trader.turn(heard=False)
    assert asked(trader) == []
    trader.turn(heard=True)
    assert words(asked(trader)) == ["query_account", "query_position"]
    trader.turn(heard=True)
    assert asked(trader) == [], "one look at a time"


AWAY = (503, "This exchange takes no orders just now")
INSERT: dict[str, Any] = {"aid": "insert_order", "order_id": "mine", "exchange_id": "CFFEX", "instrument_id": "IX2301"}
INSERT |= {"direction": "BUY", "offset": "OPEN", "volume": 2, "price_type": "LIMIT", "limit_price": 120.0}
INSERT |= {"time_condition": "GFD", "volume_condition": "ANY"}


def respond(conversation: Conversation, ask: dict[str, Any], code: int | None, why: str | None) -> None:
    """To an order."""
    order_id = "O1" if code is None else None
    fields = {"success": code is None, "order_id": order_id, "error_code": code, "error_message": why}
    conversation.hear(protocol.encode(made(protocol.OrderResponse, **fields, request_id=ask["request_id"])), NOW)


def notes(conversation: Conversation) -> list[int]:
    patches = conversation.patches.take()
    return [note["code"] for patch in patches for note in patch.get("notify", {}).values()]


def test_an_order_that_was_lost_on_its_way_ends_with_its_cancel(trader: TraderConversation) -> None:
    """tqsdk does not send it again, and a task of it that is cancelled waits until it is over."""
    trader.take(decode('{"aid": "cancel_order", "order_id": "lost"}'))
    assert asked(trader) == []
    look(trader)
    tree: dict[str, Any] = {}
    for patch in trader.patches.take():
        tree |= patch
    order = tree["trade"]["u"]["orders"]["lost"]
    assert (order["status"], order["exchange_order_id"], order["last_msg"]) == ("FINISHED", "", "Order not found")


def test_an_order_meets_the_next_engine_under_the_same_id(trader: TraderConversation) -> None:
    """And so does its cancel, which waits for it and is sent again as well."""
    trader.take(decode(json.dumps(INSERT)))
    (order,) = asked(trader)
    trader.take(decode('{"aid": "cancel_order", "order_id": "mine"}'))
    waits = []
    for _ in range(2):
        respond(trader, order, *AWAY)
        ((wait, frame),) = trader.asks
        assert asked(trader) == [order] and json.loads(frame)["client_order_id"] == "mine"
        waits.append(wait)
    assert waits == [1, 2] and notes(trader) == []
    respond(trader, order, None, None)
    (cancel,) = asked(trader)
    assert (cancel["type"], cancel["order_id"]) == ("cancel_order", "O1")
    respond(trader, cancel, *AWAY)
    assert asked(trader) == [cancel]
    respond(trader, cancel, None, None)
    assert (asked(trader), notes(trader)) == ([], [])


def test_what_is_said_before_the_login_waits_until_all_is_known() -> None:
    """As a client says it that has lost its connection: what waited there comes first."""
    conversation = TraderConversation("MAIN")
    conversation.take(decode(json.dumps(INSERT)))
    conversation.take(decode('{"aid": "req_login", "user_name": "u", "password": "t"}'))
    (sign_in,) = asked(conversation)
    assert sign_in["type"] == "auth"
    tell(conversation, protocol.AuthResponse(success=True, user_id="u", message="", request_id=sign_in["request_id"]))
    conversation.take(decode('{"aid": "cancel_order", "order_id": "mine"}'))
    _, listing, resume = asked(conversation)
    answer(conversation, listing, instruments=[instrument()])
    answer(conversation, resumed(conversation, resume), statements=[])
    live, orders, trades = asked(conversation)
    answer(conversation, live, orders=[], next=None)
    answer(conversation, orders, orders=[], next=None)
    assert asked(conversation) == []
    answer(conversation, trades, trades=[], next=None)
    (order,) = asked(conversation)
    assert (order["type"], order["client_order_id"]) == ("submit_order", "mine")
    respond(conversation, order, None, None)
    assert words(asked(conversation)) == ["cancel_order"]


def test_what_is_said_before_a_login_that_fails_is_told_so() -> None:
    conversation = TraderConversation("MAIN")
    conversation.take(decode(json.dumps(INSERT)))
    conversation.take(decode('{"aid": "req_login", "user_name": "u", "password": "t"}'))
    (sign_in,) = asked(conversation)
    refusal = protocol.AuthResponse(success=False, user_id="u", message="no", request_id=sign_in["request_id"])
    tell(conversation, refusal)
    conversation.take(decode(json.dumps(INSERT)))
    assert asked(conversation) == [] and notes(conversation) == [401, 401, 401]


def test_so_many_orders_wait_for_a_login_and_not_more() -> None:
    conversation = TraderConversation("MAIN")
    for _ in range(65):
        conversation.take(decode(json.dumps(INSERT)))
    assert notes(conversation) == [401]


def test_an_order_that_no_engine_takes_is_refused_in_the_end(trader: TraderConversation) -> None:
    trader.take(decode(json.dumps(INSERT)))
    (order,) = asked(trader)
    waits = []
    while True:
        respond(trader, order, *AWAY)
        if not trader.asks:
            break
        waits.append(trader.asks[0][0])
        asked(trader)
    assert waits == [1, 2, 4, 8] and notes(trader) == [503]
    look(trader)
    (told,) = trader.patches.take()
    assert told["trade"]["u"]["orders"]["mine"]["status"] == "FINISHED"


def test_an_order_of_which_nobody_knows_has_no_last_word_until_somebody_does(trader: TraderConversation) -> None:
    """That the exchange was away for a later attempt says nothing of the first."""
    trader.take(decode(json.dumps(INSERT)))
    (order,) = asked(trader)
    respond(trader, order, 504, "Unknown outcome")
    waits = [trader.asks[0][0]]
    for _ in range(9):
        asked(trader)
        respond(trader, order, *AWAY)
        waits.append(trader.asks[0][0])
    assert waits == [1, 2, 4, *[8] * 7] and notes(trader) == []
    asked(trader)
    respond(trader, order, None, None)
    trader.turn(heard=True)
    (told,) = trader.patches.take()
    assert told["trade"]["u"]["orders"]["mine"]["status"] == "ALIVE"


def test_an_order_that_is_refused_is_not_sent_again(trader: TraderConversation) -> None:
    trader.take(decode(json.dumps(INSERT)))
    (order,) = asked(trader)
    respond(trader, order, 1001, "Insufficient funds")
    assert (asked(trader), notes(trader)) == ([], [1001])


def test_an_order_waits_for_the_account_after_it(trader: TraderConversation) -> None:
    tell(trader, submitted())
    trader.turn(heard=True)
    first, second = asked(trader)
    assert not trader.patches
    tell(trader, submitted(status="Filled", filled_volume=2.0, remaining_volume=0.0))
    trader.turn(heard=True)
    assert not trader.patches and asked(trader) == []
    answer(trader, first, account=account(margin=5.0))
    answer(trader, second, positions=[])
    (told,) = trader.patches.take()
    branch = told["trade"]["u"]
    assert branch["orders"]["O1"]["status"] == "ALIVE", "what came after the look waits for the next one"
    assert branch["accounts"]["CNY"]["margin"] == 5.0
    look(trader)
    (told,) = trader.patches.take()
    assert told["trade"]["u"]["orders"]["O1"]["status"] == "FINISHED"


def test_an_order_is_known_by_its_own_id_if_it_has_one(trader: TraderConversation) -> None:
    tell(trader, submitted(client_order_id="mine"), submitted(order_id="O2"))
    look(trader)
    (told,) = trader.patches.take()
    assert set(told["trade"]["u"]["orders"]) == {"mine", "O2"}
    assert told["trade"]["u"]["orders"]["mine"]["exchange_order_id"] == "O1"


@pytest.mark.parametrize(
    ("exchange", "offset", "ours"),
    [
        ("CFFEX", "CLOSE", "CLOSE"),
        ("SHFE", "CLOSE", "CLOSEYESTERDAY"),
        ("INE", "CLOSE", "CLOSEYESTERDAY"),
        ("SHFE", "CLOSETODAY", "CLOSETODAY"),
        ("DCE", "OPEN", "OPEN"),
    ],
)
@pytest.mark.parametrize(
    ("kind", "conditions", "order_type", "condition"),
    [
        ("LIMIT", ("GFD", "ANY"), "LIMIT", "GFD"),
        ("LIMIT", ("IOC", "ANY"), "LIMIT", "IOC"),
        ("LIMIT", ("IOC", "ALL"), "LIMIT", "FOK"),
        ("ANY", ("IOC", "ANY"), "MARKET", "IOC"),
        ("ANY", ("IOC", "ALL"), "MARKET", "FOK"),
        ("BEST", ("IOC", "ANY"), "MARKET", "IOC"),
        ("FIVELEVEL", ("IOC", "ANY"), "MARKET", "IOC"),
        ("FIVELEVEL", ("IOC", "ALL"), "MARKET", "FOK"),
    ],
)
def test_orders_in_our_words(
    trader: TraderConversation,
    exchange: str,
    offset: str,
    ours: str,
    kind: str,
    conditions: tuple[str, str],
    order_type: str,
    condition: str,
) -> None:
    said = {
        "aid": "insert_order",
        "account_key": "k",
        "user_id": "u",
        "order_id": "mine",
        "exchange_id": exchange,
        "instrument_id": "rb2701",
        "direction": "SELL",
        "offset": offset,
        "volume": 3,
        "price_type": kind,
        "time_condition": conditions[0],
        "volume_condition": conditions[1],
    }
    trader.take(decode(json.dumps(said | ({"limit_price": 120.5} if kind == "LIMIT" else {}))))
    (order,) = asked(trader)
    assert order == {
        "type": "submit_order",
        "request_id": order["request_id"],
        "instrument_id": f"{exchange}.rb2701",
        "direction": "SELL",
        "offset": ours,
        "volume": 3,
        "order_type": order_type,
        "price": 120.5 if kind == "LIMIT" else None,
        "time_condition": condition,
        "client_order_id": "mine",
        "price_levels": {"BEST": 1, "FIVELEVEL": 5}.get(kind),
    }
    protocol.decode(json.dumps(order))


@pytest.mark.parametrize(
    ("order_type", "levels", "word"),
    [
        *(("MARKET", None, "ANY"), ("MARKET", 1, "BEST"), ("MARKET", 5, "FIVELEVEL"), ("MARKET", 3, "ANY")),
        ("LIMIT", None, "LIMIT"),
    ],
)
def test_orders_that_are_kept_have_the_words_of_the_client(order_type: str, levels: int | None, word: str) -> None:
    order = made(
        protocol.OrderData,
        user_id="u",
        order_id="O9",
        instrument_id="IX2301",
        direction="BUY",
        offset="OPEN",
        volume=1.0,
        price=None if order_type == "MARKET" else 120.0,
        order_type=order_type,
        time_condition="IOC",
        status="Filled",
        filled_volume=1.0,
        remaining_volume=0.0,
        timestamp=NOW,
        client_order_id="mine",
        price_levels=levels,
    )
    assert kept_order(order, "mine", {})["price_type"] == word


def test_a_day_of_many_pages_is_read_to_its_end_and_trades_find_their_orders(trader: TraderConversation) -> None:
    day = made(
        protocol.Statement,
        **dict.fromkeys(("opening", "deposits", "withdrawals", "close_profit", "position_profit"), 0.0),
        **dict.fromkeys(("commission", "closing", "margin"), 0.0),
        day=20270105,
        positions=[],
        timestamp=NOW,
    )
    tell(trader, day)
    listing, resume = asked(trader)
    answer(trader, resumed(trader, resume), statements=[day])
    live, orders, trades = asked(trader)
    assert orders["from_time"] == trades["from_time"] == NOW and live["status"] == "LIVE"
    deal = made(
        protocol.TradeData,
        trade_id="T1",
        order_id="O9",
        instrument_id="IX2301",
        direction="BUY",
        offset="OPEN",
        price=120.0,
        volume=1.0,
        timestamp=NOW,
        commission=2.0,
        close_profit=0.0,
    )
    answer(trader, live, orders=[], next=None)
    answer(trader, orders, orders=[], next="O10")
    answer(trader, trades, trades=[deal], next=None)
    tell(trader, submitted(order_id="O9", status="Filled", filled_volume=1.0, remaining_volume=0.0, volume=None))
    (page,) = asked(trader)
    assert page["before"] == "O10"
    order = made(
        protocol.OrderData,
        user_id="u",
        order_id="O9",
        instrument_id="IX2301",
        direction="BUY",
        offset="OPEN",
        volume=1.0,
        price=120.0,
        order_type="LIMIT",
        time_condition="GFD",
        status="Submitted",
        filled_volume=0.0,
        remaining_volume=1.0,
        timestamp=NOW,
        client_order_id="mine",
    )
    answer(trader, page, orders=[order], next=None)
    look(trader)
    branch = trader.patches.take()[0]["trade"]["u"]
    assert branch["orders"]["mine"]["status"] == "FINISHED", "what was told meanwhile is not forgotten"
    assert branch["trades"]["mine|T1"]["order_id"] == "mine"
    answer(trader, listing, instruments=[instrument()])


def test_a_trade_that_is_taken_back_goes(trader: TraderConversation) -> None:
    fields = {"trade_id": "T1", "order_id": "O1", "instrument_id": "IX2301", "direction": "BUY", "offset": "OPEN"}
    tell(trader, submitted(), made(protocol.Trade, **fields, price=120.0, volume=1.0, timestamp=NOW))
    look(trader)
    trader.patches.take()
    tell(
        trader,
        made(
            protocol.TradeBroken,
            **fields,
            price=120.0,
            volume=1.0,
            commission=2.0,
            close_profit=0.0,
            timestamp=NOW,
            seq=4,
        ),
    )
    look(trader)
    (told,) = trader.patches.take()
    assert told["trade"]["u"]["trades"] == {"O1|T1": None}
