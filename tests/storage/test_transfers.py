"""Money that was on its way comes in once, with the commit that puts it into its account."""

import pytest

from tests.builders import TRADERS, Books, make_users
from tests.storage.histories import new_books
from trading.core import types
from trading.core.commands import ReceiveTransfer
from trading.models import Market, Transfer
from trading.worker.batch import Unstorable

pytestmark = pytest.mark.django_db


@pytest.fixture
def books() -> Books:
    make_users(TRADERS)
    books = new_books()
    Market.objects.create(code="CFFEX")
    return books


def on_its_way(number: str) -> types.Transfer:
    transfer = types.Transfer(number, TRADERS[0], "CFFEX", "MAIN", 1_000)
    Transfer.objects.create(
        id=number,
        user_id=transfer.user_id,
        source_id=transfer.source,
        target_id=transfer.target,
        amount=transfer.amount,
        status=Transfer.Status.IN_TRANSIT,
        sent_at=1,
    )
    return transfer


@pytest.mark.parametrize("number", ["6cac0aaeb8954793bfca56f6f339148f", "7"])
def test_it_comes_in_whatever_its_number_is_and_never_twice(books: Books, number: str) -> None:
    transfer = on_its_way(number)
    books.commit(ReceiveTransfer(transfer))
    row = Transfer.objects.get(pk=number)
    assert row.status == Transfer.Status.ARRIVED and row.ended_at is not None
    with pytest.raises(Unstorable, match=f"transfer {number} is not in transit"):
        books.commit(ReceiveTransfer(transfer))
