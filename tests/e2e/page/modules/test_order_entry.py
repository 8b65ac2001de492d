"""The page's module for orders: what nobody knows is looked up, and never sent under another id."""

from __future__ import annotations

import pytest

from tests.e2e.browser import WatchedPage
from tests.e2e.page.modules.test_page_modules import call, page

__all__ = ["page"]

SCENE = """(async () => {
  const stores = await import('/static/bourse/js/state/store.js');
  const store = new stores.Store(stores.initialState([], {}, {}), (run) => queueMicrotask(run));
  store.set({ connection: { ...store.state.connection, phase: 'live' } });
  const asked = [];
  const orders = [];
  const request = async (message) => {
    asked.push(message.type);
    if (message.type === 'submit_order') {
      if (x.kept) orders.push({ order_id: 'O1', client_order_id: message.client_order_id, status: 'Submitted' });
      return { type: 'order_response', success: false, error_code: x.code, error_message: 'said' };
    }
    if (asked.length === 2 && x.busy) return { type: 'error', code: 503, message: 'busy' };
    return { type: 'query_response', data: { orders, next: null } };
  };
  const nothing = () => {};
  const entry = new m.OrderEntry({ store, request, notice: nothing, lookUp: nothing, refused: nothing });
  const over = new Promise((done) => store.watch(['ticket'], ({ ticket }) => {
    if (ticket.phase === 'answered' || ticket.phase === 'missing') done(ticket);
  }));
  await entry.submit([{ instrument_id: 'IX2301', direction: 'BUY', offset: 'OPEN', volume: 1, order_type: 'MARKET' }]);
  const { phase, results, orders: sent } = await over;
  entry.met({ order_id: 'O2', client_order_id: 'of another' });
  entry.met({ order_id: 'O1', client_order_id: sent[0].client_order_id });
  return { phase, results, asked, after: store.state.ticket };
})()"""


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_an_order_of_which_nobody_knows_is_looked_up(page: WatchedPage, kept: bool, busy: bool) -> None:
    """Where the exchange has it, it is there; else it can be sent again under its own id, until it comes after all."""
    told = call(page, "orders/order_entry", SCENE, {"code": 504, "kept": kept, "busy": busy})
    after = told["after"]
    there = {"phase": "answered", "results": [{"success": True, "order_id": "O1"}]}
    assert {name: told[name] for name in there} == (there if kept else {"phase": "missing", "results": [None]})
    assert told["asked"] == ["submit_order", *["query_orders"] * (1 + busy)]
    assert (after["phase"], after["results"]) == ("answered", there["results"]), "it came later"


@pytest.mark.parametrize("code", [503, 1001])
def test_a_refusal_is_told_as_it_is(page: WatchedPage, code: int) -> None:
    """Of an exchange that was away, too: nothing was done."""
    told = call(page, "orders/order_entry", SCENE, {"code": code, "kept": False, "busy": False})
    assert told["phase"] == "answered" and told["asked"] == ["submit_order"]
    assert [(result["success"], result["code"], result["message"]) for result in told["results"]] == [
        (False, code, "said")
    ]


RESENT = SCENE.replace(
    "const { phase,",
    """const again = new Promise((done) => store.watch(['ticket'], ({ ticket }) => {
    if (ticket.phase === 'answered' || (ticket.phase === 'missing' && asked.length > 2)) done(ticket);
  }));
  x.code = x.then;
  await entry.resend();
  const later = await again;
  return { phase: later.phase, asked };
  const { phase,""",
)


@pytest.mark.parametrize(("then", "phase"), [(503, "missing"), (504, "missing"), (1001, "answered")])
def test_an_order_in_doubt_stays_so_where_the_exchange_is_away(page: WatchedPage, then: int, phase: str) -> None:
    """That its second attempt did nothing says nothing of the first."""
    told = call(page, "orders/order_entry", RESENT, {"code": 504, "kept": False, "busy": False, "then": then})
    looks = ["query_orders"] if phase == "missing" else []
    assert told == {"phase": phase, "asked": ["submit_order", "query_orders", "submit_order", *looks]}
