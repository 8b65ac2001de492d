"""What those are told who wait, when what they asked for is not done, or nobody knows."""

from trading.core.codes import Code
from trading.core.events import Refused

NOT_STORED = Refused(Code.UNAVAILABLE, "The exchange could not store this; nothing was done")
UNKNOWN = Refused(
    Code.UNKNOWN_OUTCOME,
    "The database has not said whether this was stored. When the exchange is back, ask for your orders, or send it"
    " again under the same client_order_id: it is done once",
)
BROKEN = Refused(Code.UNAVAILABLE, "The exchange failed on this command; nothing was done")
UNREADABLE = Refused(Code.MALFORMED, "This command cannot be read")
HANDED_OVER = Refused(Code.UNAVAILABLE, "Another process runs the engine from now on; nothing was done")
TROUBLE = "The last commit failed; the exchange tries again."
