"""Frames that no client should send: golden frames with something done to them. Dice in, text out; sends nothing.

`MUTATIONS` names what can be done; most of it leaves JSON that reaches deeper than noise would. What the exchange must
answer, whatever a frame says, is `answer_to`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random

from tests.protocol.golden import CLIENT, ORDER_ID, TRADE_ID
from trading import protocol

Fields = list[tuple[str, str]]
"""Keys and values of a frame as raw JSON text, so that a key may come twice and a number be written in any way."""

NUMBERS = (
    *("0", "-0", "-0.0", "1", "-1", "0.5", "1.5", "2.0", "2.0000", "1E0", "1e+0", "120", "120.0", "1.2E+2", "1200e-1"),
    *("119.5", "120.5", "120.00001", "120.00005", "120.00000000000001", "119.99999999999999", "0.30000000000000004"),
    *("0.0001", "0.00001", "1e-4", "1e-5", "1e-400", "1e400", "-1e400", "1e308", "5e-324", "1e9", "-1e9", "1000000001"),
    *("999999999.9999", "999999999.99999", "9007199254740992", "9007199254740993", "18446744073709551616"),
    *("9223372036854775807", "-9223372036854775808", "1234567890123456789012345678901234567890", "9" * 400),
    *("0.1234567890123456789012345678901234567890", "1000", "30000", "1696406400000", "4102444800000", "NaN"),
    *("Infinity", "-Infinity", "+1", "01", ".5", "5.", "1e", "0x10", "1_000", "1,5", "--1", "١٢٠"),
)
TEXTS = (
    *('""', '" "', '"IX2301"', '"IF2301"', '"ix2301"', '"XX"', '"a"', '"\\u0000"', '"a\\u0000b"', '"\\ud800"'),
    *('"\\udfff\\ud800"', '"\ud800"', '"组"', '"\\u7ec4"', '"😀"', '"\u202eIX2301"', '"IX2301\\n"', '"\\x41"', '"\n"'),
    *(
        '"\ufeff"',
        '"\x7f"',
        '"' + "x" * 64 + '"',
        '"' + "x" * 65 + '"',
        '"' + "é" * 5_000 + '"',
        '"' + "x" * 40_000 + '"',
    ),
    *('"120.0"', '"true"', '"null"', '"BUY"', '"SELL"', '"OPEN"', '"CLOSE"', '"MARKET"', '"LIMIT"', '"GTC"', '"IOC"'),
    *('"\'; DROP TABLE trading_order; --"', '"../../etc/passwd"', '"<script>"', '"{0}"', '"%s%n"', '"LIVE"'),
    *(f'"{ORDER_ID}"', f'"{TRADE_ID}"', f'"O{"9" * 20}"', f'"O{"0" * 20}"', f'"O{"١" * 20}"', f'"O-{"1" * 19}"'),
)
OTHERS = ("null", "true", "false", "[]", "{}", "[1]", '[""]', '{"a":1}', "[[]]", '["IX2301"]', "[null]", "nul", "")
TYPES = tuple(json.dumps(json.loads(text)["type"]) for text, _ in CLIENT)
FAR_OFF = "4102444800000"
"""The year 2100."""
DEPTHS = (3, 50, 600, 5_000)
MOST_ITEMS = 60


def _fields(text: str) -> Fields:
    """A frame's keys and values, raw."""
    frame = json.loads(text)
    return [(json.dumps(name), json.dumps(value)) for name, value in frame.items()]


FRAMES = tuple(_fields(text) for text, _ in CLIENT)
ORDERS = tuple(fields for fields in FRAMES if fields[0][1] in ('"submit_order"', '"submit_orders"', '"amend_order"'))
NAMES = tuple(sorted({name for fields in FRAMES for name, _ in fields}))


def written(fields: Fields) -> str:
    return "{" + ",".join(f"{name}:{value}" for name, value in fields) + "}"


def a_frame(dice: Random, order_ids: Sequence[str] = ()) -> Fields:
    """Orders more often than the rest, near the market, and of orders that are there: so it reaches deepest."""
    likely = {
        '"direction"': ('"BUY"', '"SELL"'),
        '"offset"': ('"OPEN"', '"OPEN"', '"CLOSE"', '"CLOSETODAY"'),
        '"volume"': ("1", "2", "5"),
        '"price"': ("119.5", "120.0", "120.5"),
        '"order_id"': tuple(json.dumps(each) for each in order_ids),
        '"expires_at"': (FAR_OFF,),
        '"valid_until"': (FAR_OFF,),
    }
    found = dice.choice(ORDERS if dice.random() < 0.5 else FRAMES)
    return [(name, value if value == "null" else dice.choice(likely.get(name) or (value,))) for name, value in found]


def a_value(dice: Random) -> str:
    return dice.choice(dice.choice((NUMBERS, TEXTS, OTHERS)))


# --- what is done to fields


def another_number(dice: Random, fields: Fields) -> str:
    """One or two of the numbers, where there are any."""
    numeric = [place for place, (_, value) in enumerate(fields) if value[0].isdigit()]
    for place in dice.sample(numeric, min(len(numeric), dice.randint(1, 2))):
        fields[place] = (fields[place][0], dice.choice(NUMBERS))
    return written(fields)


def another_value(dice: Random, fields: Fields) -> str:
    place = dice.randrange(1, len(fields)) if len(fields) > 1 else 0
    fields[place] = (fields[place][0], a_value(dice))
    return written(fields)


def another_type(dice: Random, fields: Fields) -> str:
    fields[0] = (fields[0][0], dice.choice((*TYPES, a_value(dice))))
    return written(fields)


def left_out(dice: Random, fields: Fields) -> str:
    fields.pop(dice.randrange(len(fields)))
    return written(fields)


def added(dice: Random, fields: Fields) -> str:
    name = dice.choice((dice.choice(NAMES), '"request_id"', '"request_id"', dice.choice(TEXTS)))
    fields.insert(dice.randint(0, len(fields)), (name, a_value(dice)))
    return written(fields)


def key_twice(dice: Random, fields: Fields) -> str:
    name, value = dice.choice(fields)
    fields.insert(dice.randint(0, len(fields)), (name, dice.choice((value, a_value(dice)))))
    return written(fields)


def mixed(dice: Random, fields: Fields) -> str:
    """The fields of two frames in some order."""
    both = fields + a_frame(dice)
    dice.shuffle(both)
    return written(both)


def nested(dice: Random, fields: Fields) -> str:
    depth, (opening, closing) = dice.choice(DEPTHS), dice.choice((("[", "]"), ('{"a":', "}")))
    value = opening * depth + "1" + closing * dice.choice((depth, depth, depth - 1))
    fields.append((dice.choice((*NAMES, '"request_id"')), value))
    return written(fields)


def many_items(dice: Random, fields: Fields) -> str:
    """A list with too many, or odd, entries."""
    name = dice.choice(('"orders"', '"order_ids"', '"channels"', '"instruments"'))
    item = dice.choice((a_value(dice), written(dice.choice(ORDERS)[1:])))
    return written([*fields, (name, "[" + ",".join([item] * dice.randint(0, MOST_ITEMS)) + "]")])


# --- what is done to text


def truncated(dice: Random, fields: Fields) -> str:
    text = written(fields)
    return text[: dice.randrange(len(text))]


def spliced(dice: Random, fields: Fields) -> str:
    head, tail = written(fields), written(a_frame(dice))
    return head[: dice.randrange(len(head))] + tail[dice.randrange(len(tail)) :]


def doubled(dice: Random, fields: Fields) -> str:
    return dice.choice(("", " ", ",", "\n", "\0")).join([written(fields), written(a_frame(dice))])


def flipped(dice: Random, fields: Fields) -> str:
    """Bits turned over; what is no UTF-8 any more is read as if it were Latin-1."""
    raw = bytearray(written(fields).encode(errors="surrogatepass"))
    for _ in range(dice.randint(1, 3)):
        raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    return raw.decode("latin-1")


def inserted(dice: Random, fields: Fields) -> str:
    text, at = written(fields), dice.randint(0, len(written(fields)))
    odd = ("\0", "\x1b", "\ufeff", "\ud800", "\u2028", '"', "\\", "{", "}", "[", ",", ":", "//", "/*", " " * 1_000)
    return text[:at] + dice.choice(odd) + text[at:]


def noise(dice: Random, fields: Fields) -> str:
    return "".join(chr(dice.choice((dice.randrange(128), dice.randrange(0x3000)))) for _ in range(dice.randrange(300)))


def as_it_is(dice: Random, fields: Fields) -> str:
    return written(fields)


MUTATIONS: dict[str, Callable[[Random, Fields], str]] = {
    made.__name__.replace("_", " "): made
    for made in (
        *(another_number, another_value, another_type, left_out, added, key_twice, mixed, nested, many_items),
        *(truncated, spliced, doubled, flipped, inserted, noise, as_it_is),
    )
}


def mutated(dice: Random, order_ids: Sequence[str] = ()) -> tuple[str, str]:
    """A mutation's name and what it made of some frame. The text may hold what no socket carries: lone surrogates."""
    name = dice.choice(list(MUTATIONS))
    return name, MUTATIONS[name](dice, a_frame(dice, order_ids))


# --- what must come of it

ANSWERS = {
    "ping": "pong",
    "unsubscribe": "subscribe_response",
    **dict.fromkeys(("submit_order", "amend_order", "cancel_order"), "order_response"),
    **dict.fromkeys(("submit_orders", "cancel_orders"), "orders_response"),
}
"""The types of answers that are not the message's own with `_response`, or `query_response` to a query."""
ANSWER_TYPES = {"error", "pong"} | {
    kind for each in protocol.ServerMessage.__args__ if (kind := each.__struct_config__.tag).endswith("_response")
}


def answer_to(text: str, max_frame: int = 32_768) -> tuple[set[str], protocol.RequestId] | None:
    """The types that the answer to a frame may have, and the request id that it must have; None: no answer."""
    try:
        if len(text) > max_frame:
            return {"error"}, None
        message = protocol.decode(text)
    except protocol.ProtocolError as error:
        return {"error"}, error.request_id
    if isinstance(message, protocol.Pong):
        return None
    asked = str(type(message).__struct_config__.tag)
    own = ANSWERS.get(asked, "query_response" if asked.startswith("query_") else f"{asked}_response")
    refusable = not isinstance(message, protocol.EngineMessage | protocol.Auth | protocol.Ping)
    return ({own, "error"} if refusable else {own}), message.request_id
