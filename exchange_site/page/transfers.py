"""How users move money over REST: accounts of the demo, back to their starting funds."""

from django.conf import settings

from exchange_site.page.demo_accounts import DemoAccounts
from exchange_site.security.api_errors import Refusal
from trading.core.codes import Code
from trading.models import User
from trading.rest.errors import ApiError
from trading.rest.operation import Transfer

CODES = {
    403: Code.FORBIDDEN,
    409: Code.DUPLICATE,
    429: Code.TOO_FAST,
    503: Code.UNAVAILABLE,
    504: Code.UNKNOWN_OUTCOME,
}
WORDS = {
    "not_a_demo_account": "This account was not made at the demo: operators move its money",
    "not_flat": "The account is not flat: cancel its orders and close its positions first",
    "too_many_demo_accounts": "Too often from this address",
    "closed": "No engine runs; nothing was done",
    "busy": "The exchange is busy; nothing was done",
    "not_yet": "The exchange has not done it yet; ask for the account before you try again",
}


def demo_transfer(accounts: DemoAccounts) -> Transfer | None:
    """None outside the demo: there is nothing that users may move."""
    if not settings.DEMO:
        return None

    def transfer(kind: str, user_id: str, address: str) -> None:
        user = User.objects.get(username=user_id)
        try:
            (accounts.top_up if kind == "TOP_UP" else accounts.reset)(user, address)
        except Refusal as refusal:
            detail = refusal.detail or WORDS.get(refusal.code)
            raise ApiError(CODES[refusal.status], detail, retry_after=refusal.retry_after or 0.0) from None

    return transfer
