"""Instruments from a file: those that are new are listed, of the others the terms are changed. Shown line by line with
what would happen, asked for all or none, at once or at a time."""

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from django import forms
from django.forms.utils import pretty_name
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from trading.admin import confirmations, margins
from trading.admin.desk import files
from trading.admin.desk.page import Page, address, carry_out, show
from trading.admin.engine_requests import present_market
from trading.admin.forms.base import CommandForm
from trading.admin.forms.instruments import ChangeTermsForm, ListInstrumentForm, contract_values, terms_values
from trading.admin.office.refusals import said
from trading.admin.venue import later
from trading.core.commands import ChangeTerms, ListInstrument
from trading.core.types import Phase
from trading.models import Instrument, User
from trading.operators import what_if
from trading.operators.authority.rights import may_ask
from trading.storage.mapping import terms_of

NEEDS = ("change_instrument",)
TERMS = tuple(name for name in ChangeTermsForm.base_fields if name != "key")
CONTRACT = ("product_id", "tick", "multiplier", "reference_price", "limit_rate")
COLUMNS = ("instrument_id", *CONTRACT, *TERMS)
WORDS = {"yes": "true", "true": "true", "1": "true", "no": "false", "false": "false", "0": "false", "": "false"}
"""For what is yes or no."""


class Line(NamedTuple):
    """A line of a file: what it would do, and the command for it; or why it cannot be. `dearer`: margin may go up."""

    number: int
    name: str
    what: str = ""
    problem: str = ""
    command: ListInstrument | ChangeTerms | None = None
    dearer: bool = False


class InstrumentsFileForm(later.TimedForm):
    file = forms.FileField(label=gettext_lazy("CSV file"), required=False)
    rows = forms.CharField(
        label=gettext_lazy("or its lines"),
        required=False,
        strip=False,
        max_length=files.LARGEST,
        widget=forms.Textarea({"rows": 8}),
        help_text=format_lazy(
            gettext_lazy("The first line names the columns, see below. At most {count} lines after it."),
            count=confirmations.MOST_ROWS,
        ),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, help_text=gettext_lazy("Kept in the audit."))
    field_order = ("file", "rows", "at", "reason")

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        text = data.get("rows") or files.text_of(data.get("file"))
        head, *lines = files.lines_of(text, confirmations.MOST_ROWS, heads=1)
        data["text"], data["head"], data["lines"] = text, head, lines
        unknown = [name for name in head if name not in COLUMNS]
        if unknown:
            raise forms.ValidationError(_("There is no column {name}.").format(name=unknown[0][:64] or "-"))
        if "instrument_id" not in head or len(set(head)) < len(head):
            raise forms.ValidationError(_("The first line must name each column once, instrument_id among them."))
        if not lines:
            raise forms.ValidationError(_("There is no line below the names of the columns."))
        return data


def file_view(request: HttpRequest) -> HttpResponseBase:
    """Nothing is asked for while a line is wrong."""
    title, button = _("Instruments from a file"), _("See what it would do")
    form: Any = InstrumentsFileForm(request.POST, request.FILES) if request.method == "POST" else _fresh(request)
    about = {"form": form, "button": button, "columns": columns(), "now": later.now_text()}
    if request.method != "POST" or not form.is_valid():
        return show(request, "market/instruments_file", title, **about)
    data = form.cleaned_data
    lines = preview(cast(User, request.user), data["head"], data["lines"])
    wrong = sum(bool(line.problem) for line in lines)
    commands = [line.command for line in lines if line.command is not None]
    if wrong or not commands or not confirmations.said_yes(request):
        dearer = [] if wrong else [line.command for line in lines if line.dearer]
        shown = {"lines": lines, "wrong": wrong, "count": len(commands), "when": later.said_when(data["at"])}
        warnings = margins.sentences(cast(list[ChangeTerms], dearer))
        return show(request, "market/instruments_file", title, **about, **shown, warnings=warnings)
    if data["at"] is None:
        said_so = _("Instruments done: {count}.")
        done = carry_out(request, form, commands, done=said_so, reason=data["reason"]) is not None
    else:
        done = later.put(request, form, commands, data["at"], reason=data["reason"])
    if not done:
        return show(request, "market/instruments_file", title, **about)
    return HttpResponseRedirect(address("later" if data["at"] else "instruments_file"))


def _fresh(request: HttpRequest) -> Any:
    """`instruments`: names, with commas between them, whose lines it begins with."""
    names = request.GET.get("instruments", "").split(",")[: confirmations.MOST_ROWS]
    rows = _listed().filter(pk__in=names)
    text = files.text([("instrument_id", *TERMS), *(_cells(row)[:1] + _cells(row)[6:] for row in rows)]) if rows else ""
    return InstrumentsFileForm.fresh(rows=text)


def columns() -> list[tuple[str, str, str]]:
    """The name of each, what it is, and more of that."""
    fields = ListInstrumentForm.base_fields
    return [
        (name, _(str(fields[name].label or pretty_name(name))), _(str(fields[name].help_text or "-")))
        for name in COLUMNS
    ]


# --- what it would do


def preview(operator: User, head: list[str], lines: list[list[str]]) -> list[Line]:
    """What each line would do, as the forms and the engine's own rules have it."""
    at = head.index("instrument_id")
    known = Instrument.objects.in_bulk([line[at] for line in lines if len(line) > at])
    found: list[Line] = []
    first: dict[str, int] = {}
    for number, cells in enumerate(lines, 2):
        if len(cells) != len(head):
            problem = _("{count} cells, but there are {columns} columns.").format(count=len(cells), columns=len(head))
            found.append(Line(number, cells[0], problem=problem))
        else:
            given = dict(zip(head, map(_unmarked, cells), strict=True))
            name = given["instrument_id"]
            if first.setdefault(name, number) != number:
                problem = _("It is named in line {number} already.").format(number=first[name])
                found.append(Line(number, name, problem=problem))
                continue
            found.append(_line(number, given, known.get(given["instrument_id"]), operator))
    return _foreseen(found)


def _unmarked(cell: str) -> str:
    """Without the apostrophe that our own files have before what a spreadsheet would compute."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(files.FORMULAS) else cell


def _line(number: int, given: dict[str, str], row: Instrument | None, operator: User) -> Line:
    name = given["instrument_id"]
    side = given.get("larger_side")
    if side is not None and side.lower() not in WORDS:
        return Line(number, name, problem=_("{column}: yes or no.").format(column="larger_side"))
    here = row is not None and row.market_id == present_market()
    old: dict[str, Any] = {} if row is None else {**contract_values(row), **terms_values(terms_of(row))}
    if row is not None and here:
        if row.phase == Phase.DELISTED:
            return Line(number, name, problem=_("It is delisted."))
        for column in CONTRACT:
            if column in given and not _same(given[column], old[column]):
                return Line(number, name, problem=_("{column}: it cannot be changed.").format(column=column))
        form: CommandForm = ChangeTermsForm(sent(old, given), instance=row)
    else:
        plain = terms_values(ListInstrumentForm.PLAIN)
        defaults = {key: value for key, value in plain.items() if not key.startswith("margin")}
        form = ListInstrumentForm(sent(defaults, {key: value for key, value in given.items() if value}))
    if not form.is_valid():
        return Line(number, name, problem=problems(form))
    command: Any = form.command()
    if not may_ask(operator, command):
        return Line(number, name, problem=_("You may not do this."))
    if not (row is not None and here):
        return Line(number, name, _("is listed"), command=command)
    if command.terms == terms_of(row):
        return Line(number, name, _("stays as it is"))
    new = terms_values(command.terms)
    changes = (
        f"{key} {text_of(old[key]) or '-'} → {text_of(new[key]) or '-'}" for key in TERMS if new[key] != old[key]
    )
    return Line(number, name, ", ".join(changes), command=command, dearer=margins.are_raised(row, command.terms))


def sent(old: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """As a form is sent: what is given stands before what there is."""
    data = {**{name: text_of(value) for name, value in old.items()}, **given, "key": uuid.uuid4().hex}
    return {**data, "larger_side": WORDS[data.get("larger_side", "").lower()]}


def text_of(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _same(given: str, present: Any) -> bool:
    """Whether a cell says what there is, however the number is written."""
    try:
        return float(given) == float(present)
    except ValueError:
        return given == str(present)


def problems(form: forms.BaseForm) -> str:
    return " ".join(f"{name}: {error}" for name, errors in form.errors.items() for error in errors)


def _foreseen(lines: list[Line]) -> list[Line]:
    """With what the engine would refuse, one line after the other."""
    commands = [line.command for line in lines if line.command is not None]
    answers = iter(what_if.if_asked(present_market(), commands))
    found = []
    for line in lines:
        refused = None if line.command is None else next(answers)
        found.append(line if refused is None else line._replace(problem=said(refused.detail)))
    return found


# --- files to begin with


def _listed() -> Any:
    return Instrument.objects.filter(market=present_market()).exclude(phase=Phase.DELISTED.value).order_by("pk")


def _cells(row: Instrument) -> tuple[str, ...]:
    values = {**contract_values(row), **terms_values(terms_of(row))}
    return tuple(text_of(row.pk if name == "instrument_id" else values[name]) for name in COLUMNS)


def template_view(request: HttpRequest) -> HttpResponseBase:
    return files.csv_response(request, "instruments-template.csv", COLUMNS, [])


def present_view(request: HttpRequest) -> HttpResponseBase:
    """What is listed, as a file that can be changed and sent."""
    return files.csv_response(request, "instruments.csv", COLUMNS, map(_cells, list(_listed())))


PAGES: list[Page] = [
    Page(
        "instruments_file",
        "instruments/file/",
        NEEDS,
        file_view,
        gettext_noop("Instruments from a file"),
        gettext_noop("List several, change the terms of several or let them expire; shown before anything is done."),
    ),
    Page("instruments_template", "instruments/file/template.csv", NEEDS, template_view),
    Page("instruments_present", "instruments/file/present.csv", NEEDS, present_view),
]
