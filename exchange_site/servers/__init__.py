"""What is changed in the ASGI servers below us, for speed, bounds and close codes: each part says what it earns."""

from exchange_site.servers import daphne, uvicorn

stop_with = daphne.stop_with


def tune() -> None:
    """Tune whichever server is running us."""
    daphne.tune()
    uvicorn.tune()
