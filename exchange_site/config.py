"""What an exchange is told when it is made: the settings that concern it, read once and in one place."""

import msgspec
from django.conf import settings

from trading.access.rate_limits import UNLIMITED, Limits
from trading.core.commands import CheckRisk
from trading.core.money import RATE
from trading.core.types import MarketLimits
from trading.delivery.push_encoder import told_as
from trading.operators.scheduler import LOOK_SECONDS
from trading.reads.missed_pushes import PAGE
from trading.storage.pulses import SECONDS as PULSE_SECONDS
from trading.websocket.market_subscriptions import SLOW_SECONDS
from trading.websocket.send_queue import CLOSE_SECONDS
from trading.worker.worker import RELOAD_SECONDS

STOP_SECONDS = 2.0
"""How long a server that stops waits for its clients to take their leave."""


class ExchangeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Fields without a default are settings, each with its reason beside it in `settings.py`. The others have theirs
    where the default comes from; only tests need other ones. Intervals are seconds."""

    market: str
    further_markets: tuple[str, ...]
    queue_limit: int
    batch_limit: int
    operator_poll_seconds: float
    standby_patience_seconds: float
    risk: CheckRisk
    pushes_kept: int
    log_orders: bool
    book_interval: float
    bar_interval: float
    portfolio_interval: float
    ping_seconds: float
    idle_seconds: float
    token_look_seconds: float
    limits: Limits
    market_limits: MarketLimits
    read_threads: int
    max_frame: int
    max_outbox: int
    reload_seconds: float = RELOAD_SECONDS
    schedule_seconds: float = LOOK_SECONDS
    slow_seconds: float = SLOW_SECONDS
    close_seconds: float = CLOSE_SECONDS
    stop_seconds: float = STOP_SECONDS
    pulse_seconds: float = PULSE_SECONDS
    resume_page: int = PAGE
    redis_url: str = ""
    answer_seconds: float = 5.0
    archive_keep_days: int | None = None
    """None: days are archived by hand only."""

    @property
    def markets(self) -> tuple[str, ...]:
        """All of them; the first is meant where nobody names one."""
        return (self.market, *self.further_markets)

    def told_as(self, market: str) -> str | None:
        """The market that private pushes of `market` name; None: none."""
        return told_as(market, self.further_markets)

    @classmethod
    def from_settings(cls) -> "ExchangeConfig":
        limits = Limits(**{name: getattr(settings, name.upper()) for name in Limits.__struct_fields__})
        market_limits = MarketLimits(
            live_orders=settings.LIVE_ORDERS,
            waiting_orders=settings.WAITING_ORDERS,
            trailing_stops=settings.TRAILING_STOPS,
        )
        return cls(
            market=settings.MARKET,
            further_markets=tuple(settings.FURTHER_MARKETS),
            queue_limit=settings.QUEUE_LIMIT,
            batch_limit=settings.BATCH_LIMIT,
            operator_poll_seconds=settings.OPERATOR_POLL_SECONDS,
            standby_patience_seconds=settings.STANDBY_PATIENCE_SECONDS,
            risk=CheckRisk(round(settings.RISK_WARN * RATE), round(settings.RISK_LIMIT * RATE)),
            pushes_kept=settings.PUSHES_KEPT,
            log_orders=settings.LOG_ORDERS,
            book_interval=settings.BOOK_INTERVAL_MS / 1000,
            bar_interval=settings.BAR_INTERVAL_MS / 1000,
            portfolio_interval=settings.PORTFOLIO_INTERVAL_MS / 1000,
            ping_seconds=settings.PING_SECONDS,
            idle_seconds=settings.IDLE_SECONDS,
            token_look_seconds=settings.TOKEN_LOOK_SECONDS,
            limits=limits if settings.RATE_LIMITS else UNLIMITED,
            market_limits=market_limits if settings.RATE_LIMITS else MarketLimits(),
            read_threads=settings.READ_THREADS,
            max_frame=settings.MAX_FRAME,
            max_outbox=settings.MAX_OUTBOX,
            redis_url=settings.REDIS_URL,
            answer_seconds=settings.ANSWER_SECONDS,
            archive_keep_days=settings.ARCHIVE_KEEP_DAYS if settings.ARCHIVE_DAILY else None,
        )
