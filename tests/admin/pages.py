"""The admin as an operator uses it: open a form, fill it in, send it, read what the page says."""

import re
import uuid
from html import unescape
from typing import Any

from django.test import Client
from django.urls import reverse

from trading.core.money import to_text
from trading.models import Account, OperatorCommand, User

YES = {"post": "yes"}
"""What the form of a question sends besides what was sent."""


def logged_in(user: User, *, check_csrf: bool = False) -> Client:
    client = Client(enforce_csrf_checks=check_csrf)
    client.force_login(user)
    return client


def page(model: str, name: str = "changelist", *arguments: object) -> str:
    """The address of an admin page of ours."""
    return reverse(f"admin:trading_{model}_{name}", args=arguments)


def text_of(response: Any) -> str:
    """What a page says, without its tags."""
    body = re.sub(r"<(script|style).*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def content_of(client: Client, url: str) -> dict[str, Any]:
    """What the form of a page holds as it is opened, hidden fields too."""
    response = client.get(url)
    assert response.status_code == 200, f"{url} is {response.status_code}"
    form = response.context["adminform"].form
    content = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in content.items() if value is not None and value is not False}


def send(client: Client, url: str, **values: object) -> Any:
    """Open the form of a page, change some values, send it, say yes where it asks, and follow to the page that tells
    what came of it."""
    return client.post(url, {**content_of(client, url), "post": "yes", **values}, follow=True)


def fresh(**values: object) -> dict[str, object]:
    """The content of a form that was never opened, confirmed; quicker where the pages are not what is tested."""
    return {"key": uuid.uuid4().hex, **YES, **values}


def choose(client: Client, model: str, action: str, *keys: object, confirmed: bool = True) -> Any:
    """Run a list's action on some of its rows, and say yes to what it asks; or see what it asks."""
    yes = {"post": "yes"} if confirmed else {}
    return client.post(page(model), {"action": action, "_selected_action": keys, **yes}, follow=True)


def deposits(user_id: str) -> str:
    return to_text(Account.objects.get(user_id=user_id).deposits)


def asked() -> list[tuple[str, str, str | None]]:
    """What operators have asked for in the admin: kind, result, by whom."""
    rows = OperatorCommand.objects.order_by("id").select_related("asked_by")
    return [(row.kind, row.status, row.asked_by.username if row.asked_by else None) for row in rows]
