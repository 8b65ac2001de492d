"""Codes and limits: from the tables that the exchange itself refuses by."""

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from exchange_site.documents.reference.tables import rows_below, table
from trading.access.rate_limits import Limits
from trading.core.codes import Code
from trading.core.types import MarketLimits
from trading.rest.errors import AnyCode, HttpCode, status_of
from trading.websocket.contract.asyncapi import document

DO: dict[AnyCode, str] = {
    Code.MALFORMED: gettext_noop("Mend the message: the text says which field. It will be refused again as it is."),
    Code.NOT_AUTHENTICATED: gettext_noop("Sign in, or get a new token."),
    Code.FORBIDDEN: gettext_noop("Use a token that may trade, of the user who owns the order."),
    Code.NOT_FOUND: gettext_noop("Look at the name: there is no such thing."),
    Code.DUPLICATE: gettext_noop("Take a new id, or ask what became of the first order."),
    Code.TOO_FAST: gettext_noop("Wait as long as `retry_after` says, then ask again."),
    Code.UNAVAILABLE: gettext_noop("Try again in a second, with the same client_order_id."),
    Code.UNKNOWN_OUTCOME: gettext_noop("Ask for the order by its client_order_id, or send it again under the same id."),
    Code.INSUFFICIENT_FUNDS: gettext_noop("Order less, cancel other orders, or deposit."),
    Code.ORDER_NOT_FOUND: gettext_noop("Look at the id; somebody else's orders are not found either."),
    Code.ACCOUNT_NOT_FOUND: gettext_noop("Ask an operator for an account in this market."),
    Code.INSTRUMENT_UNKNOWN: gettext_noop("Ask query_instruments what is listed."),
    Code.POSITION_INSUFFICIENT: gettext_noop("Close no more than you hold and other orders do not close already."),
    Code.BAD_VOLUME: gettext_noop("Take a whole number of lots between min_volume and max_volume of the instrument."),
    Code.OFF_TICK: gettext_noop("Round the price to a multiple of the tick."),
    Code.PRICE_LIMIT: gettext_noop("Stay between limit_down and limit_up of the instrument."),
    Code.NOT_TRADING: gettext_noop("Wait for the phase: instrument_status tells it."),
    Code.SELF_TRADE: gettext_noop("Cancel your own order on the other side, or choose another stp."),
    Code.ORDER_FINISHED: gettext_noop("Nothing: status and filled_volume say how it ended."),
    Code.ACCOUNT_FROZEN: gettext_noop(
        "Cancel what you like; for the rest ask an operator, or wait until the liquidation is over."
    ),
    Code.LIMIT_REACHED: gettext_noop(
        "Cancel orders or close positions; limits are in the instrument and the account's rules."
    ),
    Code.TOO_LATE: gettext_noop("Send it again with a later valid_until, if you still want it."),
    Code.WOULD_TRADE: gettext_noop("Take a price that does not meet the other side, or leave post_only off."),
    Code.CLOSE_ONLY: gettext_noop("Send orders with offset CLOSE only, until operators allow others again."),
    HttpCode.METHOD: gettext_noop("See in the OpenAPI document which methods the address takes."),
    HttpCode.TOO_SLOW: gettext_noop("Send the request at once."),
    HttpCode.TOO_LARGE: gettext_noop("Send less: a body has at most 64 KiB."),
    HttpCode.NOT_JSON: gettext_noop("Send `Content-Type: application/json`."),
    HttpCode.FAILED: gettext_noop("Tell an operator the request_id. It is our fault."),
}
"""What helps, for whoever is refused. Each code has its line; a test counts."""
LIMITS = (
    *Limits.__struct_fields__,
    *MarketLimits.__struct_fields__,
    "max_frame",
    "max_outbox",
    "idle_seconds",
    "ping_seconds",
)
"""Settings that bound what a client may do, as `limits/` of REST names them."""


def errors_page() -> str:
    codes: list[AnyCode] = [*Code, *HttpCode]
    rows = [
        [f"`{int(code)}`", _(code.text), f"`{status_of(code)}`", _(DO[code]), _askers(code)] for code in sorted(codes)
    ]
    said = rows_below("Settings")
    limits = [[f"`{name}`", f"`{getattr(settings, name.upper()):g}`", said[name.upper()][1]] for name in LIMITS]
    closes = [[f"`{code}`", _(why)] for code, why in document()["x-close-codes"].items()]
    return "\n\n".join(
        [
            f"# {_('Codes and limits')}",
            _("A code never changes its meaning. After a refusal nothing has changed."),
            f"## {_('Codes')}",
            table([_("Error code"), _("Meaning"), _("Status in REST"), _("What helps"), _("Answers to")], rows),
            f"## {_('Close codes')}",
            _("With these the exchange closes a connection of the socket."),
            table([_("Close code"), _("Meaning")], closes),
            f"## {_('Limits')}",
            _("Those of this server. All of them are settings."),
            table([_("Limit"), _("Here"), _("Meaning")], limits),
        ]
    )


def _askers(code: AnyCode) -> str:
    """The messages of the socket that may be refused so; the codes of REST alone have none, those below 1000 many."""
    if isinstance(code, HttpCode):
        return _("REST only")
    asked = [each for each in document()["operations"].values() if int(code) in each.get("x-codes", ())]
    return ", ".join(f"`{each['title']}`" for each in asked) if len(asked) <= MANY else _("many")


MANY = 8
"""Messages that a reader wants to see named."""
