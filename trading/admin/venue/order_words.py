"""What happened to an order, in the language of the page."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from trading import protocol
from trading.admin.columns import local_time
from trading.admin.office.refusals import said
from trading.reads.order_life import Moment

NAMES = (
    gettext_noop("average price"),
    gettext_noop("client order id"),
    gettext_noop("close profit"),
    gettext_noop("commission"),
    gettext_noop("direction"),
    gettext_noop("display volume"),
    gettext_noop("error code"),
    gettext_noop("error message"),
    gettext_noop("expires at"),
    gettext_noop("filled volume"),
    gettext_noop("instrument id"),
    gettext_noop("is maker"),
    gettext_noop("market"),
    gettext_noop("market seq"),
    gettext_noop("oco group"),
    gettext_noop("offset"),
    gettext_noop("order type"),
    gettext_noop("post only"),
    gettext_noop("price"),
    gettext_noop("price levels"),
    gettext_noop("reason"),
    gettext_noop("reduce only"),
    gettext_noop("remaining volume"),
    gettext_noop("seq"),
    gettext_noop("side"),
    gettext_noop("stop kind"),
    gettext_noop("stop price"),
    gettext_noop("stp"),
    gettext_noop("time condition"),
    gettext_noop("trail"),
    gettext_noop("trigger"),
    gettext_noop("valid until"),
    gettext_noop("volume"),
)
"""What commands about an order, and the frames that tell of it, may say; the underscores of their names are blanks."""
OF_A_LIST = ("direction", "offset", "order_type", "reason", "side", "stop_kind", "stp", "time_condition", "trigger")
"""Whose values are words of the catalogue, and not somebody's own."""
TIMES = ("expires_at", "valid_until")


def name(moment: Moment) -> str:
    """How it is called. Fills have the number of their trade, operators' commands their own."""
    if moment.kind in ("fill", "broken"):
        return protocol.trade_id_text(int(moment.what))
    kind, _blank, number = moment.what.partition(" ")
    return f"{_(kind)} {number}".strip()


def content(moment: Moment) -> str:
    """As "price 120.00, volume 3"; of an operator's command who asked for it, and why."""
    if moment.kind == "operator":
        who = moment.content["who"] or _("the schedule or the shell")
        return _("{who}: {reason}").format(who=who, reason=moment.content["reason"] or "-")
    return ", ".join(f"{_(each.replace('_', ' '))} {_value(each, value)}" for each, value in moment.content.items())


def _value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name in TIMES and isinstance(value, int):
        return local_time(value)
    if name == "error_message":
        return said(str(value))
    return _(str(value)) if name in OF_A_LIST and value else str(value)
