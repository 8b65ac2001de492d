"""Everybody who may knock, and what the socket's and the admin's tests have."""

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client

from tests.admin.conftest import money_on_its_way, staff, traded
from tests.admin.pages import logged_in, page
from tests.builders import Founded
from tests.engine_beside import EngineBeside
from tests.websocket.conftest import alice, bob, join, other, visitor
from trading.models import User

__all__ = ["alice", "bob", "join", "other", "staff", "traded", "visitor"]

WHO = ("anonymous", "user", "staff", "viewer", "superuser")
"""The columns of the tables about the admin."""


@pytest.fixture
def everybody(traded: Founded, engine: EngineBeside) -> dict[str, Client]:
    """A client for each column. The market has a row of every model; IF2301 is halted, user003 is frozen."""
    clerk, viewer = [User.objects.create_user(name, is_staff=True) for name in ("clerk", "viewer")]
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    root = logged_in(User.objects.create_superuser("root"))
    root.post(page("instrument", "halt", "IF2301"), {"post": "yes"})
    root.post(page("account", "freeze", 3), {"post": "yes"})
    money_on_its_way()
    Group.objects.create(name="operators")
    AccessAttempt.objects.create(username="x", failures_since_start=1, get_data="", post_data="", path_info="/")
    call_command("rebuild_bars", verbosity=0)
    people = [Client(), *map(logged_in, (User.objects.get(username="user001"), clerk, viewer)), root]
    return dict(zip(WHO, people, strict=True))
