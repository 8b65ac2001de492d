"""A market that has traded, and clients for all who may knock. An engine runs beside."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.admin.pages import logged_in
from tests.builders import FUNDS, NOW, Books, Founded, cancel, order
from tests.engine_beside import EngineBeside
from trading.models import Holiday, Market, RiskEvent, SettlementPrice, Statement, TradingSession, Transfer, User

Staff = Callable[..., Client]


@pytest.fixture
def traded(market: Founded) -> Founded:
    """user001 has bought 3 lots of IX2301 from user002, and still asks for 2; user003 has cancelled. A day before was
    settled, user001 was warned, and there is a schedule with a holiday."""
    books = Books()
    books.commit(order(1, "BUY OPEN 5 @ 120.5", own_id="mine"), order(2, "SELL OPEN 3 @ 120.5"))
    accepted = books.commit(order(3, "BUY OPEN 1 @ 119"))
    books.commit(cancel(3, accepted[0].order_id))
    a_day_before()
    return market


def a_day_before() -> None:
    day, time = 20231113, NOW - 86_400_000
    line = {"instrument_id": "IX2301", "long": 3, "short": 0, "price": 1_215_000, "margin": 36_450_000}
    nothing = dict.fromkeys(("opening", "withdrawals", "close_profit", "commission"), 0)
    sums = {"deposits": FUNDS, "position_profit": -5_000, "closing": FUNDS - 5_000, "margin": 36_450_000}
    Statement.objects.create(account_id=1, day=day, time=time, positions=[line], **nothing, **sums)
    SettlementPrice.objects.create(instrument_id="IX2301", day=day, price=1_215_000, delisted=False, time=time)
    RiskEvent.objects.create(account_id=1, kind="WARNED", margin=8_000_000, balance=10_000_000, time=time)
    TradingSession.objects.create(market_id="MAIN", time="09:00", action="continuous", weekdays="12345")
    Holiday.objects.create(market_id="MAIN", date="2024-01-01")


def money_on_its_way() -> None:
    """To another market, which nobody runs."""
    other = Market.objects.create(code="OTHER")
    Transfer.objects.create(
        id="t1", user_id="user001", source_id="MAIN", target=other, amount=7, status="IN_TRANSIT", sent_at=1
    )


@pytest.fixture
def root(engine: EngineBeside) -> Client:
    """A superuser's client."""
    return logged_in(User.objects.create_superuser("root"))


@pytest.fixture
def staff(engine: EngineBeside) -> Staff:
    """Makes a member of staff with permissions such as "view_account", and logs him in."""

    def make(*codenames: str, name: str = "clerk") -> Client:
        user = User.objects.create_user(name, is_staff=True)
        found = Permission.objects.filter(codename__in=codenames)
        assert len(found) == len(set(codenames)), f"not all of {codenames} exist"
        user.user_permissions.set(found)
        return logged_in(user)

    return make
