"""Every page of the back office in 中文: who adds a page, a column or a sentence without its translation hears of it
here. English words are allowed where they are ids, names or units, and in the few words of `ALLOWED`."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import Group, Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from tests.admin.pages import page
from tests.builders import Founded, terms
from trading.core.commands import ListInstrument
from trading.core.types import Contract
from trading.models import Contest, HealthCheck, OperatorCommand, Order, ScheduledCommand, Trade, User

pytestmark = pytest.mark.slow

CHINESE = {"headers": {"accept-language": "zh-hans"}}
ALLOWED = {
    *("Bourse", "CSV", "English", "IP", "PBKDF", "SHA", "TOTP", "UTC", "UTF", "QR", "ID", "HTML", "ms", "JSON", "URL"),
    *("YYYYMMDD", "LDAP", "Mac", "Control", "Command", "True", "False", "contest"),
}
"""Names of things and formats, keys of a keyboard, and two words that Django itself writes without asking: True and
False of its pictures."""
DATA = {"MAIN", "Asia", "Shanghai", "IF", "IX", "Test", "Cup", "mine", "tests", "future", "user", "Viewer"}
"""What the rows of the test are called."""
NO_PROSE = re.compile(r"/logout/$|/jsi18n/$|/autocomplete/$")
HIDDEN = re.compile(
    r"<(script|style|pre|code|textarea|svg)\b.*?</\1>|<input[^>]*class=\"action-select\"[^>]*>", re.DOTALL
)
"""What is no prose: data, and for each row of a list its name for those who cannot see."""
SAID_BY = re.compile(r'\b(?:title|placeholder|alt|aria-label|data-lost)="([^"]*)"')
BUTTON = re.compile(r'<input[^>]*type="submit"[^>]*>')
WORD = re.compile(r"[A-Za-z][A-Za-z'’-]+[A-Za-z]|[A-Za-z]{2,}")
WITH_DIGITS = re.compile(r"[\w./:@-]*\d[\w./:@…-]*", re.ASCII)


def english_in(response: Any) -> set[str]:
    """The English words that somebody reads on a page, or hears from it."""
    body = HIDDEN.sub(" ", response.content.decode())
    said = SAID_BY.findall(body) + [
        value for tag in BUTTON.findall(body) for value in re.findall(r'value="([^"]*)"', tag)
    ]
    text = unescape(" ".join([re.sub(r"<[^>]+>", " ", body), *said]))
    names = {*ALLOWED, *DATA, *User.objects.values_list("username", flat=True)}
    return {word for word in WORD.findall(WITH_DIGITS.sub(" ", text)) if word not in names}


def patterns(resolver: Any, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from patterns(each, each.namespace or namespace)
        elif namespace == "admin" and each.name:
            yield f"admin:{each.name}", each


@pytest.fixture
def busy(traded: Founded, root: Client) -> Founded:
    """A row of everything that pages show."""
    boss = User.objects.get(username="root")
    soon = timezone.now() + timedelta(hours=1)
    common: dict[str, Any] = {"market_id": "MAIN", "asked_by": boss}
    asked = {"type": "Deposit", "user_id": "user001", "amount": 10_000}
    OperatorCommand.objects.create(**common, kind="Deposit", payload=asked, key="1", status="HELD", expires_at=soon)
    refused = "Insufficient funds: 5 asked, 1 can be withdrawn"
    gone = {"type": "Withdraw", "user_id": "user001", "amount": 50_000}
    OperatorCommand.objects.create(
        **common, kind="Withdraw", payload=gone, key="2", status="REFUSED", code=1001, result=refused
    )
    OperatorCommand.objects.create(
        **common, kind="Withdraw", payload=gone, key="3", status="REFUSED", result="Rejected by root: 7"
    )
    paper = Contract(instrument_id="IX2701", product_id="IX", tick=1, multiplier=1, reference_price=1)
    listing = msgspec.to_builtins(ListInstrument(paper, terms("Test")))
    ScheduledCommand.objects.create(**common, kind="ListInstrument", payload=listing, key="draft")
    HealthCheck.objects.create(**common, kind="books", status="FINE", result="They agree.", finished_at=soon)
    for status in Contest.Status:
        Contest.objects.create(
            market_id="MAIN", name="Test Cup", beginning="user", start_balance=10, ends_at=soon, status=status,
            started_at=soon, looked_at=soon, public=True,
        )  # fmt: skip
    other = User.objects.create_user("clerk", is_staff=True)
    other.groups.set(Group.objects.all())
    other.user_permissions.set(Permission.objects.filter(content_type__app_label="trading"))
    return traded


def keys(name: str, pattern: URLPattern) -> list[dict[str, Any]]:
    """With what the address of a page is filled: a row that is there."""
    wanted = pattern.pattern.converters
    if not wanted:
        return [{}]
    model = name.split("_")[1] if name.startswith("admin:trading_") else ""
    ids = {
        "order": [str(pk) for pk in Order.objects.values_list("pk", flat=True)],
        "instrument": ["IX2301"],
        "market": ["MAIN"],
        "user": [str(User.objects.get(username="clerk").pk)],
        "operatorcommand": [str(pk) for pk in OperatorCommand.objects.values_list("pk", flat=True)],
    }
    numbers = [1]
    for word, rows in (("contest", Contest.objects), ("desk_order", Order.objects), ("desk_trade", Trade.objects)):
        if word in name:
            numbers = list(rows.values_list("trade_id" if word == "desk_trade" else "pk", flat=True))
    values: dict[str, list[Any]] = {
        "object_id": ids.get(model, ["1"]),
        "number": numbers,
        "day": [20231113],
        "phase": ["closed"],
        "user": [User.objects.get(username="clerk").pk],
        "app_label": ["trading", "auth", "axes"],
    }
    if not set(wanted) <= set(values):
        return []
    longest = max(len(values[each]) for each in wanted)
    return [{each: values[each][at % len(values[each])] for each in wanted} for at in range(longest)]


def addresses() -> list[str]:
    found = []
    for name, pattern in patterns(get_resolver()):
        for arguments in keys(name, pattern):
            try:
                found.append(reverse(name, kwargs=arguments))
            except NoReverseMatch:
                continue
    return sorted(set(found))


def test_every_page_of_the_back_office_is_in_chinese(busy: Founded, root: Client) -> None:
    english, opened = {}, 0
    for url in [*addresses(), "/contest/"]:
        if NO_PROSE.search(url):
            continue
        response = root.get(url, **CHINESE)  # type: ignore[arg-type]
        assert response.status_code in {200, 302, 403, 404, 405}, url
        if response.status_code == 200 and response.headers["Content-Type"].startswith("text/html"):
            opened += 1
            found = english_in(response)
            if found:
                english[url] = found
    assert english == {}
    assert opened >= 60


def test_what_forms_ask_and_refuse_is_in_chinese(busy: Founded, root: Client) -> None:
    """Each form of the desk sent empty, wrong and right; each button asked and pressed."""
    drafts = {each.status: each.pk for each in Contest.objects.all()}
    held = OperatorCommand.objects.get(status="HELD").pk
    clerk = User.objects.get(username="clerk").pk
    key = {"key": "0123456789abcdef0123456789abcdef"}
    lines = "user001,5\nuser001,-99999999\nnobody,1\nuser001,0\nuser001,x\nuser001"
    people = "A,user001\nB,zz1,-1\nC,zz2,3,4\nD,zz3,x\nE,zz4\nF,zz4"
    sent: list[tuple[str, dict[str, Any]]] = [
        *((f"desk_{each}", {}) for each in ("correct", "funds_file", "person", "class", "settle", "contests")),
        ("desk_correct", {**key, "user_id": "nobody", "balance": "x", "reason": "7"}),
        ("desk_correct", {**key, "user_id": "user001", "balance": "0.00001", "reason": "7"}),
        ("desk_correct", {**key, "user_id": "user001", "balance": "5", "reason": "7"}),
        ("desk_correct", {**key, "user_id": "user001", "balance": "5", "reason": "7", "post": "yes", "seen": "1"}),
        ("desk_funds_file", {**key, "rows": lines, "reason": "7"}),
        ("desk_funds_file", {**key, "rows": "user001,5", "reason": "7"}),
        ("desk_funds_file", {**key, "rows": "user001,5", "reason": "7", "post": "yes"}),
        ("desk_funds_file", {**key, "file": SimpleUploadedFile("x.csv", b"\xff"), "reason": "7"}),
        ("desk_class", {**key, "rows": people, "start": "zz", "amount": "1", "scope": "READ", "days": "3"}),
        ("desk_class", {**key, "rows": "A", "start": "zz", "amount": "1", "scope": "READ", "days": "3", "post": "yes"}),
        ("desk_class", {**key, "rows": "A", "start": "zz", "amount": "1", "scope": "READ", "days": "3", "post": "yes"}),
        ("desk_contests", {"name": "Cup", "start_balance": "-1", "ends_at": "2020-01-01T00:00", "every_minutes": "0"}),
        ("desk_calendar", {"holidays": "2099-01-01 7"}),
        ("desk_calendar", {"holidays": "2099-01-01"}),
        ("desk_start_check", {"kind": "?"}),
    ]
    posts = [(page_of(name), data) for name, data in sent]
    posts += [(page_of(f"desk_{each}_contest", number), {}) for each in CONTEST for number in drafts.values()]
    posts += [(page_of("desk_start_contest", drafts["DRAFT"]), {"post": "yes"})]
    posts += [(page_of(f"desk_{each}", held), data) for each in ("approve", "reject") for data in ({}, {"post": "yes"})]
    posts += [(page_of("desk_member", clerk), {**key, "roles": roles, "reason": "7"}) for roles in ([], ["Viewer"])]
    posts += [(page_of("desk_forget_factor", clerk), data) for data in ({}, {"post": "yes"})]
    posts += [(page_of("desk_close_position", 1), {**key, "instrument": each, "reason": "7"}) for each in ("NONE", "")]
    posts += [(page_of("desk_close_position", 3), {**key, "reason": "7", "post": "yes"})]
    posts += [
        (page_of(f"desk_{each}", 1), {"key": f"{number:032}", "reason": reason, **yes})
        for number, each in enumerate(("stop_liquidation", "let_liquidate", "let_liquidate"))
        for reason, yes in (("", {}), ("7", {}), ("7", {"post": "yes"}))
    ]
    posts += [(page_of("desk_second_factor"), {"code": "1"})]
    posts += [(page("account", each, 1), {}) for each in ("freeze", "unfreeze", "deposit", "rules")]
    posts += [
        (page("account", "withdraw", 1), {**key, "amount": "1"}),
        (page("account", "withdraw", 1), {**key, "amount": "99999999", "post": "yes"}),
        (page("account", "add"), {**key, "user": "0"}),
    ]
    posts += [(page("account", each, 1), {"post": "yes"}) for each in ("unfreeze", "freeze")]
    posts += [
        (page("instrument", "add"), key),
        (page("accesstoken", "add"), key),
    ]
    posts += [(page("instrument", "halt", "IX2301"), data) for data in ({}, {"post": "yes"}, {"post": "yes"})]
    english, answered = {}, 0
    for number, (url, data) in enumerate(posts):
        response = root.post(url, data, follow=True, **CHINESE)  # type: ignore[arg-type]
        assert response.status_code in {200, 400}, (url, data)
        answered += response.status_code == 200
        found = english_in(response) - {"NONE", "nobody", "zz", "Cup", "http", "testserver"}
        if found:
            english[f"{number} {url} {data}"] = found
    assert english == {}
    assert answered >= 50


def test_the_history_of_a_user_is_in_chinese(busy: Founded, root: Client) -> None:
    """What Django writes of a form that was saved, and what pages of ours write."""
    clerk, account = User.objects.get(username="clerk"), User.objects.get(username="user001")
    where = page("user", "change", clerk.pk)
    content = root.get(where).context["adminform"].form.initial
    groups = [each.pk for each in content["groups"]][1:]
    names = {"username": "clerk", "email": "a@b.cn", "first_name": "X", "last_name": "Y"}
    roles = {"key": "0" * 32, "roles": ["Viewer", "Support"], "reason": "7", "post": "yes"}
    for url, data in (
        (where, {**names, "is_superuser": "on", "groups": groups}),
        (page_of("desk_member", clerk.pk), roles),
        (page_of("desk_forget_factor", clerk.pk), {"post": "yes"}),
    ):
        root.post(url, data, follow=True, **CHINESE)  # type: ignore[arg-type]
    root.get(page_of("desk_view_as", 1))
    for user, lines in ((clerk, 3), (account, 1)):
        found = root.get(page("user", "history", user.pk), **CHINESE)  # type: ignore[arg-type]
        assert len(found.context["action_list"]) == lines
        assert english_in(found) == set()


def test_a_refused_password_is_told_in_chinese(busy: Founded, root: Client) -> None:
    sent = {"old_password": "wrong", "new_password1": "a", "new_password2": "a"}
    refused = root.post(reverse("admin:password_change"), sent, **CHINESE)  # type: ignore[arg-type]
    assert "密码太短" in refused.content.decode() and english_in(refused) == set()


CONTEST = ("level", "start", "end", "publish")


def page_of(name: str, *arguments: object) -> str:
    return reverse(f"admin:trading_{name}", args=arguments)
