"""Which options of an order contradict each other, and the sentence of the refusal: one table, plain data.

The engine and the protocol check by it, the page and the documents are made from it. It knows no instrument and no
time: what depends on them is checked in `rules/checks.py`.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from trading.core.codes import Code
from trading.core.types import Offset, OrderOptions, OrderType, StopKind, TimeCondition

GFD, GTC, GTD = TimeCondition.GFD, TimeCondition.GTC, TimeCondition.GTD
IOC, FOK = TimeCondition.IOC, TimeCondition.FOK

RESTING = (GFD, GTC, GTD)
"""How long an order stays that may rest in the book."""

AT_ONCE = (IOC, FOK)
"""What is not filled at once is cancelled."""

SET, UNSET = True, False
"""Whether an order says anything of a field, whatever that is."""


class Outside(msgspec.Struct, frozen=True):
    """A number that is set and is not more than `above`, or not less than the order's field `below`, or not whole."""

    above: int
    below: str | None = None
    whole: bool = False


Wanted = bool | tuple[str, ...] | Outside
"""What a field must be for a rule to speak: SET or UNSET, one of some words, or a number outside its range."""


class OptionRule(msgspec.Struct, frozen=True, kw_only=True):
    """An order of which all of `wrong` (field -> what it is) holds can never be right.

    `field`: the field with which it is put right. `missing`: by setting it; otherwise by leaving it out or changing it.
    `engine`: whether the engine refuses the order too. Where it does not, the reason stands beside the rule.
    """

    wrong: dict[str, Wanted]
    field: str
    sentence: str
    missing: bool = False
    engine: bool = True


CODE = Code.MALFORMED
"""The code of all these refusals."""

_EXPIRES = "expires_at is for GTD orders"
_POST_ONLY = "post_only is for LIMIT orders that may rest"
_DISPLAY = "display_volume is for LIMIT orders that may rest"
_STOP = "stop_kind and trigger need a stop_price or a trail"

OPTION_RULES: tuple[OptionRule, ...] = (
    OptionRule(
        wrong={"time_condition": (GTD,), "expires_at": UNSET},
        field="expires_at",
        missing=True,
        sentence="A GTD order needs expires_at",
    ),
    OptionRule(
        wrong={"expires_at": SET, "time_condition": (GFD, GTC, IOC, FOK)}, field="expires_at", sentence=_EXPIRES
    ),
    OptionRule(
        wrong={"order_type": (OrderType.MARKET,), "time_condition": (GTC, GTD), "stop_price": UNSET, "trail": UNSET},
        field="time_condition",
        sentence="A MARKET order does not rest: GTC and GTD are for those that wait for a stop price",
        engine=False,  # to the engine such an order is an IOC
    ),
    OptionRule(wrong={"post_only": SET, "order_type": (OrderType.MARKET,)}, field="post_only", sentence=_POST_ONLY),
    OptionRule(wrong={"post_only": SET, "time_condition": AT_ONCE}, field="post_only", sentence=_POST_ONLY),
    OptionRule(
        wrong={"reduce_only": SET, "offset": (Offset.OPEN,)},
        field="reduce_only",
        sentence="reduce_only is for orders that close",
    ),
    OptionRule(
        wrong={"display_volume": SET, "order_type": (OrderType.MARKET,)}, field="display_volume", sentence=_DISPLAY
    ),
    OptionRule(wrong={"display_volume": SET, "time_condition": AT_ONCE}, field="display_volume", sentence=_DISPLAY),
    OptionRule(
        wrong={"display_volume": Outside(above=0, below="volume", whole=True)},
        field="display_volume",
        sentence="display_volume must be whole lots, at least one and fewer than volume",
    ),
    OptionRule(
        wrong={"stop_kind": SET, "stop_price": UNSET, "trail": UNSET},
        field="stop_price",
        missing=True,
        sentence=_STOP,
        engine=False,  # to the engine they mean nothing then
    ),
    OptionRule(
        wrong={"trigger": SET, "stop_price": UNSET, "trail": UNSET},
        field="stop_price",
        missing=True,
        sentence=_STOP,
        engine=False,  # to the engine they mean nothing then
    ),
    OptionRule(
        wrong={"trail": SET, "stop_kind": (StopKind.TAKE_PROFIT,)},
        field="trail",
        sentence="trail is for STOP, not for TAKE_PROFIT",
    ),
    OptionRule(
        wrong={"trail": Outside(above=0)},
        field="trail",
        sentence="trail must be more than 0",
        engine=False,  # the engine holds it against the tick, which has a code of its own
    ),
    OptionRule(
        wrong={"price_levels": SET, "order_type": (OrderType.LIMIT,)},
        field="price_levels",
        sentence="price_levels is for MARKET orders",
    ),
)
"""Where several are broken, the first is told. A rule that the engine did not have in an earlier release cannot be
added to the engine's: journals of that release would be replayed otherwise than they were."""


def unset_values(struct: type[msgspec.Struct]) -> dict[str, object]:
    """What each option is in `struct` where nothing is said of it."""
    fields = {field.name: field.default for field in msgspec.structs.fields(struct)}
    return {name: fields[name] for name in OrderOptions.__struct_fields__}


class OptionCheck:
    """The rules, made ready to be held against orders whose options are in `struct`.

    `is_plain(options)`: whether no option is set. `simple`: an order that stays for one of these times, and is plain,
    breaks no rule. `sentence(order, options)`: why an order can never be right, None if it can; `order` has its fields,
    `options` its options. They are compiled: with a loop over the table an order with options took twice as long from
    its message to its command.
    """

    def __init__(self, rules: Iterable[OptionRule], struct: type[msgspec.Struct]) -> None:
        rules, writer = tuple(rules), _Writer(unset_values(struct))
        self.is_plain: Callable[[Any], bool] = writer.function("options", [f"return {writer.nothing_set()}"])
        self.sentence: Callable[[Any, Any], str | None] = writer.function(
            "order, options", [f"if {writer.holds(rule)}: return {rule.sentence!r}" for rule in rules]
        )
        spoken_of = {word for rule in rules if not _sets_option(rule) for word in _words(rule, "time_condition")}
        self.simple = tuple(condition for condition in TimeCondition if condition not in spoken_of)


def _sets_option(rule: OptionRule) -> bool:
    """Whether an order must set an option for the rule to speak."""
    return any(wanted is SET or isinstance(wanted, Outside) for wanted in rule.wrong.values())


def _words(rule: OptionRule, field: str) -> tuple[str, ...]:
    wanted = rule.wrong.get(field)
    return wanted if isinstance(wanted, tuple) else ()


class _Writer:
    """Writes tests of (order, options) as Python. `unset`: each option where nothing is said of it."""

    def __init__(self, unset: dict[str, object]) -> None:
        self._unset = unset
        self._names: dict[str, object] = {}

    def function(self, arguments: str, lines: list[str]) -> Any:
        """A function with this body."""
        exec("\n    ".join([f"def made({arguments}):", *lines]), self._names)  # noqa: S102  # of the table above
        return self._names["made"]

    def nothing_set(self) -> str:
        return " and ".join(self._test(field, UNSET) for field in self._unset)

    def holds(self, rule: OptionRule) -> str:
        return " and ".join(self._test(field, wanted) for field, wanted in rule.wrong.items())

    def _test(self, field: str, wanted: Wanted) -> str:
        value = f"options.{field}" if field in self._unset else f"order.{field}"
        match wanted:
            case tuple():
                return f"{value} in {self._named(wanted)}"
            case Outside():
                below = "" if wanted.below is None else f" or {value} >= order.{wanted.below}"
                whole = f" or {value} != int({value})" if wanted.whole else ""
                return f"{value} is not None and ({value} <= {wanted.above}{below}{whole})"
            case bool():
                return f"{value} {'is not' if wanted else 'is'} {self._named(self._unset[field])}"

    def _named(self, value: object) -> str:
        """A name that stands for a value: words are compared by identity."""
        name = f"_{len(self._names)}"
        self._names[name] = value
        return name


ENGINE_CHECK = OptionCheck([rule for rule in OPTION_RULES if rule.engine], OrderOptions)
