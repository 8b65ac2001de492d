"""What the servers below us offer, and what they do not: when one of these changes, look at `exchange_site.servers`."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any

import daphne.cli
import daphne.server
import uvicorn
from daphne.http_protocol import HTTPFactory
from daphne.ws_protocol import WebSocketFactory
from twisted.internet import asyncioreactor
from uvicorn.lifespan.on import LifespanOn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from exchange_site import servers
from exchange_site.servers import intake
from exchange_site.servers.daphne import Server, with_backlog
from exchange_site.servers.daphne_requests import HttpFactory, HttpWay, WebRequest
from exchange_site.servers.daphne_sockets import WebSocketProtocol
from exchange_site.servers.uvicorn import WebSocketProtocol as UvicornSocket
from trading.access.way_in import trust

APPLICATION = "exchange_site.asgi:application"


def test_daphnes_command_makes_our_server_and_our_server_our_factories() -> None:
    """It has no flag for the class. Should there be one, say it in the start line instead."""
    servers.tune()
    command = daphne.cli.CommandLineInterface()
    assert command.server_class is Server
    assert "server-class" not in command.parser.format_help()
    server = Server(None, endpoints=["tcp:port=0"], websocket_timeout=86_400)
    server.http_factory, server.ws_factory = HTTPFactory(server), WebSocketFactory(server)
    assert isinstance(server.http_factory, HttpFactory)
    assert server.ws_factory.protocol is WebSocketProtocol
    assert server.websocket_timeout == -1, "no connection is too old"
    assert Server(None, endpoints=["tcp:port=0"], websocket_timeout=60).websocket_timeout == 60, "as somebody wished"


def test_more_may_wait_than_twisted_lets_unless_somebody_has_chosen() -> None:
    assert with_backlog("tcp:port=80") == "tcp:port=80:backlog=2048"
    for chosen in ("tcp:port=80:backlog=7", "unix:/run/bourse.sock", "fd:fileno=3"):
        assert with_backlog(chosen) == chosen


def test_daphne_installs_the_reactor_before_it_imports_the_application() -> None:
    """So the reactor's methods are changed, not its class. These are the names that are changed or called."""
    source = inspect.getsource(daphne.server)
    assert source.index("asyncioreactor.install(") < source.index("class Server")
    reactor: Any = asyncioreactor.AsyncioSelectorReactor
    assert all(callable(getattr(reactor, name)) for name in ("addWriter", "removeWriter", "_readOrWrite"))


def test_uvicorns_lifespan_leads_to_its_configuration() -> None:
    """And the plain start line takes the classes that ours take the place of."""
    config = uvicorn.Config(APPLICATION, log_config=None)
    config.load()
    assert config.ws_protocol_class is WebSocketsSansIOProtocol
    assert isinstance(config.loaded_app, ProxyHeadersMiddleware)
    bare = config.http_protocol_class
    servers.take_in(LifespanOn(config).receive)
    assert config.ws_protocol_class is UvicornSocket
    assert config.http_protocol_class is not bare and issubclass(config.http_protocol_class, bare)
    assert not isinstance(config.loaded_app, ProxyHeadersMiddleware)
    assert not config.ws_per_message_deflate and config.ws_ping_interval is None


def test_a_class_that_somebody_has_chosen_for_uvicorn_stays() -> None:
    config = uvicorn.Config(APPLICATION, log_config=None, ws="none", proxy_headers=False)
    config.load()
    servers.take_in(LifespanOn(config).receive)
    assert config.ws_protocol_class is None


class Asked:
    """An application that only keeps what it was asked."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scopes.append(scope)


async def test_an_application_under_daphne_can_say_that_it_knows_who_asks() -> None:
    asked, protocol = Asked(), SimpleNamespace(dataReceived=None, connectionLost=None, makeConnection=None)
    way = HttpWay(protocol)
    server = Server(asked, endpoints=["tcp:port=0"])
    request = object.__new__(WebRequest)
    request._way = way
    server.connections = {request: {}}
    server.create_application(request, {"type": "http", "path": "/"})
    await asyncio.sleep(0)
    (scope,) = asked.scopes
    assert way._intake.turns is intake.strangers
    trust(scope, user_is_known=True)
    assert way._intake.turns is intake.known
    trust(scope, user_is_known=False)
    assert way._intake.turns is intake.strangers
