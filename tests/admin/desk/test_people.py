"""A class from a file: users, accounts, funds and tokens, shown once; and what a user sees."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.admin.desk.conftest import Officer
from tests.admin.pages import text_of
from tests.builders import Founded
from trading.admin.desk.page import address
from trading.models import AccessToken, Account, OperatorCommand, User
from trading.reads import identities

KEY = "0123456789abcdef0123456789abcdef"
VALUES = {"key": KEY, "amount": "1000", "scope": "TRADE", "days": "30", "start": "student"}


@pytest.fixture
def teacher(market: Founded, officer: Officer) -> Client:
    return officer("Administrator")


@pytest.mark.slow
def test_a_class_of_two_hundred_begins(teacher: Client) -> None:
    names = "\n".join(f"学生 {number}" for number in range(200))
    file = SimpleUploadedFile("class.csv", b"\xef\xbb\xbf" + names.encode())
    said = text_of(teacher.post(address("class"), {**VALUES, "file": file}))
    assert "Users: 200, funds of 200,000.00 in all. Nothing has been done yet." in said
    assert User.objects.filter(username__startswith="student").count() == 0
    answer = teacher.post(address("class"), {**VALUES, "rows": names, "post": "yes"})
    slips = answer.context["slips"]
    assert [slip["person"].user_id for slip in slips][::199] == ["student001", "student200"]
    for slip in slips[::50]:
        found = identities.identity_of_token(user_id=slip["person"].user_id, token=slip["text"], market="MAIN")
        assert found is not None and found.may_trade and found.account_id is not None
    assert Account.objects.filter(user__username__startswith="student", deposits=10_000_000).count() == 200
    assert OperatorCommand.objects.filter(status="DONE").count() == 400


def test_tokens_are_shown_once(teacher: Client) -> None:
    values = {**VALUES, "rows": "Ada\nBob", "post": "yes"}
    first = teacher.post(address("class"), values)
    texts = [slip["text"] for slip in first.context["slips"]]
    assert all(text in first.content.decode() for text in texts)
    again = teacher.post(address("class"), values, follow=True)
    assert not any(text in again.content.decode() for text in texts)
    assert AccessToken.objects.filter(user__username__startswith="student").count() == 2
    assert "no-store" in first["Cache-Control"]


@pytest.mark.parametrize("head", ["name", "Name,User id,Funds", "姓名", "姓名,用户名,资金"])
def test_a_line_that_names_the_columns_is_nobody(teacher: Client, head: str) -> None:
    answer = teacher.post(address("class"), {**VALUES, "rows": f"{head}\nAda", "post": "yes"})
    assert [slip["person"].name for slip in answer.context["slips"]] == ["Ada"]


WRONG = {
    "Ada,user001": "There is a user user001 already.",
    "Ada,a b": "Use letters, digits",
    "Ada,ada\nBob,ada": "ada is in the file twice.",
    "Ada,ada,-5": "Funds are not negative.",
    "Ada,ada,x": "'x' is no amount.",
    "Ada,ada,1,2": "at most.",
    "Ada;ada\nBob,bob": "The cells of this file are parted by a comma; read was: Ada;ada.",
    "name\nAda;ada": "read was: Ada;ada.",
    "艾达，ada\nBob,bob": "read was: 艾达，ada.",
    "Ada\tada,5\nBob": "read was: Ada ada | 5.",
    "x" * 200 + ",ada": "The name is too long.",
    "": "There is no line in it.",
}


def test_while_a_line_is_wrong_nobody_is_made(teacher: Client, subtests: pytest.Subtests) -> None:
    before = User.objects.count()
    for rows, sentence in WRONG.items():
        with subtests.test(rows=rows[:20]):
            assert sentence in text_of(teacher.post(address("class"), {**VALUES, "rows": rows, "post": "yes"}))
    assert (User.objects.count(), OperatorCommand.objects.count()) == (before, 0)


def test_a_file_that_is_no_text(teacher: Client) -> None:
    for content, sentence in ((b"\xff\xfe\x00", "not UTF-8 text"), (b"a" * 1_000_001, "larger than")):
        file = SimpleUploadedFile("class.csv", content)
        assert sentence in text_of(teacher.post(address("class"), {**VALUES, "file": file}))


def test_ids_that_are_taken_are_left_out(teacher: Client) -> None:
    User.objects.create_user("student002")
    answer = teacher.post(address("class"), {**VALUES, "rows": "A\nB\nC,student001", "post": "yes"})
    assert [slip["person"].user_id for slip in answer.context["slips"]] == ["student003", "student004", "student001"]


def test_one_user_with_everything(teacher: Client) -> None:
    values = {**VALUES, "user_id": "ada", "name": "Ada", "scope": "READ", "post": "yes"}
    slip = teacher.post(address("person"), values).context["slips"][0]
    found = identities.identity_of_token(user_id="ada", token=slip["text"], market="MAIN")
    assert found is not None and not found.may_trade
    assert Account.objects.get(user_id="ada").deposits == 10_000_000


def test_who_may_not_deposit_makes_users_without_funds(market: Founded, officer: Officer) -> None:
    client = officer("Support")
    values = {**VALUES, "rows": "Ada", "post": "yes"}
    assert client.post(address("class"), values).status_code == 403
    assert not User.objects.filter(username="student001").exists()
    assert client.post(address("class"), {**values, "amount": "0"}).status_code == 200
    assert Account.objects.get(user_id="student001").deposits == 0


def test_what_a_user_sees_is_seen_and_that_is_kept(traded: Founded, officer: Officer) -> None:
    client = officer("Support")
    said = text_of(client.get(address("view_as", 1)))
    for words in ("Balance 999,9", "IX2301 3 0 120.50", "PartiallyFilled", "BUY OPEN 120.50 3"):
        assert words in said
    entry = LogEntry.objects.get()
    assert (entry.user.get_username(), entry.object_repr) == ("support", "user001")
    assert client.post(address("view_as", 1)).status_code in {200, 405}
    assert client.get(address("view_as", 999)).status_code == 404


def test_the_page_of_a_user_asks_few_queries(
    traded: Founded, officer: Officer, django_assert_max_num_queries: Any
) -> None:
    client = officer("Support")
    client.get(address("sessions"))
    with django_assert_max_num_queries(22):
        client.get(address("view_as", 1))
