"""The settings: names, defaults and reasons as settings.py has them, and what docs/operations.md says of each."""

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from exchange_site.documents.reference import OPERATIONS
from exchange_site.documents.reference.tables import joined, rows_below, sentence, table

SOURCE = "exchange_site/settings.py"
SECTIONS = (
    gettext_noop("where things are"),
    gettext_noop("the exchange"),
    gettext_noop("Django"),
    gettext_noop("security"),
    gettext_noop("what operators see"),
)
"""As settings.py divides them."""


class Setting(NamedTuple):
    """`default`: as Python writes it; None where there is none. `why`: the reason beside it, if there is one."""

    name: str
    kind: str
    default: str | None
    why: str
    line: int


@cache
def declared() -> list[Setting]:
    """Every variable of the environment that is read, in the order of the file."""
    tree = ast.parse((settings.BASE_DIR / SOURCE).read_text(encoding="utf-8"))
    return sorted(_of_body(tree.body), key=lambda each: each.line)


def settings_page() -> str:
    said = rows_below("Settings")
    parts = [
        f"# {_('Settings')}",
        _("All come from the environment. How they are used is in [Running Bourse]({address}).").format(
            address=OPERATIONS
        ),
    ]
    found = declared()
    starts = [*_sections(), ("", 10**9)]
    for (title, start), (_next, end) in pairwise(starts):
        rows = [_row(each, said) for each in found if start <= each.line < end]
        if rows:
            heading = _(title)
            parts += [
                f"## {heading[:1].upper()}{heading[1:]}",
                table([_("Variable"), _("Kind"), _("Default"), _("Meaning")], rows),
            ]
    return "\n\n".join(parts)


def _row(setting: Setting, said: dict[str, list[str]]) -> list[str]:
    written, meaning = said[setting.name]
    return [
        f"`{setting.name}`",
        setting.kind,
        _default(setting) or written,
        joined(sentence(meaning), _(setting.why) if setting.why else ""),
    ]


def _default(setting: Setting) -> str:
    """As one would write it in the environment; nothing where it is none, or depends on other things."""
    with suppress(ValueError, SyntaxError):
        match ast.literal_eval(setting.default or ""):
            case bool() as flag:
                return f"`{'on' if flag else 'off'}`"
            case list() as several if several:
                return f"`{','.join(several)}`"
            case int() | float() as number:
                return f"`{int(number) if number == int(number) else number}`"
            case str() as text if text:
                return f"`{text}`"
    return ""


def _sections() -> list[tuple[str, int]]:
    """Titles with the line that each begins at."""
    lines = (settings.BASE_DIR / SOURCE).read_text(encoding="utf-8").splitlines()
    marked = ((re.match(r"# --- ([^:]+)", line), number) for number, line in enumerate(lines, 1))
    return [(found[1].strip(), number) for found, number in marked if found]


def _of_body(body: list[ast.stmt]) -> Iterator[Setting]:
    for statement, after in zip(body, [*body[1:], None], strict=False):
        for inside in ("body", "orelse"):
            yield from _of_body(getattr(statement, inside, []))
        if not isinstance(statement, ast.If | ast.Try | ast.FunctionDef | ast.ClassDef):
            why = after.value.value if _is_text(after) else ""  # type: ignore[union-attr]
            yield from (_setting(call, " ".join(str(why).split())) for call in ast.walk(statement) if _is_read(call))


def _is_text(statement: ast.stmt | None) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_read(node: ast.AST) -> bool:
    """`env.int("NAME", ...)`"""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "env"


def _setting(call: ast.AST, why: str) -> Setting:
    assert isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    name = ast.literal_eval(call.args[0])
    default = next((ast.unparse(each.value) for each in call.keywords if each.arg == "default"), None)
    return Setting(name, call.func.attr, default, why, call.lineno)
