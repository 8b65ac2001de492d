"""The table of option rules as the page's module. `python -m tests.protocol.page_rules` writes it anew."""

import json
from pathlib import Path

import msgspec

from trading.core.option_rules import OPTION_RULES

MODULE = Path(__file__).resolve().parents[2] / "static/bourse/js/orders/option_rules.js"
HEAD = """\
/**
 * Which options of an order contradict each other, as the exchange has it. Made from trading/core/option_rules.py:
 * change it there, then write this file anew: `python -m tests.protocol.page_rules`. A test compares the two.
 *
 * An order of which all of `options` holds is refused with `sentence`. An option is one of some values, set (true), not
 * set (false), or a number outside a range (not more than `above`, not less than the field `below`, not whole). The
 * order is put right with `field`: if that is `missing` by setting it, otherwise by leaving it out or changing it.
 */
export const OPTION_RULES = [
"""


def page_module() -> str:
    """The module's text."""
    return HEAD + "".join(map(_rule, msgspec.to_builtins(OPTION_RULES))) + "];\n"


def _rule(rule: dict[str, object]) -> str:
    shown = {"options": rule["wrong"], **{name: rule[name] for name in ("field", "missing", "sentence")}}
    return "  {\n" + "".join(f"    {name}: {_text(value)},\n" for name, value in shown.items()) + "  },\n"


def _text(value: object) -> str:
    """As the page's modules are written: single quotes, names without any."""
    match value:
        case dict():
            return "{ " + ", ".join(f"{name}: {_text(one)}" for name, one in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(_text, value)) + "]"
        case str():
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return json.dumps(value)


if __name__ == "__main__":
    MODULE.parent.mkdir(exist_ok=True)
    MODULE.write_text(page_module())
