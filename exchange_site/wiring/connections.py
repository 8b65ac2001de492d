"""What connections are handed, and how a server takes leave of them."""

from typing import Any

from exchange_site.config import ExchangeConfig
from exchange_site.security.client_address import address_of
from trading import protocol
from trading.websocket.connection import ConnectionServices
from trading.websocket.heartbeat import Heartbeat

STOP_CLOSE = 1012
"""Close code of a server that stops (RFC 6455: service restart)."""
FAREWELL = "The exchange stops; connect again in a moment"


def connection_services(config: ExchangeConfig, **collaborators: Any) -> ConnectionServices:
    """What connections get: `collaborators`, and what the exchange was told when it was made."""
    return ConnectionServices(
        address_of=address_of,
        max_frame=config.max_frame,
        max_outbox=config.max_outbox,
        slow_seconds=config.slow_seconds,
        close_seconds=config.close_seconds,
        resume_page=config.resume_page,
        **collaborators,
    )


async def take_leave(heartbeat: Heartbeat, time: int, seconds: float) -> None:
    """Tell everybody (at Unix ms `time`) that the server stops, and close; wait so many seconds for those who read."""
    farewell = protocol.Announcement(message=FAREWELL, timestamp=time)
    await heartbeat.part(protocol.encode(farewell), STOP_CLOSE, seconds)
