"""`manage.py run_engine`: the engine of a market in a process of its own, for gateways that share its Redis."""

import asyncio
import logging
import signal
from argparse import ArgumentParser
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from exchange_site.cluster.engine import EngineProcess
from exchange_site.cluster.management.options import hold_named
from exchange_site.config import ExchangeConfig
from exchange_site.monitoring.log_format import CountErrors


class Command(BaseCommand):
    help = "Run the engine of a market until SIGTERM or Ctrl-C. A second one waits until the first is gone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--market", default=settings.MARKET, help="the market, %(default)s where it is not given")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.REDIS_URL:
            raise CommandError("Set REDIS_URL and DATABASE_URL: without them the engine lives in the server's process.")
        hold_named([options["market"]])
        config = msgspec.structs.replace(ExchangeConfig.from_settings(), market=options["market"])
        asyncio.run(_run(config))


async def _run(config: ExchangeConfig) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for wish in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(wish, stop.set)
    engine = EngineProcess(config)
    logging.getLogger().addHandler(CountErrors(engine.counters))
    await engine.run(stop)
