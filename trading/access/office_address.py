"""Which market's back office is asked for: the address says it. `/admin/` is that of the first; `/at/CFFEX/admin/`
that of another one, with the same pages behind it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote

BACK_OFFICE = "/admin/"
AT = "/at/"

_asked: ContextVar[str | None] = ContextVar("market of the office", default=None)


def split(path: str) -> tuple[str | None, str]:
    """The market that the path of a back office names, and the path without it. Other paths name none and stay."""
    if path.startswith(AT):
        market, _, rest = path.removeprefix(AT).partition("/")
        if market and f"/{rest}/".startswith(BACK_OFFICE):
            return market, f"/{rest}"
    return None, path


def office_of(market: str, first: str) -> str:
    """The address of a market's home page, where `first` is the first market."""
    return BACK_OFFICE if market == first else f"{AT}{quote(market, safe='')}{BACK_OFFICE}"


@contextmanager
def asked_for(market: str) -> Iterator[None]:
    """While a request is served: its office is that of `market`."""
    token = _asked.set(market)
    try:
        yield
    finally:
        _asked.reset(token)


def asked() -> str | None:
    """The market whose office the request under way is for; None where its address names none."""
    return _asked.get()
