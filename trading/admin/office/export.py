"""What a list shows, as CSV: streamed row by row, whatever is filtered and searched, in the list's own columns."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.admin.views.main import ChangeList
from django.http import StreamingHttpResponse
from django.utils.html import strip_tags

PARAMETER = "_csv"
"""In the address of a list."""
CHUNK = 500
BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets compute a cell that begins like this, and traders choose some words of it."""
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""At the beginning, so that spreadsheets read UTF-8."""


class _Line:
    """What csv writes to: it gives the line back."""

    def write(self, text: str) -> str:
        return text


def response(changelist: ChangeList, columns: Iterable[Any]) -> StreamingHttpResponse:
    """The rows that a list has found. `columns`: its `list_display`."""
    answer = StreamingHttpResponse(_lines(changelist, list(columns)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{changelist.opts.model_name}.csv"'
    return answer


def _lines(changelist: ChangeList, columns: list[Any]) -> Iterator[str]:
    model, model_admin = changelist.model, changelist.model_admin
    writer = csv.writer(_Line())
    heads = [str(label_for_field(column, model, model_admin)) for column in columns]
    yield MARK + writer.writerow(heads)
    for row in changelist.queryset.iterator(chunk_size=CHUNK):
        yield writer.writerow([_text(column, row, model_admin) for column in columns])


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
