"""Where an exchange is. People name it by its page, by its socket or by its API."""

from __future__ import annotations

from urllib.parse import urlsplit

SECURE = {"http": False, "ws": False, "https": True, "wss": True}


def socket_address(url: str) -> str:
    """`ws://HOST:PORT/ws`, or `wss://`. ValueError where `url` names no exchange."""
    is_secure, place = _place(url)
    return f"{'wss' if is_secure else 'ws'}://{place}/ws"


def api_address(url: str) -> str:
    """`http://HOST:PORT/api/v1/`, or `https://`. ValueError where `url` names no exchange."""
    is_secure, place = _place(url)
    return f"{'https' if is_secure else 'http'}://{place}/api/v1/"


def _place(url: str) -> tuple[bool, str]:
    """Whether it is asked under TLS, and its host, port and path."""
    try:
        url.encode()
        parts = urlsplit(url)
        if parts.scheme in SECURE and parts.hostname and parts.port != 0:
            parts.hostname.encode("idna")
            path = parts.path.rstrip("/").removesuffix("/ws").removesuffix("/api/v1")
            return SECURE[parts.scheme], parts.netloc + path
    except ValueError:  # of its brackets, or of its port, of its name, or it is no text
        pass
    raise ValueError(f"{url!r} is no address of an exchange: it is like http://HOST:PORT")
