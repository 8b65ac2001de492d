"""What the desk's pages have in common: a name, an address, the permissions that open it, and one look."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django import forms
from django.contrib.admin import site as admin_site
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from trading.admin import confirmations, engine_requests
from trading.admin.office.words import translate_fields
from trading.core.commands import AdminCommand
from trading.models import Desk, OperatorCommand
from trading.operators import requests

View = Callable[..., HttpResponseBase]


class Page(NamedTuple):
    """A page of the desk. `needs`: all of these permissions. One without a `title` is reached from another page."""

    name: str
    route: str
    needs: tuple[str, ...]
    view: View
    title: str = ""
    about: str = ""


def address(name: str, *arguments: object) -> str:
    """Where a page of the desk is."""
    return reverse(f"admin:trading_desk_{name}", args=arguments)


def show(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    """A page of the desk, from `templates/admin/desk/`."""
    if "form" in context:
        translate_fields(context["form"])
    whole = {**admin_site.each_context(request), "title": title, "opts": Desk._meta, **context}
    return TemplateResponse(request, f"admin/desk/{template}.html", whole)


class DeskForm(forms.Form):
    """A form that is told apart from any other by a hidden key, so that sending it twice does things once."""

    key = forms.UUIDField(widget=forms.HiddenInput)

    @classmethod
    def fresh(cls, **initial: Any) -> "DeskForm":
        return cls(initial={**initial, "key": uuid.uuid4().hex})

    def clean(self) -> dict[str, Any]:
        if "key" in self.errors:
            raise ValidationError(_("This form has lost its key. Open the page anew."))
        return self.cleaned_data


class ReasonForm(DeskForm):
    reason = forms.CharField(max_length=200, help_text="Kept in the audit trail.")


def ask_first(request: HttpRequest, title: str, button: str, sentences: Sequence[str]) -> HttpResponse | None:
    """The page that says in numbers what will happen; None when the operator has seen it and said yes."""
    if confirmations.said_yes(request):
        return None
    from trading.admin.desk.site import desk  # the page asks on behalf of the desk

    return confirmations.ask(request, desk(), title=title, button=button, sentences=sentences)


def carry_out(
    request: HttpRequest, form: DeskForm, commands: Sequence[AdminCommand], *, done: str, reason: str = ""
) -> list[OperatorCommand] | None:
    """Ask the engine for what a form stands for, once however often it is sent, and tell what came of it. None, and an
    error of the form, where its key was used for something else. `done` has a `{count}`."""
    rows = engine_requests.ask_all(request, commands, key=form.cleaned_data["key"].hex, reason=reason)
    for row, command in zip(rows, commands, strict=True):
        if not requests.is_of(row, command):
            form.add_error(None, engine_requests.used_before(row))
            return None
    engine_requests.tell_all(request, rows, done=done)
    return rows
