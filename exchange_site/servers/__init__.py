"""The ASGI servers below us: what each is told and given, for speed, bounds and close codes. Servers other than these
two run us as they are."""

import sys
from typing import Any

from exchange_site.servers import daphne


def tune() -> None:
    """Be ready to be started by daphne, and keep the log of whichever server is running us."""
    daphne.tune()
    if "uvicorn" in sys.modules:
        from exchange_site.servers import uvicorn

        uvicorn.leave_log_clean()


def take_in(receive: Any) -> None:
    """A lifespan begins: under uvicorn its `receive` leads to what connections will be made of."""
    if "uvicorn" in sys.modules:
        from exchange_site.servers import uvicorn

        uvicorn.take_in(receive)
