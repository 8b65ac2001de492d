"""Members of staff with the ready-made roles."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from tests.admin.conftest import root, staff, traded
from tests.admin.pages import logged_in
from tests.engine_beside import EngineBeside
from trading.models import User

__all__ = ["root", "staff", "traded"]
Officer = Callable[..., Client]


@pytest.fixture
def officer(engine: EngineBeside) -> Officer:
    """Makes a member of staff with roles such as "Treasurer", called as the first of them, and signs them in."""

    def make(*roles: str, name: str = "") -> Client:
        user = User.objects.create_user(name or roles[0].split()[0].lower(), is_staff=True)
        user.groups.set(Group.objects.filter(name__in=roles))
        assert user.groups.count() == len(roles)
        return logged_in(user)

    return make
