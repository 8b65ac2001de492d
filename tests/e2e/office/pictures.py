"""The pictures of the operators' guide, in both languages: `make pictures` writes them to docs/pictures."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.e2e.browser import chromium, new_page
from tests.e2e.office.desk import enter, furnish
from tests.e2e.server import Market, Server

FOLDER = Path(__file__).resolve().parents[3] / "docs/pictures"
SIZE = {"width": 1100, "height": 640}


def shown(numbers: dict[str, str]) -> dict[str, str]:
    """What each picture is called, and the page that is on it."""
    desk = "admin/trading/desk"
    return {
        "first-day": f"{desk}/people/class/",
        "trading-day": "admin/",
        "evening": f"{desk}/settle/",
        "incident": "admin/emergency/",
        "contest": f"{desk}/contests/{numbers['running']}/",
        "ranking": "contest/",
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Market.seeded(Path(folder)))
        try:
            server.start()
            pages = shown(furnish(server))
            with chromium() as browser:
                for language in ("en-US", "zh-CN"):
                    with new_page(browser, viewport=SIZE, locale=language, color_scheme="light") as page:
                        enter(page, server)
                        for name, path in pages.items():
                            page.goto(f"{server.http}/{path}")
                            page.screenshot(path=FOLDER / f"{name}.{language}.png")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
