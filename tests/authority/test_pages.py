"""The table of pages, cell by cell, and that the addresses of rows tell nothing to those who may not see them."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import get_resolver

from exchange_site.monitoring.metrics import PATH, Metrics
from exchange_site.monitoring.probes import ALIVE, READY, Probes
from tests.authority.conftest import WHO
from tests.authority.tables import Row, table, words
from trading.models import User

MODELS = {model._meta.model_name: model for model in admin.site._registry if model._meta.managed}
WITHOUT_DJANGO = {ALIVE, READY, PATH}
ENDS_THE_SESSION = "POST /session/end"
OF_A_MODEL = re.compile(r"/admin/(?:trading|marketdata|axes|auth)/(?!desk/)(\w+)/(.*)")


def routes(resolver: Any, before: str = "/") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        yield from routes(pattern, route) if hasattr(pattern, "url_patterns") else [route]


def plain(route: str) -> str:
    """A route as the table has it, with its model if it is one of a model's."""
    route = re.sub(r"<\w+:content_type_id>", "<type>", route)
    route = re.sub(r"<(path:object_id|id)>", "<id>", route)
    route = re.sub(r"\^\(\?P<app_label>.*", "trading/", route)
    route = re.sub(r"\(\?P<url>.*", "anything-else", route)
    route = re.sub(r"<\w+:(\w+)>", r"<\1>", route)
    found = OF_A_MODEL.fullmatch(route)
    return f"/admin/<model>/{found[2]} {found[1]}" if found else route


def in_the_table() -> dict[str, Row]:
    """The rows of the table by page and model."""
    rows = table("Pages")
    named = {(row["page"], model) for row in rows for model in words(row["models"])}
    found = {}
    for row in rows:
        models: list[str] = words(row["models"])
        if models in (["all"], ["the others"]):
            models = [str(model) for model in MODELS if models == ["all"] or (row["page"], model) not in named]
        for model in models or [""]:
            found[f"{row['page']} {model}".strip()] = row
    return found


TABLE = in_the_table()


def test_every_page_is_in_the_table() -> None:
    served = {plain(route) for route in routes(get_resolver())} | WITHOUT_DJANGO
    listed = {key.removeprefix("POST ") for key in TABLE if not key.startswith("/static/")}
    assert served - listed == set(), "pages that the table does not know"
    assert listed - served == set(), "pages that are no more"


def address(key: str, row_id: str | None = None) -> str:
    """Where a page of the table is; of a model, with one of its rows."""
    route, _, model = key.removeprefix("POST ").partition(" ")
    if model:
        route = route.replace("<model>", f"{MODELS[model]._meta.app_label}/{model}")
        row_id = row_id or str(MODELS[model]._default_manager.order_by("pk").first().pk)
    user = User.objects.get(username="user002")
    kind = ContentType.objects.get_for_model(User).pk
    route = route.replace("/docs/<name>/", "/docs/protocol/").replace("/docs/files/<name>", "/docs/files/docs/page.png")
    route = route.replace("<number>", "1").replace("<day>", "20231113").replace("<user>", str(user.pk))
    return route.replace("<id>", row_id or str(user.pk)).replace("<type>", str(kind)).replace("<phase>", "closed")


def said(response: HttpResponseBase) -> str:
    """As a cell says it."""
    going = response.headers.get("Location", "")
    return "login" if going.startswith("/admin/login/") else str(response.status_code)


def ask(client: Client, key: str, url: str) -> Any:
    posted = key.startswith("POST ")
    response: Any = client.post(url, {}, content_type="application/json") if posted else client.get(url)
    if response.streaming:
        response.close()
    return response


@pytest.mark.slow
def test_every_cell(everybody: dict[str, Client], subtests: pytest.Subtests) -> None:
    for key, row in TABLE.items():
        if key in WITHOUT_DJANGO or key == ENDS_THE_SESSION:
            continue
        url = address(key)
        with subtests.test(page=key):
            assert {who: said(ask(client, key, url)) for who, client in everybody.items()} == {
                who: row[who] for who in WHO
            }


def test_anybody_may_end_his_session(everybody: dict[str, Client]) -> None:
    answers = {who: said(ask(client, ENDS_THE_SESSION, "/session/end")) for who, client in everybody.items()}
    assert answers == {who: TABLE[ENDS_THE_SESSION][who] for who in WHO}


class Ready:
    not_ready_because: str | None = None


async def test_what_is_answered_without_django_asks_nobody_who_he_is() -> None:
    """Whatever his browser has in store."""
    probes, metrics = Probes(Ready()), Metrics(Ready(), "", [])  # type: ignore[arg-type]
    for path in WITHOUT_DJANGO:
        for cookie in (b"", b"sessionid=anything"):
            sent: list[dict[str, Any]] = []
            headers = [(b"cookie", cookie)]
            scope = {"type": "http", "path": path, "method": "GET", "client": ("203.0.113.9", 1), "headers": headers}

            async def send(message: dict[str, Any], sent: list[dict[str, Any]] = sent) -> None:
                sent.append(message)

            await (metrics if path == PATH else probes)(scope, None, send)
            assert {TABLE[path][who] for who in WHO} == {str(sent[0]["status"])}


# --- what an address tells


ODD = ("999999999", "9" * 40, "nobody", "-1", "\ufffd'\"")


@pytest.mark.slow
def test_staff_without_permissions_cannot_tell_which_rows_exist(
    everybody: dict[str, Client], subtests: pytest.Subtests
) -> None:
    """The same answer for every id, of rows that exist and of such that do not."""
    for key in TABLE:
        if "<id>" not in key:
            continue
        with subtests.test(page=key):
            there = said(everybody["staff"].get(address(key)))
            assert {said(everybody["staff"].get(address(key, odd))) for odd in ODD} == {there}


@pytest.mark.slow
def test_an_address_of_no_row_is_a_failure_to_nobody(everybody: dict[str, Client], subtests: pytest.Subtests) -> None:
    """Whoever may see rows is told that there is none."""
    for key in TABLE:
        if "<id>" in key:
            with subtests.test(page=key):
                statuses = {everybody["viewer"].get(address(key, odd)).status_code for odd in ODD}
                assert statuses <= {302, 403, 404, 405}
