"""What is changed in the ASGI servers below us, for speed alone: each part says what it earns, and works without it."""

from exchange_site.servers import daphne, uvicorn

stop_with = daphne.stop_with


def tune() -> None:
    """Tune whichever server is running us."""
    daphne.tune()
    uvicorn.tune()
