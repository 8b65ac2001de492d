"""What is asked by HTTP and waits for no thread, behind its bounds: REST, and the sign-in of DIFF."""

from collections.abc import Sequence

from exchange_site.security.request_bounds import RequestBounds
from trading.diff.sign_in import SignIn
from trading.rest.application import Api
from trading.rest.operation import Transfer
from trading.rest.services import Services
from trading.websocket.connection import ConnectionServices

AT_ONCE = 2_000
"""What waits for the engine holds no thread, so many may. Of one address half as many: a classroom whose orders all
come at once."""
BODY_BYTES = 65_536
"""Twice the largest frame of the socket: the same fields, written with spaces."""


def bounded_rest(services: Services, origins: Sequence[str] = (), transfer: Transfer | None = None) -> RequestBounds:
    api = Api(services, origins, transfer)
    return RequestBounds(api, services.address_of, at_once=AT_ONCE, body_bytes=BODY_BYTES, refuse=api.failed)


def bounded_sign_in(services: ConnectionServices) -> RequestBounds:
    signing_in = SignIn(services)
    return RequestBounds(
        signing_in, services.address_of, at_once=AT_ONCE, body_bytes=BODY_BYTES, refuse=signing_in.failed
    )
