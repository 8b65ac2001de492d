"""Where staff are signed in, and the end of it."""

from typing import cast

from django.contrib import messages
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from trading.admin.columns import time_text
from trading.admin.desk.page import Page, address, ask_first, show
from trading.models import StaffSession, User
from trading.operators.authority.rights import may

MOST = 200


def list_view(request: HttpRequest) -> HttpResponse:
    """One's own; whoever may end those of others sees them too. Those that are over are forgotten."""
    rows = StaffSession.objects.select_related("user")
    if not may(cast(User, request.user), "end_session"):
        rows = rows.filter(user=cast(User, request.user))
    shown = list(rows[:MOST])
    live = set(Session.objects.filter(pk__in=[row.pk for row in shown]).values_list("pk", flat=True))
    StaffSession.objects.filter(pk__in=[row.pk for row in shown if row.pk not in live]).delete()
    lines = [
        {
            "row": row,
            "began": time_text(row.began_at),
            "seen": time_text(row.seen_at),
            "own": row.pk == request.session.session_key,
        }
        for row in shown
        if row.pk in live
    ]
    return show(request, "staff/sessions", _("Sessions"), rows=lines)


def end_view(request: HttpRequest) -> HttpResponse:
    """The browser has to sign in again. The key is in the form, not in an address that would be logged."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    rows = StaffSession.objects.all()
    if not may(cast(User, request.user), "end_session"):
        rows = rows.filter(user=cast(User, request.user))
    row = get_object_or_404(rows.select_related("user"), pk=_key_of(request))
    if row.user.is_superuser and not cast(User, request.user).is_superuser:
        messages.error(request, _("Only a superuser ends a superuser's session."))
        return HttpResponseRedirect(address("sessions"))
    told = _("{user} has to sign in again in this browser. Last seen at {time}, from {address}.")
    sentences = [told.format(user=row.user.username, time=time_text(row.seen_at), address=row.address or "-")]
    if row.pk == request.session.session_key:
        sentences.append(_("It is the session that you are in."))
    question = ask_first(request, _("End a session of {user}").format(user=row.user.username), _("End it"), sentences)
    if question is not None:
        return question
    Session.objects.filter(pk=row.pk).delete()
    row.delete()
    messages.success(request, _("Ended a session of {user}.").format(user=row.user.username))
    return HttpResponseRedirect(address("sessions"))


def _key_of(request: HttpRequest) -> str:
    """A page never shows a whole key: whoever reads one over a shoulder could use it."""
    beginning = request.POST.get("session", "")
    if len(beginning) != SHOWN:
        return ""
    found = list(StaffSession.objects.filter(pk__startswith=beginning)[:2])
    return found[0].pk if len(found) == 1 else ""


SHOWN = 12
PAGES = [
    Page("sessions", "sessions/", (), list_view, "Sessions", "Where staff are signed in."),
    Page("end_session", "sessions/end/", (), end_view),
]
