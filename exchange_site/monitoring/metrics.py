"""`/metrics` for Prometheus: what the exchange has counted and what the exchange is like just now, put into words when
somebody asks. Answered without Django and without the database."""

from collections.abc import Iterable, Iterator, Sequence
from hmac import compare_digest
from ipaddress import ip_address
from itertools import accumulate
from typing import Any, Protocol, get_args

from django.http.request import split_domain_port, validate_host
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.asgi import make_asgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exchange_site.monitoring.market_figures import MarketFigures, MarketNow
from trading.compiled import form
from trading.core.codes import Code
from trading.core.commands import TraderCommand
from trading.core.types import stored_name
from trading.delivery.channel_groups import user_group
from trading.observability.counters import Counters, Histogram
from trading.websocket.heartbeat import IDLE_CLOSE, Heartbeat
from trading.websocket.send_queue import SLOW_CLOSE

PATH = "/metrics"
FORWARDED = {b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip"}
"""Who sends one of these came over a proxy, wherever the connection seems to come from."""


class Queue(Protocol):
    """Commands that wait for the engine."""

    @property
    def limit(self) -> int: ...

    def __len__(self) -> int: ...


class Layer(Protocol):
    """Where connections are."""

    def members(self, prefix: str) -> int: ...


class Running(Protocol):
    """What is asked of the exchange."""

    heartbeat: Heartbeat
    counters: Counters

    @property
    def queue(self) -> Queue: ...

    @property
    def layer(self) -> Layer: ...

    @property
    def market_figures(self) -> MarketFigures | None:
        """None: the engine is in another process, which has not told of late."""

    @property
    def not_ready_because(self) -> str | None: ...

    @property
    def each_market(self) -> Sequence[MarketNow]:
        """How each of several markets is; nothing where there is one."""


class Metrics:
    """An ASGI application for the one path. Whoever may not read gets 404. Without a token only programs on this
    machine may, and nobody that a proxy has let in, nor a page of elsewhere in a browser on this machine: `hosts` are
    the names that the exchange goes by."""

    def __init__(self, exchange: Running, token: str, hosts: Sequence[str]) -> None:
        self._token = token.encode()
        self._hosts = hosts
        registry = CollectorRegistry()
        registry.register(Exposition(exchange))
        ProcessCollector(registry=registry)
        self._application = make_asgi_app(registry, disable_compression=True)

    def answers(self, scope: dict[str, Any]) -> bool:
        return bool(scope["type"] == "http" and scope["path"] == PATH)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["method"] == "GET" and self._may_read(scope):
            await self._application(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": b"Not found\n"})

    def _may_read(self, scope: dict[str, Any]) -> bool:
        if self._token:
            return any(_is_bearer(value, self._token) for name, value in scope["headers"] if name == b"authorization")
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        asked = [value for name, value in headers if name == b"host"]
        return (
            _is_here(scope.get("client"))
            and FORWARDED.isdisjoint(name for name, _ in headers)
            and all(self._is_ours(host) for host in asked)
        )

    def _is_ours(self, host: bytes) -> bool:
        """A name that somebody else has made to mean this machine is not."""
        domain, _ = split_domain_port(host.decode("latin-1"))
        return bool(domain) and validate_host(domain, self._hosts)


def _is_bearer(credentials: bytes, token: bytes) -> bool:
    scheme, _, given = credentials.partition(b" ")
    return scheme.lower() == b"bearer" and compare_digest(given.strip(), token)


def _is_here(client: Any) -> bool:
    """Whether the other end of the connection is on this machine."""
    try:
        address = ip_address(client[0])
    except (TypeError, ValueError, IndexError):  # no address: a socket in the file system, which proxies use
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


class Exposition(Collector):
    """Turns plain numbers into metrics."""

    def __init__(self, exchange: Running) -> None:
        self._exchange = exchange

    def collect(self) -> Iterator[Metric]:
        yield from self._market()
        if several := self._exchange.each_market:
            yield from _of_markets(several)
        yield from self._commands()
        yield from self._times()
        yield from self._connections()
        counted = self._exchange.counters
        yield _counter("errors", "Errors that were logged", counted.errors)

    def _market(self) -> Iterator[Metric]:
        exchange = self._exchange
        yield _gauge("ready", "1 when orders are taken", exchange.not_ready_because is None)
        yield _gauge("core_compiled", "1 when the core runs compiled in this process", form.FINDER is not None)
        figures = exchange.market_figures
        if figures is None:
            return
        yield _gauge("journal_batch", "Number of the last commit", figures.batch)
        yield _gauge("trading_day", "The trading day as YYYYMMDD, 0 before the first settlement", figures.trading_day)
        yield _gauge("orders_live", "Live orders", figures.orders_live)
        by_phase = GaugeMetricFamily("bourse_instruments", "Instruments by phase", labels=["phase"])
        for phase, count in figures.phases.items():
            by_phase.add_metric([phase], count)
        yield by_phase

    def _commands(self) -> Iterator[Metric]:
        counted = self._exchange.counters
        yield _gauge("queue_commands", "Commands that wait for the engine", len(self._exchange.queue))
        yield _gauge("queue_limit", "Commands that may wait for the engine", self._exchange.queue.limit)
        results = dict.fromkeys(((kind, result) for kind in get_args(TraderCommand) for result in FROM_THE_START), 0)
        results |= {(kind, "done"): count for kind, count in counted.done.items()} | counted.not_done
        yield _counters(
            "commands",
            "Commands by kind and result: done, repeated, or the code of the refusal",
            ["kind", "result"],
            [((stored_name(kind), result), count) for (kind, result), count in results.items()],
        )
        yield _counter("batches_failed", "Batches that were not stored", counted.batches_failed)

    def _times(self) -> Iterator[Metric]:
        counted = self._exchange.counters
        yield _histogram("batch_commands", "Commands that the engine took at once", [((), counted.batch_size)])
        yield _histogram(
            "command_wait_seconds", "From a command's arrival at the gateway to its engine", [((), counted.waited)]
        )
        yield _histogram(
            "command_answer_seconds", "From a command's arrival at the gateway to its answer", [((), counted.answered)]
        )
        stages = [((stage,), histogram) for stage, histogram in counted.stages.items()]
        yield _histogram("batch_stage_seconds", "Stages of a batch", stages, ["stage"])
        yield _histogram("event_loop_lag_seconds", "How late the event loop is", [((), counted.loop_lag)])

    def _connections(self) -> Iterator[Metric]:
        counted = self._exchange.counters
        yield _gauge("connections_open", "Open connections", self._exchange.heartbeat.connections)
        authenticated = self._exchange.layer.members(user_group(""))
        yield _gauge("connections_authenticated", "Those that have authenticated", authenticated)
        yield _counter("connections_opened", "Connections that were opened", counted.connections_opened)
        closed = dict.fromkeys((SLOW_CLOSE, IDLE_CLOSE), 0) | counted.connections_closed
        yield _counters(
            "connections_closed",
            "Connections that the exchange has closed",
            ["code"],
            [((str(code),), count) for code, count in closed.items()],
        )
        yield _counters(
            "connections_refused",
            "Connections that a limit has refused",
            ["reason"],
            [((reason,), count) for reason, count in counted.connections_refused.items()],
        )
        yield _counter("books_sent", "Order books that were sent to their subscribers", counted.books_sent)
        yield _counter("books_conflated", "Order books that a later one has replaced", counted.books_conflated)
        yield _counter("readers_paused", "Readers that were too slow for market data", counted.readers_paused)


FROM_THE_START = ("done", str(Code.UNAVAILABLE.value))
"""Results that are told as 0 before they have happened, so that a first one is seen to be one more."""


def _of_markets(markets: Sequence[MarketNow]) -> Iterator[Metric]:
    """What tells one of several markets from another."""
    ready = GaugeMetricFamily("bourse_market_ready", "1 when the market takes orders", labels=["market"])
    waiting = GaugeMetricFamily(
        "bourse_market_queue_commands", "Commands that wait for the market's engine", labels=["market"]
    )
    batch = GaugeMetricFamily("bourse_market_journal_batch", "Number of the market's last commit", labels=["market"])
    live = GaugeMetricFamily("bourse_market_orders_live", "Live orders of the market", labels=["market"])
    for each in markets:
        ready.add_metric([each.market], each.closed_because is None)
        waiting.add_metric([each.market], each.waiting)
        if each.figures is not None:
            batch.add_metric([each.market], each.figures.batch)
            live.add_metric([each.market], each.figures.orders_live)
    yield from (ready, waiting, batch, live)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"bourse_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"bourse_{name}", text, value=value)


def _counters(name: str, text: str, labels: list[str], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = CounterMetricFamily(f"bourse_{name}", text, labels=labels)
    for words, value in values:
        family.add_metric(list(words), value)
    return family


def _histogram(
    name: str, text: str, histograms: Iterable[tuple[tuple[str, ...], Histogram]], labels: list[str] | None = None
) -> Metric:
    family = HistogramMetricFamily(f"bourse_{name}", text, labels=labels or [])
    for words, histogram in histograms:
        bounds = [*map(floatToGoString, histogram.bounds), "+Inf"]
        family.add_metric(list(words), list(zip(bounds, accumulate(histogram.counts), strict=True)), histogram.total)
    return family
