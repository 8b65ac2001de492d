"""Every HTTP route answers odd input with a page that says what is wrong, never with a failure of ours."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import get_resolver, reverse

from tests.admin.pages import choose
from tests.builders import Founded

pytestmark = pytest.mark.slow

ARGUMENTS = ("1", "IX2301", "9" * 30, "a/b", "_5F_00", "\x00", "\ufffd'\"<b>", "x" * 3_000)
QUERIES = (
    "o=junk&p=junk&q=%00&e=1&all=&_popup=1&_to_field=junk",
    "o=-99999999999999999999&p=99999999999999999999",
    "nothing__like__this=1",
    "id__exact=junk&pk__in=,,&pk=%F0%9F",
    "q=" + "%20a" * 2_000,
    "&".join(f"a{number}=1" for number in range(1_001)),
    "_facets=1&_changelist_filters=%00%ff&user=%00&user=99999999999999999999&next=//evil.example",
)
FORM = "application/x-www-form-urlencoded"
BODIES = (
    ("", FORM),
    ("action=delete_selected&_selected_action=junk&_selected_action=" + "9" * 30 + "&index=junk", FORM),
    ("action=nothing_like_this&key=junk&amount=NaN&user=%00&price=1e999999&day=0000-00-00&_saveasnew=1", FORM),
    ("&".join(f"a{number}=" for number in range(1_001)), FORM),
    (b"\xff\xfe\x00=%00&%zz=%", FORM),
    ("a=" + "x" * 3_000_000, FORM),
    ("a=b", FORM + "; charset=nothing-like-this"),
    ("no boundary", "multipart/form-data"),
    ('--b\r\nContent-Disposition: form-data; name="a"', "multipart/form-data; boundary=b"),
    ("{", "application/json"),
)
METHODS = ("HEAD", "PUT", "OPTIONS", "BREW")


class Odd(NamedTuple):
    method: str
    path: str
    query: str = ""
    body: str | bytes = b""
    content_type: str = FORM


def routes(resolver: Any, before: str = "/") -> Iterator[str]:
    """All routes; what differs is written <so>."""
    for pattern in resolver.url_patterns:
        route = before + re.sub(r"\(\?P<\w+>[^)]*\)", "<it>", str(pattern.pattern)).strip("^$")
        yield from routes(pattern, route) if hasattr(pattern, "url_patterns") else [route]


def filled(route: str, argument: str) -> str:
    return re.sub(r"<[^>]+>", lambda _: argument, route)


def odd_requests(route: str) -> Iterator[Odd]:
    yield from (Odd(method, filled(route, "1")) for method in METHODS)
    yield from (Odd("POST", filled(route, "1"), "", *body) for body in BODIES)
    if "<" not in route:
        yield from (Odd("GET", route, query) for query in QUERIES)
    for argument in ARGUMENTS if "<" in route else ():
        yield Odd("GET", filled(route, argument), QUERIES[0])
        yield Odd("POST", filled(route, argument))


ROUTES = sorted(set(routes(get_resolver())) - {"/admin/logout/"})
ONE_IN = 6
"""Of the requests to the models' pages, which are Django's and ours of one kind; the others get all."""


def all_requests() -> Iterator[Odd]:
    of_models = (odd for route in ROUTES if route.count("/") > 3 for odd in odd_requests(route))
    yield from islice(of_models, 0, None, ONE_IN)
    yield from (odd for route in ROUTES if route.count("/") <= 3 for odd in odd_requests(route))


def failures(client: Client, requests: Iterator[Odd]) -> list[str]:
    client.raise_request_exception = False
    found = []
    for odd in requests:
        response: Any = client.generic(
            odd.method, odd.path, odd.body, odd.content_type, headers={"accept": "text/html"}, QUERY_STRING=odd.query
        )
        if response.status_code >= 500:
            found.append(f"{odd.method} {odd.path[:80]}?{odd.query[:80]} {odd.body[:80]!r}: {response.exc_info[1]!r}")
    return found


@pytest.fixture
def who(request: pytest.FixtureRequest) -> Client:
    return Client() if request.param == "anonymous" else request.getfixturevalue("root")


def test_the_routes_are_found() -> None:
    assert {"/", "/admin/login/", "/admin/trading/order/<path:object_id>/cancel/", "/admin/<it>"} <= set(ROUTES)


@pytest.mark.parametrize("who", ["anonymous", "root"], indirect=True)
def test_odd_input_is_no_failure(traded: Founded, who: Client) -> None:
    found = failures(who, all_requests())
    assert not found, "\n".join(found)


@pytest.mark.parametrize("address", ["/admin/trading/instrument/%00/change/", "/?%00", "/admin/?a=%00", "/static/%00"])
def test_a_nul_is_refused_before_a_database_chokes_on_it(root: Client, address: str) -> None:
    assert root.get(address).status_code == 400


def test_a_nul_among_chosen_rows_is_refused(root: Client) -> None:
    assert choose(root, "accesstoken", "delete_selected", "\0").status_code == 400


def odd_choices() -> Iterator[Odd]:
    for model, model_admin in admin.site._registry.items():
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for action in ("delete_selected", *(model_admin.actions or ())):
            for keys in (["junk"], ["9" * 30], ["\x00"], ["-1", ""]):
                chosen = [("action", action), ("post", "yes"), *(("_selected_action", key) for key in keys)]
                yield Odd("POST", path, "", urlencode(chosen))


def test_odd_rows_are_no_failure_of_a_lists_action(traded: Founded, root: Client) -> None:
    found = failures(root, odd_choices())
    assert not found, "\n".join(found)
