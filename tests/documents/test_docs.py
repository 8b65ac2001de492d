"""The docs are true: every message, field, code, setting and command is found in them."""

import json
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from django.core.management import get_commands
from django.utils import translation

from trading import protocol
from trading.core.codes import Code
from trading.core.option_rules import OPTION_RULES, OptionRule, Outside, Wanted
from trading.core.types import (
    CancelReason,
    OrderOptions,
    OrderStatus,
    Phase,
    SelfTrade,
    StopKind,
    TimeCondition,
    Trigger,
)

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
IN_CHINESE = (ROOT / "docs/protocol.zh-CN.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
OURS_EVERYWHERE = {"request_id"}
OF_OTHER_MARKETS = {"market", "market_seq"}
OF_V1 = {
    *("auth", "subscribe", "unsubscribe", "cancel_order", "query_order", "query_account", "query_position"),
    *("auth_response", "subscribe_response", "order_response", "trade", "account_update", "ticker", "error"),
    *("ping", "pong"),
}
"""Messages of the protocol document, which shows them."""


def rows_of(text: str, heading: str) -> dict[str, str]:
    """The tables under a heading: first column (without backticks) to the rest of its row."""
    section = text.split(f"## {heading}\n", 1)[1].split("\n##", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", section, re.MULTILINE)
    return dict(rows)


def between(text: str, mark: str) -> str:
    """What stands between the comments that begin and end a generated table."""
    return text.partition(f"<!-- {mark} -->\n")[2].partition(f"\n<!-- /{mark} -->")[0]


def messages(union: object) -> dict[str, type[msgspec.Struct]]:
    return {kind.__struct_config__.tag: kind for kind in union.__args__}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("heading", "union"),
    [("Client messages", protocol.ClientMessage), ("Server messages", protocol.ServerMessage)],
)
def test_every_message_is_documented_with_its_fields(heading: str, union: object) -> None:
    documented = rows_of(PROTOCOL, heading)
    assert set(documented) == set(messages(union))
    for name, kind in messages(union).items():
        own = set(kind.__struct_fields__) - OURS_EVERYWHERE
        if own >= OF_OTHER_MARKETS:  # every numbered push has them
            own -= OF_OTHER_MARKETS
        fields = documented[name].split("|")[0]
        assert own <= set(re.findall(r"`(\w+)`", fields)), name


def test_every_field_of_order_options_is_explained() -> None:
    plain = {"instrument_id", "direction", "offset", "volume", "price", "order_type", "client_order_id"}
    assert set(rows_of(PROTOCOL, "Order options")) == set(protocol.OrderFields.__struct_fields__) - plain


class RuleWords(NamedTuple):
    """Of the table of what contradicts what, in a language."""

    head: str
    none: str
    either: str
    more: str
    less: str
    whole: str
    comma: str


ENGLISH = RuleWords(
    "| an order with | is refused with |", "no {}", " or ", "not more than {}", "not less than {}", "not whole", ", "
)
CHINESE = RuleWords("| 报单有 | 拒绝它的话 |", "没有 {}", " 或 ", "不大于 {}", "不小于 {}", "不是整数", "，")


def option_rule_table(words: RuleWords) -> str:
    lines = [f"| {_wrong(rule, words)} | {rule.sentence} |" for rule in OPTION_RULES]
    return "\n".join([words.head, "|---|---|", *lines])


def _wrong(rule: OptionRule, words: RuleWords) -> str:
    return words.comma.join(_said(f"`{field}`", wanted, words) for field, wanted in rule.wrong.items())


def _said(field: str, wanted: Wanted, words: RuleWords) -> str:
    match wanted:
        case tuple():
            return f"{field} " + words.either.join(f"`{word}`" for word in wanted)
        case Outside(above, below, whole):
            ranges = [words.more.format(above)]
            ranges += [] if below is None else [words.less.format(f"`{below}`")]
            return f"{field} " + words.either.join([*ranges, words.whole] if whole else ranges)
    return field if wanted else words.none.format(field)


@pytest.mark.parametrize(("text", "words"), [(PROTOCOL, ENGLISH), (IN_CHINESE, CHINESE)], ids=["en", "zh"])
def test_what_contradicts_what_is_the_table_in_the_docs(text: str, words: RuleWords) -> None:
    assert between(text, "option rules") == option_rule_table(words)


def test_every_option_is_explained_in_the_market_rules() -> None:
    rules = (ROOT / "docs/market-rules.md").read_text()
    assert {name for name in OrderOptions.__struct_fields__ if f"`{name}`" not in rules} == set()


@pytest.mark.parametrize("words", [CancelReason, Phase, OrderStatus, StopKind, Trigger, SelfTrade, TimeCondition])
def test_every_word_of_the_wire_is_in_the_docs(words: type[StrEnum]) -> None:
    unsaid = {CancelReason.ASKED}
    assert {word for word in words if f"`{word}`" not in PROTOCOL} <= unsaid


EXAMPLES = [line for block in re.findall(r"```json\n(.*?)```", PROTOCOL, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("frame", EXAMPLES, ids=lambda frame: frame[:60])
def test_an_example_is_a_frame(frame: str) -> None:
    """A client's is understood, a server's is what would be sent."""
    kind = messages(protocol.ServerMessage).get(json.loads(frame)["type"])
    if kind is None:
        protocol.decode(frame)
    else:
        shown: Any = msgspec.json.decode(frame, type=kind)
        assert protocol.encode(shown) == frame


def test_every_message_that_is_ours_has_an_example() -> None:
    given = {json.loads(frame)["type"] for frame in EXAMPLES}
    assert {*messages(protocol.ClientMessage), *messages(protocol.ServerMessage)} - given <= OF_V1


def code_table() -> str:
    lines = [f"| {code.value} | {code.text} |" for code in Code]
    return "\n".join(["| code | meaning |", "|---|---|", *lines])


def code_table_in_chinese() -> str:
    """With the English text, which frames have."""
    with translation.override("zh-hans"):
        lines = [f"| {code.value} | {code.text} | {translation.gettext(code.text)} |" for code in Code]
    return "\n".join(["| 代码 | 消息中的文字 | 含义 |", "|---|---|---|", *lines])


@pytest.mark.parametrize(("text", "table"), [(PROTOCOL, code_table), (IN_CHINESE, code_table_in_chinese)])
def test_the_codes_are_the_table_in_the_docs(text: str, table: Callable[[], str]) -> None:
    assert between(text, "codes") == table()


def test_every_setting_is_documented() -> None:
    source = (ROOT / "exchange_site/settings.py").read_text()
    names = set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", source))
    assert names == set(rows_of(OPERATIONS, "Settings"))


def test_every_command_is_documented() -> None:
    apps = ("trading", "marketdata", "bots", "exchange_site.cluster")
    ours = {name for name, app in get_commands().items() if app in apps}
    assert ours and all(f"`manage.py {name}" in OPERATIONS for name in ours)


def test_the_project_speaks_of_itself_alone() -> None:
    """No path of a machine it was made on, no host of a package registry."""
    banned = re.compile(r"/(work|tmp|root)/|pypi\.org|files\.pythonhosted|registry\.npmjs", re.IGNORECASE)
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("requirements*"), ROOT / "Makefile"]
    for path in texts:
        assert not banned.search(path.read_text()), path


def test_every_test_that_shows_a_case_is_there() -> None:
    """A test as `file::function`, a story of the market as `file::title`."""
    named = re.findall(r"`(tests/[^`]+)::([^`]+)`", (ROOT / "docs/conformance.md").read_text())
    assert len(named) > 50
    lines = {"txt": "\n== {}\n", "py": "def {}("}
    missing = [
        f"{file}::{name}"
        for file, name in named
        if lines[file.rpartition(".")[2]].format(name) not in (ROOT / file).read_text()
    ]
    assert missing == []
