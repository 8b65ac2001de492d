"""Which rows an office has: those of its market, and those that are of no market, as users."""

from typing import Any

from django.contrib.admin import RelatedFieldListFilter
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from trading.admin.engine_requests import present_market
from trading.models import Market, Transfer

WHERE = {"market": "market", "account": "account__market", "instrument": "instrument__market"}
"""Of a column that says whose a row is, where the market stands."""
LOOKED_UP = "_further_markets"
"""Where a request keeps whether there are others."""


def of_market(model: type[Model], market: str) -> Q | None:
    """The condition for the rows of a market; None where rows are of no market."""
    if model is Market:
        return Q(pk=market)
    if model is Transfer:
        return Q(source=market) | Q(target=market)
    columns = {field.name for field in model._meta.fields}
    return next((Q(**{path: market}) for name, path in WHERE.items() if name in columns), None)


def wanted(request: HttpRequest, model: type[Model]) -> Q | None:
    """The condition for the rows of this office; None where it has all: the tables of one market are read by no more
    than their own indexes."""
    condition = of_market(model, present_market())
    return condition if condition is not None and _others(request) else None


def _others(request: HttpRequest) -> bool:
    """Whether the database has further markets; looked up once a request."""
    known = vars(request)
    if LOOKED_UP not in known:
        known[LOOKED_UP] = Market.objects.exclude(pk=present_market()).exists()
    return bool(known[LOOKED_UP])


def ours(request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Of some rows those of this office."""
    condition = wanted(request, rows.model)
    return rows if condition is None else rows.filter(condition)


class InstrumentFilter(RelatedFieldListFilter):
    """Offers the instruments of this office's market."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        ordering = self.field_admin_ordering(field, request, model_admin)
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to={"market": present_market()})
