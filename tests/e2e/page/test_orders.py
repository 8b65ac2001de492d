"""Trading on the page: orders from the ticket to the statement."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.browser import missing, new_page
from tests.e2e.page.steps import (
    BYSTANDER,
    COUNTERPART,
    INSTRUMENT,
    LIMIT_UP,
    PERSON,
    TICK,
    Trader,
    answer,
    choose,
    expect_order,
    fill_ticket,
    free_price,
    leg,
    money,
    open_live,
    row,
    send,
    sign_in,
)

pytestmark = pytest.mark.slow

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")


def test_from_a_stranger_to_a_statement(browser: Any, new_server: Callable[..., Any]) -> None:
    """One click to an account, a trade, its position turned and closed, the day settled, and back to the start."""
    own = new_server()
    maker = Trader(own, COUNTERPART)
    for price in (119.5, 120.5):
        maker.order("BUY" if price < 120 else "SELL", 9, price, time_condition="GTC")
    with new_page(browser, accept_downloads=True) as page:
        open_live(page, own)
        expect(page.locator("#ticket-submit")).to_have_text("Start with a demo account")
        page.click("#ticket-submit")
        expect(page.locator("#who")).to_have_text(re.compile("^demo-"))
        expect(page.locator("[data-fact=balance]")).to_have_text("1,000,000.00")

        choose(page, "order_type", "MARKET")
        page.fill("#volume", "2")
        expect(page.locator("#ticket-submit")).to_have_text(f"Buy open 2 {INSTRUMENT} at market")
        expect(page.locator("#ticket-margin")).to_have_text("2,410.00")
        expect(page.locator("#ticket-liquidation")).not_to_have_text("")
        after = page.locator("#ticket-after").inner_text()
        page.click("#ticket-submit")
        expect(answer(page)).to_contain_text("Accepted")
        expect(page.locator("#notices")).to_contain_text(f"Bought 2 {INSTRUMENT} @ 120.5")
        expect(leg(page, "long")).to_contain_text("120.50")
        expect(page.locator("[data-fact=margin]")).to_have_text("2,410.00")
        expect(page.locator("[data-fact=available]")).to_have_text(after)

        leg(page, "long").get_by_role("button", name="Reverse").click()
        expect(page.locator("#confirm-text")).to_contain_text("about 119.50")
        page.click("#confirm-no")
        leg(page, "long").get_by_role("button", name="Reverse").click()
        expect(page.locator("#confirm-yes")).to_have_text(
            f"Sell close 2 {INSTRUMENT} at market, then Sell open 2 {INSTRUMENT} at market"
        )
        page.click("#confirm-yes")
        expect(leg(page, "short")).to_contain_text("119.50")
        expect(leg(page, "long")).to_have_count(0)
        leg(page, "short").get_by_role("button", name="Close").click()
        expect(page.locator("#confirm-yes")).to_have_text(f"Buy close 2 {INSTRUMENT} at market")
        page.click("#confirm-yes")
        expect(page.locator("#positions-table tbody")).to_have_text("No open positions.")
        expect(page.locator("#fills-table tbody tr").first).to_contain_text("Taker")
        expect(page.locator("#fills-table tbody tr")).to_have_count(4)

        maker.socket.close()
        with ThreadPoolExecutor(1) as beside:  # the notice goes by itself, perhaps before the command has ended
            settling = beside.submit(own.manage, "settle")
            expect(page.locator("#notices")).to_contain_text("is settled. Closing balance 999,")
            settling.result()
        page.click("#tab-statements")
        statement = page.locator("#statements-table tbody tr")
        expect(statement).to_contain_text("1,000,000.00")
        expect(statement).to_contain_text("−400.00")
        with page.expect_download() as saved:
            page.click("#csv")
        text = saved.value.path().read_bytes().decode()
        assert text.startswith("\ufeffDay,Opening,") and ",1000000," in text and ",-400," in text

        page.click("#demo-reset")
        page.click("#confirm-yes")
        expect(page.locator("#notices")).to_contain_text("starting funds again")
        expect(page.locator("[data-fact=balance]")).to_have_text("1,000,000.00")
        page.click("#tab-equity")
        expect(page.locator("#equity-chart svg")).to_be_visible()
        assert page.complaints == []


def test_a_working_order_is_seen_amended_and_cancelled(
    page: Page, server: Any, trader: Callable[[str], Trader]
) -> None:
    maker = trader(COUNTERPART)
    price = free_price(maker.book())
    sign_in(page, server)
    available = money(page, "available")
    page.click("#tab-orders")
    order_id = send(page, "BUY", 3, price - TICK)
    expect_order(page, order_id, "Working", "0 / 3")
    expect(page.locator("#bids .level.own")).to_have_count(1)
    expect(page.locator("[data-fact=available]")).not_to_have_text(f"{available:,.2f}")

    row(page, order_id).get_by_role("button", name="Amend").click()
    expect(page.locator("[data-amend-field=price]")).to_be_focused()
    page.keyboard.type(f"{price}")
    page.locator("[data-amend-field=volume]").fill("4")
    page.keyboard.press("Enter")
    expect(row(page, order_id)).to_contain_text(f"{price:.1f}")
    expect_order(page, order_id, "Working", "0 / 4")
    row(page, order_id).get_by_role("button", name="Amend").click()
    page.locator("[data-amend-field=price]").fill("120.3")
    page.keyboard.press("Enter")
    expect(page.locator("#notices")).to_contain_text("Not amended: The price is not on the tick (1007)")
    expect(row(page, order_id)).to_contain_text(f"{price:.1f}")

    maker.order("SELL", 1, price)
    expect_order(page, order_id, "Part filled", "1 / 4")
    expect(page.locator("#notices")).to_contain_text(f"Bought 1 {INSTRUMENT} @ {price:.1f}")
    expect(page.locator("#fills-table tbody tr").first).to_contain_text("Maker")
    expect(page.locator("#fills-table tbody td.id").first).to_have_text(re.compile(r"^T\d{20}$"))
    row(page, order_id).get_by_role("button", name="Cancel").click()
    expect_order(page, order_id, "Cancelled", "1 / 4")
    expect(page.locator("#history-table").locator(f'tr[data-key="{order_id}"]')).to_have_count(1)

    elsewhere = trader(PERSON).order("BUY", 6, 110.5, post_only=True, time_condition="GTC")
    expect_order(page, elsewhere, "Working", "0 / 6")
    expect(row(page, elsewhere)).to_contain_text("GTC · post only")
    page.click("#ticket-more summary")
    page.select_option("#stop", "STOP")
    page.fill("#stop-price", "131")
    expect(page.locator("#ticket-submit")).to_have_text(re.compile("^When last ≥ 131.0: Buy"))
    waiting = send(page, "BUY", 1, 131.0)
    expect_order(page, waiting, "Waiting", "0 / 1")
    page.click("#cancel-all")
    page.click("#confirm-yes")
    expect(page.locator("[data-cancel]")).to_have_count(0)
    expect_order(page, elsewhere, "Cancelled", "0 / 6")


def test_a_price_in_the_book_fills_the_ticket(page: Page, trader: Callable[[str], Trader]) -> None:
    maker = trader(COUNTERPART)
    price = free_price(maker.book())
    maker.order("BUY", 1, price)
    choose(page, "order_type", "MARKET")
    expect(page.locator("#price")).to_be_disabled()
    expect(page.locator("#bids .level").first.locator(".price")).to_have_text(f"{price:.1f}")
    page.locator("#bids .level").first.click()
    expect(page.locator("#price")).to_have_value(f"{price:.1f}")
    expect(page.locator("input[name=order_type][value=LIMIT]")).to_be_checked()
    page.click("#price-up")
    expect(page.locator("#price")).to_have_value(f"{price + TICK:.1f}")
    page.locator("#price").press("ArrowDown")
    expect(page.locator("#price")).to_have_value(f"{price:.1f}")
    page.locator("#price").press("Shift+ArrowUp")
    expect(page.locator("#price")).to_have_value(f"{price + 10 * TICK:.1f}")


def test_what_is_wrong_with_an_order_is_told_in_words(page: Page, server: Any) -> None:
    sign_in(page, server, BYSTANDER)
    page.fill("#price", "")
    page.click("#ticket-submit")
    expect(answer(page)).to_have_text("Enter a price.")
    expect(page.locator("#price")).to_be_focused()
    page.fill("#price", "110")
    page.fill("#volume", "1.5")
    page.click("#ticket-submit")
    expect(answer(page)).to_have_text("Enter a whole number of lots.")
    for direction, offset, volume, price, english, chinese in (
        ("BUY", "OPEN", 1, LIMIT_UP + TICK, "outside the day’s limits (1008)", "价格超出涨跌停范围（1008）"),
        ("BUY", "OPEN", 1, 120.3, "not on the tick (1007)", "价格不是最小变动价位的整数倍（1007）"),
        ("SELL", "CLOSEYESTERDAY", 400, 125.0, "Not enough position to close (1005)", "（1005）"),
    ):
        fill_ticket(page, direction, volume, price, offset)
        page.click("#ticket-submit")
        expect(answer(page)).to_contain_text(english)
        page.click("#language")
        expect(answer(page)).to_contain_text(chinese)
        page.click("#language")
    expect(page.locator("[data-cancel]")).to_have_count(0)


def test_a_halt_is_told_before_anybody_sends_and_when_he_does(browser: Any, new_server: Callable[..., Any]) -> None:
    own = new_server()
    with new_page(browser) as page:
        open_live(page, own)
        sign_in(page, own)
        halt = (
            "from trading.operators import requests; from trading.core.commands import HaltInstrument; "
            f"requests.carry_out(HaltInstrument('{INSTRUMENT}'), market='MAIN')"
        )
        own.manage("shell", "-c", halt)
        expect(page.locator("#ticket-phase")).to_contain_text("Trading is halted")
        fill_ticket(page, "BUY", 1, 110.0)
        page.click("#ticket-submit")
        expect(answer(page)).to_contain_text("not trading now (1009)")
        assert page.complaints == []


def test_positions_keep_up_with_the_last_price(page: Page, server: Any, trader: Callable[[str], Trader]) -> None:
    """They are worth what the page shows as the last price, before it hears of them or of the account again."""
    maker, taker = trader(COUNTERPART), trader(BYSTANDER)
    price = free_price(maker.book())
    maker.order("SELL", 2, price)
    sign_in(page, server)
    send(page, "BUY", 2, price)
    last = leg(page, "long").locator("[data-label=Last]")
    expect(last).to_have_text(f"{price:.1f}")
    page.evaluate(
        """(cell) => new MutationObserver(() => { window.then = cell.textContent; })
            .observe(document.getElementById('last-price'), { childList: true, characterData: true, subtree: true })""",
        last.element_handle(),
    )
    floating, profits = (leg(page, "long").locator(f"[data-label='{name}']") for name in ("Open profit", "Day profit"))
    before = [float(each.inner_text().replace(",", "").replace("−", "-")) for each in (floating, profits)]
    lots = int(leg(page, "long").locator("[data-lots]").inner_text())
    maker.order("BUY", 1, price + TICK)
    taker.order("SELL", 1, price + TICK)
    page.wait_for_function("() => window.then")
    assert page.evaluate("window.then") == f"{price + TICK:.1f}"
    for cell, amount in zip((floating, profits), before, strict=True):
        expect(cell).to_have_text(re.compile(rf"^[+−]?{abs(amount + lots * TICK * 100):,.2f}$"))
