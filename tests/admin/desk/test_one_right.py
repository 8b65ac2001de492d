"""A member of staff with exactly one right, who tries everything else: each page and each deed, by request."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from tests.admin.every_page.test_permissions import DEEDS, everything
from tests.admin.pages import page
from tests.builders import Founded
from trading.admin.desk.page import address
from trading.admin.desk.site import PAGES
from trading.models import Contest, ContestEntry, HealthCheck, User
from trading.operators.authority.rights import ROLES

RIGHTS = sorted({right for rights in ROLES.values() for right in rights})


@pytest.fixture(autouse=True)
def _market(traded: Founded, root: Client) -> None:
    root.post(page("instrument", "halt", "IF2301"), {"post": "yes"})
    root.post(page("account", "freeze", 3), {"post": "yes"})


def places() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Where each page about work is, with a 1 where it names something, and what it needs."""
    desk = {named.name: (address("changelist") + re.sub("<[^>]+>", "1", named.route), named.needs) for named in PAGES}
    return {**desk, "emergency": (reverse("admin:emergency"), ("use_emergency",))}


def books_and_powers() -> list[Any]:
    """All that somebody could want to change: rows of the market, of the office, and who may do what."""
    of_office = [
        list(model._default_manager.order_by("pk").values_list()) for model in (Contest, ContestEntry, HealthCheck)
    ]
    members = list(User.groups.through.objects.order_by("pk").values_list())
    powers = list(Group.permissions.through.objects.order_by("pk").values_list())
    return [*everything(), *of_office, members, powers]


@pytest.mark.long
@pytest.mark.parametrize("right", RIGHTS)
def test_one_right_is_no_more_than_that(staff: Any, right: str, subtests: pytest.Subtests) -> None:
    client, before = staff(right), books_and_powers()
    held = {right, right.replace("change_", "view_")}  # who may change rows may see them
    for name, deed in DEEDS.items():
        if not set(deed.needs) <= held:
            with subtests.test(deed=name):
                data = deed.data()
                refused = {403, 200, 302} if "_selected_action" in data else {403}  # a list ignores a foreign action
                assert client.post(deed.url(), {**data, "post": "yes"}).status_code in refused
    assert books_and_powers() == before
    for name, (where, needs) in places().items():
        if not set(needs) <= held:
            with subtests.test(page=name):
                assert (client.get(where).status_code, client.post(where, {"post": "yes"}).status_code) == (403, 403)
    assert books_and_powers() == before
