"""The code of an authenticator app: set up by its owner, asked for after the password, forgotten by somebody else."""

from base64 import b32encode
from typing import Any, cast

import django_otp
import segno
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django_otp.plugins.otp_totp.models import TOTPDevice

from trading.admin.desk.page import Page, address, ask_first, show
from trading.models import StaffSession, User

admin.site.unregister(TOTPDevice)  # its own page shows the secrets of others

WRONG = gettext_noop("This is not the code of now. After a wrong one, wait some seconds.")


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code",
        max_length=10,
        help_text="Six digits of your authenticator app.",
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )


def code_view(request: HttpRequest) -> HttpResponse:
    """Ask for the code. Who has no app yet sets one up, and shows a code of it. (A device that is confirmed is never
    shown again, nor another one set up beside it.)"""
    user = cast(User, request.user)
    device = TOTPDevice.objects.filter(user=user).order_by("-confirmed", "pk").first()
    if device is None:
        device = TOTPDevice.objects.create(user=user, name="authenticator", confirmed=False)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if django_otp.verify_token(user, device.persistent_id, form.cleaned_data["code"].replace(" ", "")) is not None:
            TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
            request.session.cycle_key()
            django_otp.login(request, device)
            return HttpResponseRedirect(reverse("admin:index"))
        form.add_error("code", _(WRONG))
    return show(request, "staff/second_factor", _("Second factor"), form=form, **_to_set_up(device))


def _to_set_up(device: Any) -> dict[str, str]:
    if device.confirmed:
        return {}
    secret = b32encode(device.bin_key).decode()
    picture = segno.make(device.config_url).svg_data_uri(scale=4, border=2, light="#fff")
    return {"secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)), "picture": picture}


def reset_view(request: HttpRequest, user: int) -> HttpResponse:
    """Forget somebody's app, and end their sessions."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    operator, member = cast(User, request.user), get_object_or_404(User, pk=user)
    back = HttpResponseRedirect(address("member", user))
    if member.pk == operator.pk or (member.is_superuser and not operator.is_superuser):
        messages.error(request, _("Somebody else must do this, and for a superuser another superuser."))
        return back
    title = _("Forget the second factor of {user}").format(user=member.username)
    question = ask_first(request, title, _("Forget it"), [_("They set it up anew. Their sessions end now.")])
    if question is not None:
        return question
    forget(member)
    LogEntry.objects.log_actions(operator.pk, [member], CHANGE, "Second factor forgotten.", single_object=True)
    messages.success(request, _("Forgot the second factor of {user}.").format(user=member.username))
    return back


def forget(member: User) -> int:
    """How many devices somebody had."""
    sessions = StaffSession.objects.filter(user=member)
    Session.objects.filter(pk__in=sessions.values("pk")).delete()
    sessions.delete()
    count: int = TOTPDevice.objects.filter(user=member).delete()[0]
    return count


PAGES = [
    Page("second_factor", "second-factor/", (), code_view, "Second factor", "Set up your authenticator app."),
    Page("forget_factor", "roles/<int:user>/forget-factor/", ("assign_roles",), reset_view),
]
