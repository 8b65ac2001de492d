"""Orders and trades: found by anything, cancelled as they were found, and the whole life of one on a page."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from trading import protocol
from trading.admin import confirmations, engine_requests, scope
from trading.admin.columns import amount_text, day_text, local_time
from trading.admin.desk.page import Page, address, ask_first, show
from trading.admin.engine_requests import present_market
from trading.admin.lists import newest
from trading.admin.venue import order_words
from trading.core.commands import ForceCancelOrder
from trading.core.types import LIVE
from trading.models import IS_LIVE, Account, Instrument, Order
from trading.reads import histories, order_life
from trading.storage.archive.files import ArchiveFailed

NEEDS = ("view_order",)
MOST_SHOWN = 200
LONGEST = 64


# --- found by anything


def search_view(request: HttpRequest) -> HttpResponse:
    """The orders of what was typed: an order id, a client's own id, a user, an instrument; a trade id leads to the
    trade. Live ones can be cancelled, all at once."""
    asked = request.POST if request.method == "POST" else request.GET
    text, live = asked.get("q", "").strip()[:LONGEST], asked.get("live", "") == "yes"
    trade = protocol.trade_number(text)
    if trade is not None:
        return HttpResponseRedirect(address("trade", trade))
    number = protocol.order_number(text)
    if number is not None:
        return HttpResponseRedirect(address("order", number))
    found = _found(request, text, live)
    if request.method == "POST":
        return _cancel(request, text)
    rows = list(found.select_related("account").order_by("-id")[: MOST_SHOWN + 1])
    return show(
        request,
        "orders/orders",
        _("Orders and trades"),
        q=text,
        live=live,
        rows=[_line(row) for row in rows[:MOST_SHOWN]],
        more=len(rows) > MOST_SHOWN,
        most=MOST_SHOWN,
        may_cancel=request.user.has_perm("trading.change_order"),
        live_count=_found(request, text, True).count() if text or live else None,
    )


def _found(request: HttpRequest, text: str, live: bool) -> QuerySet[Order]:
    """Of a user all, by the index of accounts; of an instrument or a client's id those among the newest."""
    rows, market = Order.objects.all(), scope.wanted(request, Order)
    if live:
        rows = rows.filter(IS_LIVE)
    if not text:
        return scope.ours(request, rows)
    accounts = list(Account.objects.filter(user_id=text, market=present_market()).values_list("pk", flat=True))
    if accounts:
        return rows.filter(account__in=accounts)
    if not live:
        rows, _older = newest(rows, "id", market)  # no index has these
    elif market is not None:
        rows = rows.filter(market)
    if Instrument.objects.filter(pk=text, market=present_market()).exists():
        return rows.filter(instrument=text)
    return rows.filter(client_order_id=text)


def _line(row: Order) -> tuple[Any, ...]:
    price = "-" if row.price is None else amount_text(row.price)
    filled = f"{row.filled:,} / {row.volume:,}"
    names = (protocol.order_id_text(row.pk), row.account.user_id, row.client_order_id or "-", row.instrument_id)
    side = f"{_(row.direction)} {_(row.offset)}"
    return (row.pk, *names, side, price, filled, _(row.status), local_time(row.accepted_at))


def _cancel(request: HttpRequest, text: str) -> HttpResponse:
    """All that are live among those found, up to a number that a page can still name."""
    rows = list(_found(request, text, True).order_by("id")[: confirmations.MOST_ROWS + 1])
    back = HttpResponseRedirect(f"{address('orders')}?{urlencode({'q': text, 'live': 'yes'})}")
    commands = [ForceCancelOrder(row.pk) for row in rows]
    engine_requests.allowed(request, *commands or [ForceCancelOrder(0)])
    if not rows or len(rows) > confirmations.MOST_ROWS:
        few = _("There is nothing to do.")
        many = _("Nothing was done: more than {count} are found. Use the emergency control.")
        messages.warning(request, many.format(count=confirmations.MOST_ROWS) if rows else few)
        return back
    sentences = [confirmations.about_orders(rows), _("Found by: {text}").format(text=text or "-")]
    title, button = gettext_noop("Cancel all that are found"), gettext_noop("Cancel them")
    question = ask_first(request, title, button, sentences)
    if question is not None:
        return question
    done = engine_requests.ask_all(request, commands, reason=_("Found by: {text}").format(text=text or "-"))
    engine_requests.tell_all(request, done, done=_("Orders cancelled: {count}."))
    return back


# --- one order


def life_view(request: HttpRequest, number: int) -> HttpResponse:
    """All that happened to an order. Of an archived day: which file has it, and from the file if asked."""
    if number > histories.LARGEST_ID:
        raise Http404
    name = protocol.order_id_text(number)
    life = order_life.life(number, present_market())
    if life is not None:
        return _shown(request, life)
    candidates = order_life.archived_in(number, present_market())
    if not candidates:
        raise Http404(_("There is no such order."))
    if "from" in request.GET:
        try:
            for file in candidates:
                life = order_life.archived_life(number, file, settings.ARCHIVE_DIR)
                if life is not None:
                    return _shown(request, life)
            messages.warning(request, _("The files do not have it either: there is no such order."))
        except ArchiveFailed as error:
            messages.error(request, str(error))
    places = [(file.name, day_text(file.day), f"{file.size:,}") for file in candidates]
    return show(request, "orders/order_archived", name, places=places)


def _shown(request: HttpRequest, life: order_life.Life) -> HttpResponse:
    row = life.order
    price = "-" if row.price is None else amount_text(row.price)
    kinds = {
        "asked": _("asked"),
        "told": _("state"),
        "fill": _("fill"),
        "broken": _("trade broken"),
        "operator": _("operator"),
    }
    return show(
        request,
        "orders/order",
        protocol.order_id_text(row.pk),
        number=row.pk,
        facts=[
            (_("User"), Account.objects.get(pk=row.account_id).user_id),
            (_("Instrument"), row.instrument_id),
            (_("Side"), " ".join(map(_, (row.direction, row.offset, row.order_type, row.time_condition)))),
            (_("Price"), price),
            (_("Filled lots"), f"{row.filled:,} / {row.volume:,}"),
            (_("Status"), _(row.status)),
            (_("Why it was cancelled"), _why(row)),
            (_("Its client's id"), row.client_order_id or ""),
            (_("Trading day"), day_text(row.trading_day)),
        ],
        moments=[
            (
                local_time(each.time),
                each.kind,
                kinds[each.kind],
                each.what,
                order_words.name(each),
                order_words.content(each),
            )
            for each in life.moments
        ],
        archived=life.archived,
        shortened=life.shortened,
        may_cancel=row.status in LIVE and request.user.has_perm("trading.change_order"),
    )


def _why(row: Order) -> str:
    """In a word, and with the code of an error where there was one."""
    if not row.cancel_reason:
        return ""
    return f"{_(row.cancel_reason)} {row.cancel_code or ''}".strip()


PAGES: list[Page] = [
    Page(
        "orders",
        "orders/",
        NEEDS,
        search_view,
        gettext_noop("Orders and trades"),
        gettext_noop("Found by anything, cancelled as found; the whole life of one."),
    ),
    Page("order", "orders/<int:number>/", NEEDS, life_view),
]
