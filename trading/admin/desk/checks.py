"""Are the books all right: the checks of `check_books` and `replay_journal` at a button, and what they found."""

import logging
import threading
from typing import cast

from django.contrib import messages
from django.db import close_old_connections, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from trading.admin.columns import time_text
from trading.admin.desk.page import Page, address, show
from trading.admin.engine_requests import present_market
from trading.models import HealthCheck, Market, User
from trading.storage import reconciliation

logger = logging.getLogger(__name__)

SHOWN = 20
MOST_FINDINGS = 50
Status = HealthCheck.Status
ONE = threading.Lock()
"""A check reads everything: one at a time."""


def list_view(request: HttpRequest) -> HttpResponse:
    rows = [
        (row, time_text(row.began_at), time_text(row.finished_at) if row.finished_at else "-")
        for row in HealthCheck.objects.filter(market=present_market()).select_related("asked_by")[:SHOWN]
    ]
    return show(request, "staff/checks", _("Are the books all right"), rows=rows, kinds=HealthCheck.Kind.choices)


def start_view(request: HttpRequest) -> HttpResponse:
    """Begin a check beside the request: it may take minutes."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    kind = request.POST.get("kind", "")
    if kind not in HealthCheck.Kind.values:
        return HttpResponseBadRequest(_("There is no such check."))
    Market.objects.get_or_create(code=present_market())
    if not ONE.acquire(blocking=False):
        messages.warning(request, _("A check is running already."))
        return HttpResponseRedirect(address("checks"))
    row = HealthCheck.objects.create(market_id=present_market(), kind=kind, asked_by=cast(User, request.user))
    threading.Thread(target=_in_thread, args=(row,), name=f"check {row.pk}", daemon=True).start()
    messages.success(request, _("The check has begun. Load this page again to see what it found."))
    return HttpResponseRedirect(address("checks"))


def _in_thread(row: HealthCheck) -> None:
    close_old_connections()
    try:
        run(row)
    finally:
        connection.close()
        ONE.release()


def run(row: HealthCheck) -> None:
    """Do a check and keep what it found."""
    try:
        row.status, row.result = _found(row)
    except Exception as error:
        logger.exception("a check of the books failed")
        row.status, row.result = Status.FAILED, f"{type(error).__name__}: see the log."
    row.finished_at = timezone.now()
    row.save()


def _found(row: HealthCheck) -> tuple[HealthCheck.Status, str]:
    if row.kind == HealthCheck.Kind.BOOKS:
        findings = reconciliation.check_books(row.market_id)
        lines = findings[:MOST_FINDINGS]
        return (
            (Status.FOUND, f"{len(findings)} findings.\n" + "\n".join(lines))
            if findings
            else (Status.FINE, "They agree.")
        )
    replay = reconciliation.replay_journal(row.market_id)
    if replay.difference is not None:
        return Status.FOUND, replay.difference
    return Status.FINE, f"{replay.commands:,} commands give the same state: {replay.replayed}"


PAGES = [
    Page("checks", "checks/", ("run_checks",), list_view, "Are the books all right", "Checks of books and journal."),
    Page("start_check", "checks/start/", ("run_checks",), start_view),
]
