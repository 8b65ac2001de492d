"""The page's module for markets beside the first: it follows each of them without holes."""

from __future__ import annotations

from typing import Any

from tests.e2e.browser import WatchedPage
from tests.e2e.page.modules.test_page_modules import call, page

__all__ = ["page"]

SCENE = """(() => {
  const asked = [];
  const instruments = [{ instrument_id: 'IX2301' }, { instrument_id: 'XX', market: 'CFFEX' }];
  const state = { session: { phase: 'signed-in' }, instruments };
  const ask = (question, message) => { asked.push(message); return true; };
  const further = new m.FurtherMarkets({ state }, ask);
  const said = () => asked.splice(0);
  const told = [];
  STEPS
  return told;
})()"""


def play(page: WatchedPage, *steps: str) -> Any:
    """What each step gives."""
    told = "\n".join(f"told.push({step});" for step in steps)
    return call(page, "client/further_markets", SCENE.replace("STEPS", told))


RESUME = {"type": "resume", "market": "CFFEX"}
ACCOUNT = {"type": "query_account", "market": "CFFEX"}


def test_a_market_that_the_instruments_tell_of_is_followed_once(page: WatchedPage) -> None:
    told = play(
        page, "[further.look(), said()][1]", "[further.look(), said()][1]", "[further.askForFunds(), said()][1]"
    )
    assert told == [[RESUME, ACCOUNT], [], [ACCOUNT]]


def test_pushes_of_a_market_are_taken_in_without_holes(page: WatchedPage) -> None:
    """Nothing before the answer to `resume`; what was missed is asked for; a new line goes on from there."""
    told = play(
        page,
        "[further.look(), said()][1]",
        "further.isNext('CFFEX', 7)",
        "[further.stands('CFFEX', 7), further.resumed('CFFEX', true)].length",
        "further.isNext('CFFEX', 7)",
        "further.isNext('CFFEX', 8)",
        "further.isNext('CFFEX', 10)",
        "said()",
        "further.isNext('CFFEX', 9)",
        "[further.resumed('CFFEX', true), further.isNext('CFFEX', 9)][1]",
        "[further.lost(), further.entered(), said()][2]",
        "[further.left(), further.entered(), said()][2]",
    )
    again = RESUME | {"last_seq": 8}
    assert told == [
        [RESUME, ACCOUNT],
        False,
        2,
        False,
        True,
        False,
        [again],
        False,
        True,
        [RESUME | {"last_seq": 9}],
        [RESUME, ACCOUNT],
    ]


def test_a_refusal_that_passes_is_asked_again(page: WatchedPage) -> None:
    """Until the line is lost: a new one asks by itself."""
    scene = """(() => {
      const asked = [];
      const pushes = new m.PushSequence((last) => { asked.push(last); return true; });
      pushes.stands(4);
      const passing = [pushes.refused(503), pushes.refused(429), pushes.refused(1003)];
      return new Promise((done) => setTimeout(() => {
        pushes.refused(503);
        pushes.lost();
        setTimeout(() => done([passing, asked]), 1050);
      }, 1050));
    })()"""
    assert call(page, "client/push_sequence", scene) == [[True, True, False], [4]]


def test_an_account_that_is_opened_later_is_followed_from_then_on(page: WatchedPage) -> None:
    told = play(
        page,
        "[further.look(), said()].length",
        "[further.refused({ kind: 'resume', market: 'CFFEX' }, 1003), said()][1]",
        "[further.found('CFFEX'), said()][1]",
        "[further.found('CFFEX'), said()][1]",
    )
    assert told == [2, [], [RESUME], []]


def test_each_instrument_is_traded_out_of_the_account_of_its_market(page: WatchedPage) -> None:
    state = {
        "instruments": [{"instrument_id": "IX2301"}, {"instrument_id": "XX", "market": "CFFEX"}],
        "account": {"available": 1},
        "furtherAccounts": {},
        "positions": [{"instrument_id": "IX2301", "margin": 1}, {"instrument_id": "XX", "margin": 2}],
    }
    assert call(page, "state/selectors", "[m.accountOf(x, 'IX2301'), m.accountOf(x, 'XX')]", state) == [
        {"available": 1},
        None,
    ]
    known = call(page, "state/reduce_account", "m.account(x, { available: 5 }, 'CFFEX')", state)
    assert known == {"furtherAccounts": {"CFFEX": {"available": 5}}}
    assert call(page, "state/selectors", "m.accountOf(x, 'XX')", state | known) == {"available": 5}
    held = call(page, "state/reduce_account", "m.positions(x, [{ instrument_id: 'XX', margin: 3 }], 'CFFEX')", state)
    assert [(each["instrument_id"], each["margin"]) for each in held["positions"]] == [("IX2301", 1), ("XX", 3)]
