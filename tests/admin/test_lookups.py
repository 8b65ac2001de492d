"""Nobody who opens a list chooses what the database computes: only what the list offers is looked up."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.admin.conftest import Staff
from tests.admin.pages import page
from tests.builders import Books, Founded, order
from trading.admin.lists import MOST_WORDS

LOOKUPS = (
    *("regex", "iregex", "contains", "icontains", "startswith", "endswith", "iexact", "search"),
    *("in", "range", "gt", "lte", "date", "year", "week_day", "length", "unaccent"),
)
LISTS = [item for item in admin.site._registry.items() if item[0]._meta.managed]
"""Not the desk, which has no rows."""
ADMINS = sorted(LISTS, key=lambda item: item[0]._meta.label)
BACKTRACKING = "^(a+)+$"


def address_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def paths(model: Any, depth: int = 2) -> Iterator[str]:
    """The columns of a model, and those of what it refers to."""
    for field in model._meta.fields:
        yield field.name
        if field.is_relation and depth > 1:
            yield from (f"{field.name}__{path}" for path in paths(field.related_model, depth - 1))


def hostile(model: Any) -> Iterator[tuple[str, str]]:
    for path in {*paths(model), "pk", "payload__user_id", "rules__stp"}:
        for lookup in LOOKUPS:
            yield f"{path}__{lookup}", BACKTRACKING


def shows_nothing_and_says_why(client: Client, address: str, query: dict[str, Any]) -> str:
    """What it says."""
    response = client.get(address, query)
    assert response.status_code == 200
    assert list(response.context["cl"].result_list) == []
    said = [str(message) for message in response.context["messages"]]
    assert said and "Nothing is shown." in said[-1], said
    return said[-1]


@pytest.mark.parametrize("asked", [{"foo": "1"}, {"status": "live"}, {"status__exact": "x" * 500}, {"direction": "\0"}])
def test_a_list_that_is_asked_for_what_cannot_be_says_so(traded: Founded, root: Client, asked: dict[str, str]) -> None:
    """And goes on with what it can: the filters beside it are there, and no link has what was wrong."""
    address, ((name, value),) = page("order"), asked.items()
    assert repr(f"{name}={value}"[:60]) in shows_nothing_and_says_why(root, address, asked)
    changelist = root.get(address, asked).context["cl"]
    links = [choice["query_string"] for spec in changelist.filter_specs for choice in spec.choices(changelist)]
    assert links and not any(f"{name}={value}" in link for link in links)
    assert root.get(address).context["cl"].result_count > 0


def test_a_search_that_cannot_be_finds_nothing(traded: Founded, root: Client) -> None:
    assert "cannot be searched for" in shows_nothing_and_says_why(root, page("order"), {"q": "\0"})
    assert root.get(page("order"), {"q": " "}).context["cl"].result_count > 0


@pytest.mark.slow
@pytest.mark.parametrize(("model", "model_admin"), ADMINS, ids=lambda each: getattr(each, "__name__", ""))
def test_no_list_takes_a_lookup_of_the_visitors(traded: Founded, root: Client, model: Any, model_admin: Any) -> None:
    """Asked of the admin itself, for all; and of the page, for one of each kind of lookup."""
    request = root.get(address_of(model)).wsgi_request
    taken = [name for name, value in hostile(model) if model_admin.lookup_allowed(name, value, request)]
    dates = {name for name in taken if name.endswith(("__gte", "__lt"))}
    assert set(taken) == dates
    column = model._meta.fields[-1].name
    for lookup in LOOKUPS:
        shows_nothing_and_says_why(root, address_of(model), {f"{column}__{lookup}": BACKTRACKING})


def test_an_expression_on_a_traders_own_id_never_runs(market: Founded, staff: Staff) -> None:
    Books().commit(order(1, "BUY OPEN 1 @ 120", own_id="a" * 60 + "!"))
    clerk = staff("view_order")
    for lookup in ("client_order_id__regex", "client_order_id__iregex", "account__user__username__regex"):
        with CaptureQueriesContext(connection) as ran:
            shows_nothing_and_says_why(clerk, page("order"), {lookup: BACKTRACKING})
        assert not any("REGEXP" in query["sql"] for query in ran)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "model_admin"), ADMINS, ids=lambda each: getattr(each, "__name__", ""))
def test_what_lists_offer_is_answered(traded: Founded, root: Client, model: Any, model_admin: Any) -> None:
    """Every link of the filters beside a list works, with a column to sort by; once each, and only once."""
    address = address_of(model)
    changelist = root.get(address).context["cl"]
    for spec in changelist.filter_specs:
        for choice in spec.choices(changelist):
            assert root.get(address + choice["query_string"]).status_code == 200, choice
    for name in {name for spec in changelist.filter_specs for name in spec.expected_parameters() if name}:
        shows_nothing_and_says_why(root, address, {name: ["1", "2"]})
        shows_nothing_and_says_why(root, address, {name: "x" * 500})


@pytest.mark.parametrize(("model", "model_admin"), ADMINS, ids=lambda each: getattr(each, "__name__", ""))
def test_searches_compare_plainly(traded: Founded, root: Client, model: Any, model_admin: Any) -> None:
    """From the beginning or as a whole; a few words."""
    assert all(field[0] in "^=" for field in model_admin.search_fields)
    if model_admin.search_fields:
        refused = root.get(address_of(model), {"q": "a " * (MOST_WORDS + 1)})
        assert b"Nothing was searched" in refused.content
        assert list(refused.context["cl"].result_list) == []


@pytest.mark.parametrize(("model", "model_admin"), ADMINS, ids=lambda each: getattr(each, "__name__", ""))
@pytest.mark.parametrize(
    "query", ["_facets=True", "all=1", "p=99999999", "o=" + ".".join(["1"] * 3_000), "o=1.-1.2.-2.3", "e=1&e=2"]
)
def test_odd_parameters_cost_nothing(traded: Founded, root: Client, model: Any, model_admin: Any, query: str) -> None:
    with CaptureQueriesContext(connection) as ran:
        assert root.get(f"{address_of(model)}?{query}", follow=True).status_code == 200
    assert not any("__facets" in query["sql"] or "FILTER (" in query["sql"] for query in ran)
    assert all(query["sql"].count(" DESC") + query["sql"].count(" ASC") <= 8 for query in ran)


def test_names_are_not_completed(traded: Founded, root: Client) -> None:
    for model in ("trade", "position"):
        asked = {"app_label": "trading", "model_name": model, "field_name": "account", "term": "user"}
        assert root.get("/admin/autocomplete/", asked).status_code == 404
    asked = {"app_label": "trading", "model_name": "trade", "field_name": "order", "term": "a"}
    assert root.get("/admin/autocomplete/", asked).status_code == 404
