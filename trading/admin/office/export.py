"""What a list shows, as CSV: streamed row by row, whatever is filtered and searched, in the list's own columns."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.admin.views.main import ChangeList
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.html import strip_tags
from django.utils.translation import get_language, override

PARAMETER = "_csv"
"""In the address of a list."""
CHUNK = 500
MOST_ROWS = 200_000
"""Of one file: the keys of its rows are read before the first of them goes out."""
BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets compute a cell that begins like this, and traders choose some words of it."""
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""At the beginning, so that spreadsheets read UTF-8."""


def keys_of(changelist: ChangeList) -> list[Any]:
    """Of the rows that a list has found, in its order; one more than a file may have says that there are too many."""
    return list(changelist.queryset.values_list("pk", flat=True)[: MOST_ROWS + 1])


def response(
    request: HttpRequest, changelist: ChangeList, keys: list[Any], columns: Iterable[Any]
) -> StreamingHttpResponse:
    """The rows with these keys of a list. `columns`: its `list_display`. The file's name says among how many of the
    newest rows they were found, where there are older ones."""
    parts = _parts(changelist, iter(keys), list(columns), get_language())
    streamed: Any = awaited(parts) if isinstance(request, ASGIRequest) else parts
    answer = StreamingHttpResponse(streamed, content_type="text/csv; charset=utf-8")
    shortened = getattr(changelist, "shortened", 0)
    among = f"-of-the-newest-{shortened}" if shortened else ""
    answer["Content-Disposition"] = f'attachment; filename="{changelist.opts.model_name}{among}.csv"'
    return answer


def _parts(changelist: ChangeList, keys: Iterator[Any], columns: list[Any], language: str | None) -> Iterator[str]:
    """Some hundred rows at a time, in the language of who asked: no query stays open while somebody reads slowly."""
    model = changelist.model
    model_admin: Any = changelist.model_admin
    with override(language):
        heads = [str(label_for_field(column, model, model_admin)) for column in columns]
    yield MARK + _written([heads])
    while part := list(islice(keys, CHUNK)):
        rows = changelist.queryset.in_bulk(part)
        model_admin.read_together(rows.values())
        with override(language):
            cells = [[_text(column, rows[key], model_admin) for column in columns] for key in part if key in rows]
        yield _written(cells)


def _written(lines: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    return out.getvalue()


async def awaited(parts: Iterator[str]) -> AsyncIterator[str]:
    """The database is read in the request's thread, not in the event loop."""
    following = sync_to_async(lambda: next(parts, None))
    while (part := await following()) is not None:
        yield part


def _text(column: Any, row: Any, model_admin: Any) -> str:
    """As the list shows it, without its tags and without the commas between thousands."""
    field, _, value = lookup_field(column, row, model_admin)
    shown = getattr(row, f"get_{field.name}_display", None) if field is not None else None
    text = strip_tags(str(value if shown is None else shown()))
    if _is_number(text):
        return text.replace(",", "")
    return f"'{text}" if text.startswith(BEGINS_A_FORMULA) and text != "-" else text


def _is_number(text: str) -> bool:
    digits = text.lstrip("-").replace(",", "").replace(".", "", 1)
    return digits.isascii() and digits.isdigit()
