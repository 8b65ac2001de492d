"""What a list or a form does to many is asked about first, with what will happen in numbers."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from tests.admin.pages import YES, asked, choose, content_of, page, send, text_of
from tests.builders import Founded, terms
from trading.admin import margins
from trading.core.money import RATE
from trading.models import Account, Instrument, OperatorCommand, Order, User

ACTIONS = [
    (model._meta.model_name, action)
    for model, model_admin in admin.site._registry.items()
    for action in (model_admin.actions or ())
]
LEADS_ON = ("instrument", "change_selected")
"""An action that asks for nothing itself: it opens a page, which does."""


def rows_of(model: str) -> list[Any]:
    rows: dict[str, Any] = {
        "account": list(Account.objects.values_list("pk", flat=True)),
        "instrument": list(Instrument.objects.values_list("pk", flat=True)),
        "order": list(Order.objects.values_list("pk", flat=True)),
        "user": list(User.objects.values_list("pk", flat=True)),
    }
    return list(rows[model])


def test_all_lists_with_actions_are_looked_at() -> None:
    assert {model for model, _ in ACTIONS} == {"account", "instrument", "order", "user"}


@pytest.mark.parametrize(("model", "action"), [each for each in ACTIONS if each != LEADS_ON])
def test_an_action_asks_first(traded: Founded, root: Client, model: str, action: str) -> None:
    before = asked()
    keys = rows_of(model)
    question = choose(root, model, action, *keys, confirmed=False)
    assert question.status_code == 200 and "Do nothing" in text_of(question)
    assert f"{len(keys)} {model}s" in text_of(question)
    assert asked() == before
    choose(root, model, action, *keys)
    assert len(asked()) == len(before) + len(keys)


def test_an_action_that_leads_on_asks_for_nothing(traded: Founded, root: Client) -> None:
    assert LEADS_ON in ACTIONS
    model, action = LEADS_ON
    page = choose(root, model, action, *rows_of(model))
    assert "Nothing has been asked for" not in text_of(page) and "See what it would do" in page.content.decode()
    assert asked() == []


@pytest.mark.parametrize(
    ("model", "action", "words"),
    [
        ("account", "freeze_selected", "They have 1 live order, and 2 of them hold positions."),
        ("order", "cancel_selected", "1 live order of 1 account with 2 lots left."),
        ("instrument", "halt_selected", "They have 1 live order of 1 account."),
        ("instrument", "close_selected", "Close trading: 2 instruments"),
    ],
)
def test_the_question_has_numbers(traded: Founded, root: Client, model: str, action: str, words: str) -> None:
    assert words in text_of(choose(root, model, action, *rows_of(model), confirmed=False))


def test_the_form_of_the_question_does_what_was_asked(traded: Founded, root: Client) -> None:
    """As a browser sends it: everything that is hidden in it, and nothing else."""
    question = choose(root, "account", "freeze_selected", *rows_of("account"), confirmed=False)
    fields: dict[str, list[str]] = {}
    for name, value in [*question.context["sent"], (question.context["yes"], "yes")]:
        fields.setdefault(name, []).append(value)
    assert "csrfmiddlewaretoken" not in fields
    assert "Accounts frozen: 3." in text_of(root.post(page("account"), fields, follow=True))


def test_no_action_takes_more_rows_than_can_be_read(market: Founded, root: Client) -> None:
    User.objects.bulk_create(User(username=f"many{number}") for number in range(501))
    keys = User.objects.filter(username__startswith="many").values_list("pk", flat=True)
    assert "choose at most 500" in text_of(choose(root, "user", "open_accounts", *keys))
    assert asked() == []


# --- margin


def test_higher_margin_rates_are_asked_about(traded: Founded, root: Client) -> None:
    address = page("instrument", "change", "IX2301")
    question = root.post(address, {**content_of(root, address), "margin_long": "0.2"}, follow=True)
    said = text_of(question)
    assert "2 accounts with positions will pay 3,615.00 more margin. 0 of them" in said
    assert not OperatorCommand.objects.filter(kind="ChangeTerms").exists()
    send(root, address, margin_long="0.2")
    assert Instrument.objects.get(pk="IX2301").margin_long == 20_000_000


def test_who_would_be_liquidated_is_counted(traded: Founded, root: Client, settings: Any) -> None:
    """user002 is short 3 lots of 12,050 each, and has a million."""
    settings.RISK_WARN = settings.RISK_LIMIT = 0.03
    address = page("instrument", "change", "IX2301")
    dear = {**content_of(root, address), "margin_short": "0.9"}
    assert "1 of them will be at the liquidation level" in text_of(root.post(address, dear, follow=True))


def test_margin_of_both_sides_is_more_than_that_of_the_larger() -> None:
    row = Instrument(margin_long=RATE // 10, margin_short=RATE // 10, larger_side=True)
    assert margins.are_raised(row, terms(larger_side=False))
    assert not margins.are_raised(row, terms(larger_side=True))
    assert margins.are_raised(row, terms(margin=RATE // 5, larger_side=True))


def test_each_term_that_changes_is_named(traded: Founded, root: Client) -> None:
    address = page("instrument", "change", "IX2301")
    lower = {**content_of(root, address), "margin_long": "0.05", "name": "cheaper", "last_day": "2099-01-05"}
    said = text_of(root.post(address, lower, follow=True))
    assert "Margin rate, long: 0.10 becomes 0.05." in said and "becomes cheaper." in said
    assert "Last trading day: - becomes 2099-01-05. With the settlement of that day it is delisted, for good." in said
    assert "go up at once" not in said and "short: " not in said
    assert "Change instrument: IX2301" in said, "which one it is"
    assert not OperatorCommand.objects.filter(kind="ChangeTerms").exists()
    assert "Changed the terms" in text_of(root.post(address, {**lower, **YES}, follow=True))


def test_each_rule_that_changes_is_named(traded: Founded, root: Client) -> None:
    address = page("account", "rules", 1)
    changed = {**content_of(root, address), "stp": "CANCEL_BOTH", "max_orders": "7", "live_orders": "0"}
    said = text_of(root.post(address, changed))
    assert "Self-trade prevention: Cancel the resting order becomes Cancel both." in said
    assert "Live orders: - becomes 7. Live orders in all: - becomes 0." in said
    assert "They have 1 live order" in said and "Rules: user001" in said
    assert not OperatorCommand.objects.filter(kind="SetAccountRules").exists()


@pytest.mark.parametrize("model", ["instrument", "account"])
def test_where_nothing_changes_nothing_is_asked(traded: Founded, root: Client, model: str) -> None:
    address = page("instrument", "change", "IX2301") if model == "instrument" else page("account", "rules", 1)
    assert "Nothing is changed." in text_of(root.post(address, content_of(root, address)))
    assert asked() == []
