"""What lies between a page and the server: can be cut and mended, and can lose frames. Knows no trading."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

Frame = dict[str, Any]
CUT = 4000
"""Close code that the page sees."""


def nothing(frame: Frame) -> bool:
    return False


class Wire:
    """Every socket of a page goes over it. A frame for which `lost_up` or `lost_down` says True does not arrive."""

    def __init__(self, page: Page) -> None:
        self.sent: list[Frame] = []
        self.lost: list[Frame] = []
        self.lost_up: Callable[[Frame], bool] = nothing
        self.lost_down: Callable[[Frame], bool] = nothing
        self.attempts = 0
        self._is_cut = False
        self._ends: list[WebSocketRoute] = []
        page.route_web_socket(re.compile("/ws"), self._open)

    def cut(self) -> None:
        """Both ends are closed, and no new connection is possible."""
        self._is_cut = True
        for end in self._ends:
            end.close(code=CUT)
        self._ends = []

    def mend(self) -> None:
        self._is_cut, self.lost_up, self.lost_down = False, nothing, nothing

    def tell(self, frame: Frame) -> None:
        """Say this to the page, as if the server had."""
        page_end, _ = self._ends[-2:]
        page_end.send(json.dumps(frame))

    def _open(self, page_end: WebSocketRoute) -> None:
        self.attempts += 1
        if self._is_cut:
            page_end.close(code=CUT)
            return
        server_end = page_end.connect_to_server()
        self._ends += [page_end, server_end]
        page_end.on_message(lambda text: self._pass(text, self.lost_up, server_end, self.sent))
        server_end.on_message(lambda text: self._pass(text, self.lost_down, page_end, []))

    def _pass(self, text: str | bytes, is_lost: Callable[[Frame], bool], to: WebSocketRoute, log: list[Frame]) -> None:
        frame = json.loads(text)
        log.append(frame)
        if to not in self._ends:
            return
        if is_lost(frame):
            self.lost.append(frame)
        else:
            to.send(text)
