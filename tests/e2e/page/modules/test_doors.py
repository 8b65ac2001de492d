"""The page's module that knows which markets take no orders just now."""

from __future__ import annotations

from typing import Any

from tests.e2e.browser import WatchedPage
from tests.e2e.page.modules.test_page_modules import call, page

__all__ = ["page"]

SCENE = """(() => {
  const asked = [];
  const instruments = [
    { instrument_id: 'IX2301' }, { instrument_id: 'IX2302' }, { instrument_id: 'XX', market: 'CFFEX' },
  ];
  const store = {
    state: { instruments, away: new Set() },
    set(patch) { Object.assign(this.state, patch); },
  };
  let opened = 0;
  const ask = (question, message) => asked.push([question.market ?? '', message.instruments[0]]);
  const waits = [];
  const real = [window.setTimeout, window.clearTimeout];
  window.setTimeout = (run) => waits.push(run);
  window.clearTimeout = () => waits.splice(0);
  try {
    const doors = new m.Doors(store, ask, () => { opened += 1; });
    const wait = () => waits.splice(0).forEach((run) => run());
    const said = () => [asked.splice(0), [...store.state.away].map((each) => each ?? ''), opened];
    const told = [];
    STEPS
    return told;
  } finally {
    [window.setTimeout, window.clearTimeout] = real;
  }
})()"""

ALL = [["", "IX2302"], ["CFFEX", "XX"]]


def play(page: WatchedPage, *steps: str) -> Any:
    """What is asked, which markets are away and how often one has opened, after each step."""
    told = "\n".join(f"{step}; told.push(said());" for step in steps)
    return call(page, "client/doors", SCENE.replace("STEPS", told))


def test_a_refusal_says_that_its_market_is_away_until_the_exchange_takes_orders(page: WatchedPage) -> None:
    told = play(
        page,
        "doors.refused('XX')",
        "wait()",
        "doors.answered({ market: 'CFFEX' }, 503)",
        "wait()",
        "doors.answered({}, undefined)",
        "doors.answered({ market: 'CFFEX' }, undefined)",
    )
    assert told == [
        [[], ["CFFEX"], 0],
        [ALL, ["CFFEX"], 0],
        [[], ["CFFEX"], 0],
        [ALL, ["CFFEX"], 0],
        [[], ["CFFEX"], 0],
        [[], [], 1],
    ]


def test_a_market_that_the_exchange_tells_of_is_away_before_anything_is_refused(page: WatchedPage) -> None:
    told = play(page, "doors.look()", "doors.answered({}, 503)", "doors.answered({ market: 'CFFEX' }, undefined)")
    assert told == [[ALL, [], 0], [[], [""], 0], [[], [""], 0]]


def test_another_refusal_says_nothing_and_is_asked_again(page: WatchedPage) -> None:
    assert play(page, "doors.look()", "doors.answered({}, 429)", "wait()") == [[ALL, [], 0], [[], [], 0], [ALL, [], 0]]


def test_a_lost_line_forgets_what_was_known(page: WatchedPage) -> None:
    assert play(page, "doors.refused('IX2301')", "doors.lost()", "wait()") == [[[], [""], 0], [[], [], 0], [[], [], 0]]
