"""Which rows a list shows: nobody who opens one chooses how much the database must compute.

A list takes the lookups that it offers and no others. Of a table that grows without end it looks through the newest
rows only, after an index has found those of the account, the order, the trade or the day that was asked for.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.filters import ListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR, ChangeList
from django.db.models import DateField, Field, ForeignKey, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext

LONGEST_SEARCH = 200
"""Characters of a search or of a value in an address."""
LONGEST_TOLD = 60
"""Characters of what was asked for, where it is said that it cannot be."""
MOST_WORDS = 4
"""Of a search. Every word is a condition for every field, and databases take only so many."""
MOST_ORDERINGS = 3
"""Columns that a list is sorted by at once."""
LOOKED_THROUGH = 10_000
"""Rows that a list of records filters, sorts and counts: some ten milliseconds, however long the history is."""
SEARCHED = 200_000
"""Rows of all markets among which those of one are found."""
MOST = "bourse.most"
"""In a request's `META`: the rows that a list looks through for it, where they are not `LOOKED_THROUGH`."""

if TYPE_CHECKING:
    Rows = QuerySet[Any]
else:
    Rows = QuerySet


def parameters_of(model: type[Model], list_filter: Iterable[Any]) -> set[str]:
    """The parameters that filters beside a list put into its address."""
    names: set[str] = set()
    for each in list_filter:
        if isinstance(each, type) and issubclass(each, ListFilter):
            names |= set(getattr(each, "parameter_names", ())) or {each.parameter_name}  # type: ignore[attr-defined]
        else:
            field = each[0] if isinstance(each, tuple) else each
            names |= _parameters_of_field(field, model._meta.get_field(field))
    return names


def _parameters_of_field(name: str, field: Any) -> set[str]:
    if isinstance(field, DateField):
        return {f"{name}__gte", f"{name}__lt", f"{name}__isnull"}
    if isinstance(field, ForeignKey):
        target: Field[Any, Any] = field.target_field
        return {f"{name}__{target.name}__exact", f"{name}__isnull"}
    return {name, f"{name}__exact", f"{name}__isnull"}


def is_plain(value: str) -> bool:
    """Whether a value of an address may be looked up. PostgreSQL takes no NUL in a text."""
    return len(value) <= LONGEST_SEARCH and "\0" not in value


class WrongFilter(IncorrectLookupParameters):
    """A filter that cannot be, with a sentence for who asked."""


class PlainList(ChangeList):
    """A list that is sorted by a few of its columns at most. Asked for what cannot be, it shows nothing, and `fault`
    says why: Django would go to the whole list without a word."""

    fault = ""
    filter_specs: Any = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.search_help_text = gettext(self.search_help_text or "")

    @property
    def counted(self) -> str:
        """How many rows there are, in words."""
        opts = self.opts
        return f"{self.result_count:,} {opts.verbose_name if self.result_count == 1 else opts.verbose_name_plural}"

    def get_ordering(self, request: HttpRequest, queryset: Rows) -> Any:
        asked = self.params.get(ORDER_VAR)
        if asked:
            self.params[ORDER_VAR] = ".".join(asked.split(".", MOST_ORDERINGS)[:MOST_ORDERINGS])
        return super().get_ordering(request, queryset)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Rows:
        self._look_at_address(request)
        try:
            found: Rows = super().get_queryset(request, exclude_parameters)
            self._look_at_choices()
        except IncorrectLookupParameters as error:
            self.refuse(error)
        return self.root_queryset.none() if self.fault else found

    def _look_at_address(self, request: HttpRequest) -> None:
        """What the list does not offer is refused before anything is looked up, and is in none of its links."""
        for name, values in self.get_filters_params().items():
            wrong = [value for value in values if not self._is_offered(request, name, value)]
            if wrong:
                asked = f"{name}={wrong[0]}"[:LONGEST_TOLD]
                self.refuse(
                    WrongFilter(gettext("This list cannot be filtered by {filter}.").format(filter=repr(asked)))
                )
                del self.filter_params[name]
                self.params.pop(name, None)
        if request.GET.get(SEARCH_VAR, "").strip() and not self.query:
            self.refuse(WrongFilter(gettext("This cannot be searched for.")))

    def _is_offered(self, request: HttpRequest, name: str, value: str) -> bool:
        """A value of a column that has choices is one of them: a database would find nothing, and say nothing."""
        if not self.model_admin.lookup_allowed(name, value, request):
            return False
        fields = {field.name: field for field in self.model._meta.fields if field.choices}
        field = fields.get(name.removesuffix("__exact"))
        return field is None or value in {str(choice) for choice, _label in field.flatchoices}

    def _look_at_choices(self) -> None:
        """A filter of ours that does not know its value would leave all rows."""
        for spec in self.filter_specs:
            if isinstance(spec, SimpleListFilter) and getattr(spec, "closed", True):
                value = spec.value()
                if value is not None and value not in {str(choice) for choice, _label in spec.lookup_choices}:
                    raise WrongFilter(gettext("There is no {value} to filter by.").format(value=repr(value[:40])))

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except IncorrectLookupParameters:
            self.refuse(WrongFilter(gettext("There is no page {number}.").format(number=self.page_num)))
            self.queryset = self.queryset.none()
            super().get_results(request)

    def refuse(self, error: IncorrectLookupParameters) -> None:
        """Say the first of several faults."""
        known = str(error) if isinstance(error, WrongFilter) else gettext("The address asks for what cannot be.")
        self.fault = self.fault or gettext("{fault} Nothing is shown.").format(fault=known)


class RecordList(PlainList):
    """A list of a table that grows without end, newest first. `shortened`: there are older rows, and it looks through
    so many. (Sorted otherwise, a database may go through all that there is, along the column that it sorts by.)"""

    model_admin: Any
    shortened = 0

    @property
    def counted(self) -> str:
        """Of a list that looks through the newest only, that they are these."""
        if not self.shortened:
            return super().counted
        whole = self.result_count >= self.shortened
        words = gettext("the newest {newest} {rows}") if whole else gettext("{counted}, among the newest {newest}")
        return words.format(counted=super().counted, newest=f"{self.shortened:,}", rows=self.opts.verbose_name_plural)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Rows:
        self.params.pop(ORDER_VAR, None)
        self._look_at_address(request)
        try:
            if not self.fault:
                self.root_queryset, self.shortened = self.model_admin.newest(request, self.query)
        except IncorrectLookupParameters as error:
            self.refuse(error)
        return super().get_queryset(request, exclude_parameters)


def newest(rows: Rows, key: str, wanted: Q | None = None, most: int = LOOKED_THROUGH) -> tuple[Rows, int]:
    """The newest rows, as many as a list looks through, and where there are older ones, among how many they are; else
    0. `key` grows with every row and is indexed. `wanted`: of all rows only these, which no index has."""
    if wanted is None:
        return _last(rows, key, most)
    rows, searched = _last(rows, key, SEARCHED)
    rows, looked_through = _last(rows.filter(wanted), key, most)
    return rows, looked_through or searched


def _last(rows: Rows, key: str, most: int) -> tuple[Rows, int]:
    end = next(iter(rows.order_by(f"-{key}").values_list(key, flat=True)[most - 1 : most]), None)
    return (rows, 0) if end is None else (rows.filter(**{f"{key}__gte": end}), most)
