"""The load generator is a user of the client library: what it pours is counted, refusals by their code."""

from __future__ import annotations

from pathlib import Path

import pytest
from bourse_client.errors import NotAuthenticated, OffTick

from tests.bench.by_hand import poured, tokens_of
from tests.e2e.server import Server

INSTRUMENT = "IX2301"
BESIDE_THE_TICK = 119.7
"""Nothing that others would see comes of it."""


async def test_what_is_poured_is_counted(server: Server) -> None:
    tokens = {user: server.token(user) for user in ("user001", "user002")}
    result = await poured(server.http, tokens, 2, 3, 0.1, INSTRUMENT, BESIDE_THE_TICK)
    assert len(result.latencies) >= 6, "each sends one at least"
    assert result.refused == {OffTick.CODE: len(result.latencies)}
    assert result.latency(0.5) <= result.latency(1.0) <= result.seconds


async def test_a_wrong_token_ends_it(server: Server) -> None:
    with pytest.raises(NotAuthenticated):
        await poured(server.http, {"user001": "wrong"}, 1, 1, 0.1, INSTRUMENT, BESIDE_THE_TICK)


def test_tokens_are_read_as_the_demo_prints_them(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(
        "Serving on http://localhost\n\n  user      token\n  user001   abc\n  user002   def\n", encoding="utf-8"
    )
    assert tokens_of(file) == {"user001": "abc", "user002": "def"}
    file.write_text("  user      token\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no line"):
        tokens_of(file)
