"""A market that has traded, and clients for all who may knock. No server runs, so the admin is the engine."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.admin.pages import logged_in
from tests.builders import Books, Founded, cancel, order
from trading.models import User

Staff = Callable[..., Client]


@pytest.fixture
def traded(market: Founded) -> Founded:
    """user001 has bought 3 lots of IX2301 from user002, and still asks for 2; user003 has cancelled."""
    books = Books()
    books.commit(order(1, "BUY OPEN 5 @ 120.5", own_id="mine"), order(2, "SELL OPEN 3 @ 120.5"))
    accepted = books.commit(order(3, "BUY OPEN 1 @ 119"))
    books.commit(cancel(3, accepted[0].order_id))
    return market


@pytest.fixture
def root(transactional_db: None) -> Client:
    """A superuser's client."""
    return logged_in(User.objects.create_superuser("root"))


@pytest.fixture
def staff(transactional_db: None) -> Staff:
    """Makes a member of staff with permissions such as "view_account", and logs him in."""

    def make(*codenames: str, name: str = "clerk") -> Client:
        user = User.objects.create_user(name, is_staff=True)
        found = Permission.objects.filter(codename__in=codenames)
        assert len(found) == len(set(codenames)), f"not all of {codenames} exist"
        user.user_permissions.set(found)
        return logged_in(user)

    return make
