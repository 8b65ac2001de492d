"""CSV that goes out while it is read, however long it is, and CSV that comes in."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from trading.admin.office.export import awaited

CHUNK = 1_000
MOST_TOLD = 5
"""Cells of a line that is not understood."""
LARGEST = 1_000_000
"""Bytes of a file that somebody sends."""
MARK = "\ufeff"
"""Spreadsheets know by it that a file is UTF-8."""
SIGNS = {"+", "-"}
QUOTED = re.compile(r'"[^"]*"')
HEADS: dict[str, frozenset[str]] = {
    "name": frozenset({"name", "full name", "姓名", "名字", "名称"}),
    "user": frozenset(
        {"user", "user id", "user_id", "userid", "username", "account", "用户", "用户名", "用户id", "账户", "账号"}
    ),
    "amount": frozenset({"amount", "funds", "deposit", "金额", "资金", "初始资金", "入金"}),
}
"""What people call a column in the first line of a file."""
MARKS = {",": gettext_noop("a comma"), ";": gettext_noop("a semicolon"), "\t": gettext_noop("a tab")}
"""What stands between cells, in words; another sign stands for itself."""
PARTING = frozenset(";\t\N{FULLWIDTH SEMICOLON}\N{FULLWIDTH COMMA}")
"""Signs that part cells and are in nobody's name. (A comma may be.)"""
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def by_key(rows: QuerySet[Any]) -> Iterator[Any]:
    """Rows in the order of their primary key, a query for each thousand of them: nothing stays open meanwhile."""
    last = 0
    while True:
        found = list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK])
        yield from found
        if len(found) < CHUNK:
            return
        last = found[-1].pk


def csv_response(
    request: HttpRequest, name: str, head: Sequence[str], lines: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """A file to be saved under a name."""
    parts = _parts(head, iter(lines))
    streamed: Any = awaited(parts) if isinstance(request, ASGIRequest) else parts
    response = StreamingHttpResponse(streamed, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _parts(head: Sequence[str], lines: Iterator[Sequence[Any]]) -> Iterator[str]:
    yield MARK + text([head])
    while part := list(islice(lines, CHUNK)):
        yield text(part)


def text(lines: Iterable[Sequence[Any]]) -> str:
    """Lines as CSV."""
    out = io.StringIO()
    csv.writer(out).writerows([[_cell(value) for value in line] for line in lines])
    return out.getvalue()


def _cell(value: Any) -> Any:
    """A word that a spreadsheet would take for a formula is marked as a word; a number stays one."""
    if isinstance(value, str) and value.startswith(FORMULAS) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    """With a sign, a part in per cent too; or the dash that stands for none."""
    return text == "-" or text[text[:1] in SIGNS :].removesuffix("%").replace(".", "", 1).isdecimal()


def without_head(lines: list[list[str]], *columns: str) -> list[list[str]]:
    """The lines without a first one that only names the columns, each by a word of its own in either language."""
    words = [cell.casefold() for cell in lines[0]]
    is_head = len(words) <= len(columns) and all(
        word in HEADS[name] for word, name in zip(words, columns, strict=False)
    )
    return lines[1:] if is_head else lines


def lines_of(sent: str, most: int, *, heads: int = 0, columns: Sequence[str] = ()) -> list[list[str]]:
    """The lines of a CSV that somebody sent, without empty ones, each cell without blanks around it. ValidationError
    where nobody can read it, or where there are too many; the first `heads` name columns and are not counted, and a
    first line with the names of `columns` is left out."""
    plain = sent.removeprefix(MARK)
    reader = csv.reader(io.StringIO(plain), delimiter=separator(plain), strict=True)
    try:
        found = [[cell.strip() for cell in line] for line in reader]
    except csv.Error as error:
        raise ValidationError(_("This is no CSV: {error}.").format(error=error)) from error
    lines = [line for line in found if any(line)]
    if lines and columns:
        lines = without_head(lines, *columns)
    if not lines:
        raise ValidationError(_("There is no line in it."))
    count = len(lines) - heads
    if count > most:
        raise ValidationError(
            _("{count} lines are too many: at most {most} at once.").format(count=f"{count:,}", most=f"{most:,}")
        )
    return lines


def separator(sent: str) -> str:
    """What stands between the cells: a comma; or, where each line has one outside quotes, a semicolon (spreadsheets
    write it where the comma is the decimal sign) or a tab (cells that are copied); or what a Chinese keyboard gives for
    either, where there is no comma."""
    plain = QUOTED.sub("", sent)
    lines = [line for line in plain.splitlines() if line.strip()]
    marks = ";\t" if "," in plain else ";\t\N{FULLWIDTH SEMICOLON}\N{FULLWIDTH COMMA}"
    return next((mark for mark in marks if lines and all(mark in line for line in lines)), ",")


def otherwise(cells: Sequence[str], sent: str) -> str:
    """What a line that has not the cells it should have was read as: for who has parted them by another sign."""
    mark = separator(sent.removeprefix(MARK))
    return _("The cells of this file are parted by {mark}; read was: {cells}.").format(
        mark=_(MARKS[mark]) if mark in MARKS else mark, cells=" | ".join(cell[:40] for cell in cells[:MOST_TOLD])
    )


def text_of(sent: Any) -> str:
    """What is in a file that somebody sent; ValidationError where it is not text."""
    if sent is None:
        return ""
    if sent.size > LARGEST:
        raise ValidationError(_("The file is larger than {count} bytes.").format(count=f"{LARGEST:,}"))
    try:
        return str(sent.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValidationError(_("The file is not UTF-8 text: save it as CSV UTF-8.")) from error
