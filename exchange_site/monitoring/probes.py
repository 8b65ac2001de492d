"""What load balancers and service managers ask: is the process alive, and does it take orders? Answered without Django
and without the database, so that they are true when those are in trouble."""

from typing import Any, Protocol

ALIVE, READY = "/healthz", "/readyz"


class Ready(Protocol):
    @property
    def not_ready_because(self) -> str | None: ...


class Probes:
    """An ASGI application for the two paths. 200 is yes; 503 is no, with the reason as text."""

    def __init__(self, exchange: Ready) -> None:
        self._exchange = exchange

    def answers(self, scope: dict[str, Any]) -> bool:
        return scope["type"] == "http" and scope["path"] in (ALIVE, READY)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        reason = self._exchange.not_ready_because if scope["path"] == READY else None
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200 if reason is None else 503, "headers": headers})
        await send({"type": "http.response.body", "body": (reason or "ok").encode() + b"\n"})
