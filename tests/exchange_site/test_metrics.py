"""`/metrics`: who may read it, what it tells, and that every metric is documented."""

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exchange_site.monitoring.market_figures import MarketFigures, MarketNow
from exchange_site.monitoring.metrics import Exposition, Metrics
from tests.builders import order
from tests.worker.making import Floor, floor
from trading.compiled import form
from trading.core.commands import CancelOrder, HaltInstrument, SubmitOrder
from trading.delivery.channel_groups import user_group
from trading.delivery.channel_layer import InProcessLayer
from trading.transport.gateway import Envelope
from trading.websocket.heartbeat import Heartbeat

OPERATIONS = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text()
TOKEN = "a long secret"
HOSTS = ["localhost", "127.0.0.1", "[::1]", ".bourse.example"]
LOCAL = ("127.0.0.1", 50_000)
Samples = dict[tuple[str, str], float]


class Exchange:
    """What the metrics ask of an exchange, around a worker that a test drives."""

    def __init__(self, f: Floor) -> None:
        self.queue, self.worker = f.queue, f.worker
        self.layer = InProcessLayer()
        self.counters = f.counters
        self.heartbeat = Heartbeat(5, 10, self.counters)
        self.not_ready_because: str | None = None
        self.each_market: list[MarketNow] = []

    @property
    def market_figures(self) -> MarketFigures:
        return MarketFigures.of(self.worker)

    @property
    def connected(self) -> tuple[int, int]:
        return self.heartbeat.connections, self.layer.members(user_group(""))


def scope_of(client: object = LOCAL, method: str = "GET", path: str = "/metrics", **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "path": path,
        "method": method,
        "client": client,
        "headers": named,
        "query_string": b"",
    }


async def ask(metrics: Metrics, scope: dict[str, Any]) -> tuple[int, str]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await metrics(scope, receive, send)
    return sent[0]["status"], sent[1]["body"].decode()


# --- who may read


@pytest.mark.parametrize(
    ("token", "scope", "status"),
    [
        ("", scope_of(), 200),
        ("", scope_of(("::1", 1)), 200),
        ("", scope_of(("::ffff:127.0.0.1", 1)), 200),
        ("", scope_of(host="localhost"), 200),
        ("", scope_of(host="LOCALHOST:8081"), 200),
        ("", scope_of(host="[::1]:8081"), 200),
        ("", scope_of(host="a.bourse.example"), 200),
        ("", scope_of(host="evil.example"), 404),
        ("", scope_of(host="localhost.evil.example:8081"), 404),
        ("", scope_of(host="a@b:c"), 404),
        ("", scope_of(host="\u00e9"), 404),
        ("", scope_of(host=""), 404),
        ("", {**scope_of(), "headers": [(b"host", b"localhost"), (b"host", b"evil.example")]}, 404),
        (TOKEN, scope_of(host="10.0.0.9:8081", authorization=f"Bearer {TOKEN}"), 200),
        ("", scope_of(method="POST"), 404),
        ("", scope_of(("10.0.0.1", 1)), 404),
        ("", scope_of(("::ffff:10.0.0.1", 1)), 404),
        ("", scope_of(("localhost", 1)), 404),
        ("", scope_of(None), 404),
        ("", scope_of([]), 404),
        ("", scope_of(("10.0.0.1", 1), x_forwarded_for="127.0.0.1"), 404),
        ("", scope_of(x_forwarded_for="127.0.0.1"), 404),
        ("", scope_of(forwarded="for=127.0.0.1"), 404),
        ("", scope_of(via="1.1 proxy"), 404),
        ("", scope_of(("10.0.0.1", 1), authorization="Bearer "), 404),
        ("", scope_of(("10.0.0.1", 1), authorization=f"Bearer {TOKEN}"), 404),
        (TOKEN, scope_of(("10.0.0.1", 1), authorization=f"Bearer {TOKEN}"), 200),
        (TOKEN, scope_of(("10.0.0.1", 1), authorization=f"bearer {TOKEN}", x_forwarded_for="10.0.0.2"), 200),
        (TOKEN, scope_of(None, authorization=f"Bearer {TOKEN}"), 200),
        (TOKEN, scope_of(), 404),
        (TOKEN, scope_of(authorization=f"Bearer {TOKEN}x"), 404),
        (TOKEN, scope_of(authorization="Bearer "), 404),
        (TOKEN, scope_of(authorization="Bearer é"), 404),
        (TOKEN, scope_of(authorization=TOKEN), 404),
        (TOKEN, scope_of(authorization=f"Basic {TOKEN}"), 404),
        (TOKEN, scope_of(method="POST", authorization=f"Bearer {TOKEN}"), 404),
    ],
)
async def test_only_who_may_read_is_answered(token: str, scope: dict[str, Any], status: int) -> None:
    async with floor(running=False) as f:
        found, text = await ask(Metrics(Exchange(f), token, HOSTS), scope)
        assert found == status
        assert (text == "Not found\n") == (status == 404)
        assert ("bourse_ready 1.0" in text) == (status == 200)


async def test_it_answers_for_its_own_path_alone() -> None:
    async with floor(running=False) as f:
        metrics = Metrics(Exchange(f), "", HOSTS)
        assert metrics.answers(scope_of())
        assert not metrics.answers(scope_of(path="/metrics/"))
        assert not metrics.answers({"type": "websocket", "path": "/metrics"})


# --- what it tells


def samples(exchange: Exchange) -> Samples:
    """Everything that is exposed: (name, labels as in the text) -> value."""
    found: Samples = {}
    for family in Exposition(exchange).collect():
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
            found[sample.name, labels] = sample.value
    return found


async def test_what_is_so_now() -> None:
    async with floor(running=False) as f:
        exchange = Exchange(f)
        for command in (order(1, "BUY OPEN 1 @ 119"), order(2, "BUY OPEN 1 @ 118"), HaltInstrument("IF2301")):
            f.worker.engine.apply(command, f.now)
        f.queue.put(Envelope(order(1, "BUY OPEN 1 @ 119"), print))
        for user, channel in (("user001", "a"), ("user001", "b"), ("user002", "c")):
            await exchange.layer.group_add(user_group(user), channel)
        await exchange.layer.group_add("orderbook.IX2301", "d")
        told = samples(exchange)
        expected = {
            ("bourse_ready", ""): 1,
            ("bourse_core_compiled", ""): form.FINDER is not None,
            ("bourse_journal_batch", ""): 7,
            ("bourse_trading_day", ""): f.worker.engine.state.day.trading_day,
            ("bourse_orders_live", ""): 2,
            ("bourse_instruments", "phase=continuous"): 1,
            ("bourse_instruments", "phase=halted"): 1,
            ("bourse_instruments", "phase=auction"): 0,
            ("bourse_queue_commands", ""): 1,
            ("bourse_queue_limit", ""): 1_000,
            ("bourse_connections_open", ""): 0,
            ("bourse_connections_authenticated", ""): 3,
        }
        assert {key: told[key] for key in expected} == expected
        exchange.not_ready_because = "closed"
        assert samples(exchange)["bourse_ready", ""] == 0


async def test_each_of_several_markets() -> None:
    async with floor(running=False) as f:
        exchange = Exchange(f)
        figures = MarketFigures(batch=7, trading_day=0, orders_live=2, phases={})
        exchange.each_market = [MarketNow("MAIN", None, 3, figures), MarketNow("OTHER", "silent", 0, None)]
        told = {key: value for key, value in samples(exchange).items() if key[0].startswith("bourse_market_")}
        assert told == {
            ("bourse_market_ready", "market=MAIN"): 1,
            ("bourse_market_ready", "market=OTHER"): 0,
            ("bourse_market_queue_commands", "market=MAIN"): 3,
            ("bourse_market_queue_commands", "market=OTHER"): 0,
            ("bourse_market_journal_batch", "market=MAIN"): 7,
            ("bourse_market_orders_live", "market=MAIN"): 2,
        }


async def test_what_was_counted() -> None:
    async with floor(running=False) as f:
        counted = f.counters
        counted.done[SubmitOrder] = 3
        counted.not_done.update({(SubmitOrder, "503"): 2, (CancelOrder, "1002"): 1})
        counted.batches_failed = 4
        counted.connections_closed[4409] += 5
        counted.connections_refused["per_user"] += 6
        counted.books_conflated, counted.readers_paused = 7, 11
        counted.books_sent, counted.connections_opened, counted.errors = 8, 9, 10
        counted.stages["commit"].observe(0.0007)
        counted.stages["commit"].observe(20.0)
        told = samples(Exchange(f))
        expected = {
            ("bourse_commands_total", "kind=SubmitOrder,result=done"): 3,
            ("bourse_commands_total", "kind=SubmitOrder,result=503"): 2,
            ("bourse_commands_total", "kind=CancelOrder,result=1002"): 1,
            ("bourse_commands_total", "kind=CancelOrder,result=503"): 0,
            ("bourse_batches_failed_total", ""): 4,
            ("bourse_connections_closed_total", "code=4409"): 5,
            ("bourse_connections_closed_total", "code=4408"): 0,
            ("bourse_connections_refused_total", "reason=per_user"): 6,
            ("bourse_books_conflated_total", ""): 7,
            ("bourse_readers_paused_total", ""): 11,
            ("bourse_books_sent_total", ""): 8,
            ("bourse_connections_opened_total", ""): 9,
            ("bourse_errors_total", ""): 10,
            ("bourse_batch_stage_seconds_bucket", "stage=commit,le=0.0005"): 0,
            ("bourse_batch_stage_seconds_bucket", "stage=commit,le=0.001"): 1,
            ("bourse_batch_stage_seconds_bucket", "stage=commit,le=10.0"): 1,
            ("bourse_batch_stage_seconds_bucket", "stage=commit,le=+Inf"): 2,
            ("bourse_batch_stage_seconds_count", "stage=commit"): 2,
            ("bourse_batch_stage_seconds_sum", "stage=commit"): 20.0007,
            ("bourse_command_wait_seconds_count", ""): 0,
        }
        assert {key: told[key] for key in expected} == expected


# --- docs


def section(heading: str) -> str:
    return OPERATIONS.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


async def test_every_metric_is_documented() -> None:
    async with floor(running=False) as f:
        exchange = Exchange(f)
        exchange.each_market = [MarketNow("MAIN", None, 0, MarketFigures.of(f.worker))]
        _, text = await ask(Metrics(exchange, "", HOSTS), scope_of())
        families = [*text_string_to_metric_families(text)]
    ours = {f"{each.name}_total" if each.type == "counter" else each.name for each in families}
    assert {name for name in ours if name.startswith("bourse_")} == set(
        re.findall(r"^\| `(bourse_\w+)", section("Metrics"), re.MULTILINE)
    )


def test_alarms_speak_of_metrics_that_there_are() -> None:
    told = set(re.findall(r"\b(?:bourse|process)_\w+", section("Metrics")))
    asked = {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:bourse|process)_\w+", section("Alarms"))
    }
    assert asked and asked <= told
