"""The ASGI application: HTTP by Django, the sockets by their consumers, the engine with the lifespan of the server."""

import asyncio
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from django.core.asgi import get_asgi_application

if TYPE_CHECKING:
    from exchange_site.cluster.gateway import ClusterGateway

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402  # needs a ready Django
from django.conf import settings  # noqa: E402

from exchange_site import servers  # noqa: E402
from exchange_site.monitoring import log_format  # noqa: E402
from exchange_site.monitoring.console import MinuteLine  # noqa: E402
from exchange_site.monitoring.metrics import Metrics  # noqa: E402
from exchange_site.monitoring.probes import Probes  # noqa: E402
from exchange_site.page.transfers import demo_transfer  # noqa: E402
from exchange_site.security.client_address import address_of  # noqa: E402
from exchange_site.security.origin import BrowserOriginValidator  # noqa: E402
from exchange_site.security.request_bounds import RequestBounds  # noqa: E402
from exchange_site.security.rest_bounds import bounded_rest, bounded_sign_in  # noqa: E402
from exchange_site.urls import DEMO_ACCOUNTS  # noqa: E402
from exchange_site.wiring.exchange import Exchange  # noqa: E402
from trading.access.way_in import trust  # noqa: E402
from trading.diff import sign_in  # noqa: E402
from trading.diff.routing import diff_routes  # noqa: E402
from trading.rest.operation import ROOT  # noqa: E402
from trading.websocket.routing import socket_routes  # noqa: E402

servers.tune()
log_format.take_in_servers()


class Application:
    """The lifespan starts and stops the exchange. Whoever comes before it is there waits; under a server that has no
    lifespan, the first scope of any kind starts it. With REDIS_URL this server is a gateway, and the engine is
    elsewhere."""

    def __init__(self) -> None:
        self.exchange = _exchange()
        logging.getLogger().addHandler(log_format.CountErrors(self.exchange.counters))
        self._probes = Probes(self.exchange)
        self._metrics = Metrics(self.exchange, settings.METRICS_TOKEN, settings.ALLOWED_HOSTS)
        self._minutes: asyncio.Task[None] | None = None
        self._pages = RequestBounds(django_application, address_of)
        self._rest = bounded_rest(self.exchange.services, settings.CORS_ORIGINS, demo_transfer(DEMO_ACCOUNTS))
        self._diff = bounded_sign_in(self.exchange.services)
        self._router = ProtocolTypeRouter(
            {
                "http": self._http,
                "websocket": BrowserOriginValidator(
                    socket_routes(self.exchange.services, diff_routes(self.exchange.services)), settings.SOCKET_ORIGINS
                ),
            }
        )

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif (answering := self._without_django(scope)) is not None:
            self._starting = asyncio.ensure_future(self._start())
            await answering(scope, receive, send)
        else:
            await self._start()
            await self._router(scope, receive, send)

    async def _http(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"].startswith(ROOT):
            await self._rest(scope, receive, send)
            return
        trust(scope, user_is_known=False)
        if scope["path"].startswith(sign_in.ROOT):
            await self._diff(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    def _without_django(self, scope: dict[str, Any]) -> Probes | Metrics | None:
        """Who answers what must be answered while Django, the database or the engine are in trouble."""
        return next((each for each in (self._probes, self._metrics) if each.answers(scope)), None)

    async def _start(self) -> None:
        await self.exchange.ensure_started()
        if settings.LOG_FILE and self._minutes is None:
            self._minutes = asyncio.create_task(MinuteLine(self.exchange, self.exchange.counters, _to_terminal).run())

    async def _lifespan(self, receive: Any, send: Any) -> None:
        """Asked to end while it starts (a large market takes its time), it does not start first."""
        await receive()
        servers.take_in(receive)
        starting, ending = asyncio.ensure_future(self._start()), asyncio.ensure_future(receive())
        await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await send({"type": "lifespan.startup.complete"})
        await ending
        starting.cancel()
        await self.exchange.stop()
        await send({"type": "lifespan.shutdown.complete"})


def _exchange() -> "Exchange | ClusterGateway":
    """Redis is imported where it is used."""
    if not settings.REDIS_URL:
        return Exchange.from_settings()
    from exchange_site.cluster.gateway import ClusterGateway

    return ClusterGateway.from_settings()


def _to_terminal(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


application = Application()
