"""The page with twenty contracts that have little in common: labels, ladder, ticket and chart of each, and what changes
while it is open."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.browser import missing, new_page
from tests.e2e.page.steps import BYSTANDER, COUNTERPART, PERSON, Trader, overflow, select, sign_in

pytestmark = pytest.mark.long

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("the page tests need playwright: pip install -r requirements-dev.txt")

LATIN = "Forty letters of a name, and none spare."
CHINESE = "四十个汉字的合约名称" * 4
assert len(LATIN) == len(CHINESE) == 40
CONTRACTS = {
    f"W{number:02}2309": (tick, price, multiplier, CHINESE if number % 2 else LATIN)
    for number, (tick, price, multiplier) in enumerate(
        itertools.chain(
            [("0.0001", "0.6801", 100_000), ("0.0001", "1.0853", 125_000), ("0.0001", "6.9", 10_000)],
            [("0.2", "4000.4", 300), ("0.2", "99.8", 1), ("0.3", "100.2", 7), ("0.3", "9999.9", 20), ("0.3", "60", 1)],
            [("0.5", "120.5", 100), ("0.5", "2500", 5), ("2.5", "1002.5", 50), ("2.5", "17342.5", 20)],
            [("10", "70020", 5), ("10", "2000", 1), ("10", "123450", 1), ("0.05", "7.15", 1_000)],
            [("0.25", "5012.75", 50), ("0.7", "700.7", 10), ("3", "3000", 10), ("0.001", "11.005", 5_000)],
        )
    )
}  # fmt: skip
"""Tick, reference price, multiplier and name, by id."""
LATE = "W992309"

LIST = """
from trading.core.commands import SetMarketPhase, ChangeTerms, HaltInstrument, ListInstrument, Settle
from trading.core.money import RATE, UNIT
from trading.core.types import Contract, Fee, Phase, Terms
from trading.operators import inline_engine

def terms(name, margin=RATE // 10, **more):
    return Terms(name=name, margin_long=margin, margin_short=margin, fee_open=Fee(0, RATE // 100_000), **more)

def units(text):
    return round(float(text) * UNIT)

def put(command):
    row = inline_engine.carry_out(command, market="MAIN")
    assert row.status == "DONE", (row.status, row.result, command)

def enlist(name, tick, price, multiplier, title):
    put(ListInstrument(
        Contract(instrument_id=name, product_id=name[:3], tick=units(tick), multiplier=multiplier,
                 reference_price=units(price), limit_rate=RATE // 10),
        terms(title),
    ))
"""

DRAWN = """
    window.written = [];
    const fill = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
        if (this.canvas.isConnected && document.getElementById('chart-canvas').contains(this.canvas)) {
            window.written.push(text);
        }
        return fill.call(this, text, ...place);
    };
"""
"""Remembers every text that the chart writes on its canvas."""


def ask(server: Any, words: str) -> None:
    server.manage("shell", "-c", LIST + words)


def trade(maker: Trader, taker: Trader, name: str) -> Decimal:
    """Six trades up from the reference price, each two ticks above the one before; the last price."""
    tick, price = (Decimal(each) for each in CONTRACTS[name][:2])
    for step in range(6):
        at = float(price + 2 * step * tick)
        maker.order("SELL", 1, at, instrument_id=name)
        taker.order("BUY", 1, at, instrument_id=name)
    maker.order("SELL", 3, float(price + 13 * tick), instrument_id=name)
    maker.order("BUY", 2, float(price - tick), instrument_id=name)
    return price + 10 * tick


def written(price: Decimal, tick: str) -> str:
    """A price as the page has it: with as many decimals as the tick."""
    return f"{price:.{max(0, -int(Decimal(tick).as_tuple().exponent))}f}"


def labels_on_the_scale(page: Page, last: str, heights: Iterator[int]) -> list[str]:
    """What stands on the scale of prices, the last price among it, once the chart is drawn anew in another size."""
    page.wait_for_function("(last) => window.written.includes(last)", arg=last)
    page.evaluate("window.written.length = 0")
    page.set_viewport_size({"width": 1440, "height": next(heights)})
    page.wait_for_function("(last) => window.written.includes(last)", arg=last)
    texts = page.evaluate("window.written.splice(0)")
    return [text for text in texts if re.fullmatch(r"-?\d+(\.\d+)?", text)]


def test_twenty_contracts_that_have_little_in_common(browser: Any, new_server: Callable[..., Any]) -> None:
    own = new_server()
    listing = "".join(f"enlist({name!r}, *{parts!r})\n" for name, parts in CONTRACTS.items())
    ask(own, listing)
    maker, taker = Trader(own, COUNTERPART), Trader(own, BYSTANDER)
    heights = itertools.cycle((1000, 900))
    with new_page(browser) as page:
        page.add_init_script(DRAWN)
        page.goto(own.http + "/")
        expect(page.locator("#connection")).to_have_attribute("data-phase", "live")
        sign_in(page, own, PERSON)
        page.locator("#periods [data-period='1d']").click()  # one bar, however long the trades take
        for name, (tick, price, multiplier, title) in CONTRACTS.items():
            last = written(trade(maker, taker, name), tick)
            select(page, name)
            expect(page.locator("#market-title")).to_have_text(title)
            expect(page.locator("#last-price")).to_have_text(last)
            expect(page.locator(f"[data-instrument={name}] .last")).to_have_text(last)
            expect(page.locator("#chart-legend")).to_contain_text(f"O {written(Decimal(price), tick)} ")
            expect(page.locator("#chart-legend")).to_contain_text(f"C {last} ")
            scale = labels_on_the_scale(page, last, heights)
            off = [text for text in scale if Decimal(text) % Decimal(tick) != 0 or written(Decimal(text), tick) != text]
            assert off == [], (name, off)
            assert len(set(scale)) > 1, (name, scale)
            best = written(Decimal(price) + 13 * Decimal(tick), tick)
            expect(page.locator("#asks .level:not(:disabled) .price").last).to_have_text(best)
            page.locator("#asks .level:not(:disabled)").last.click()
            expect(page.locator("#price")).to_have_value(best)
            page.click("#price-down")
            expect(page.locator("#price")).to_have_value(written(Decimal(best) - Decimal(tick), tick))
            expect(page.locator("#specs")).to_contain_text(f"{multiplier:,}")
            value = (Decimal(best) - Decimal(tick)) * multiplier
            expect(page.locator("#ticket-value")).to_have_text(f"{value:,.2f}")
            assert overflow(page) <= 0, name

        while_it_is_open(page, own, next(iter(CONTRACTS)))
        assert page.complaints == []
    maker.leave()
    taker.leave()


def while_it_is_open(page: Page, own: Any, name: str) -> None:
    """Terms change, a contract is listed, phases come and go: the page follows without a reload."""
    select(page, name)
    expect(page.locator("#specs")).to_contain_text("10.00%")
    changes = f"put(ChangeTerms({name!r}, terms('Another name', RATE // 4)))\n"
    ask(own, changes + f"enlist({LATE!r}, '0.3', '300.3', 9, 'Listed late')\n")
    expect(page.locator("#specs")).to_contain_text("25.00%")
    expect(page.locator("#market-title")).to_have_text("Another name")
    select(page, LATE)
    page.click("#price-up")
    expect(page.locator("#chart-cover")).to_contain_text("Not traded yet")
    expect(page.locator("#chart-legend")).to_have_text("")
    expect(page.locator("#last-price")).to_have_text("–")
    expect(page.locator("#price-hint")).to_contain_text("step 0.3")
    for phase, words in (("AUCTION", "Auction"), ("CLOSED", "Closed"), ("CONTINUOUS", "Trading")):
        ask(
            own,
            f"put(SetMarketPhase(Phase.{phase}))",
        )
        expect(page.locator("#market-phase")).to_have_text(words)
        expect(page.locator(f"[data-instrument={name}] .phase")).to_have_text("" if phase == "CONTINUOUS" else words)
    ask(own, f"put(HaltInstrument({LATE!r}))")
    expect(page.locator("#market-phase")).to_have_text("Halted")
    ask(own, f"put(HaltInstrument({name!r}))")
    expect(page.locator(f"[data-instrument={name}] .phase")).to_have_text("Halted")
    ask(own, f"put(ChangeTerms({name!r}, terms('Last day', last_day=20400103)))")
    expect(page.locator(f"[data-instrument={name}] .name")).to_have_text("Last day")
    ask(own, "put(Settle(20400103, 20400104, {}))")
    expect(page.locator(f"[data-instrument={name}] .phase")).to_have_text("Delisted")
    expect(page.locator(f"[data-instrument={LATE}] .phase")).to_have_text("Halted")


UNDER_BUTTONS = """
    () => [...document.querySelectorAll('#positions-table tr')].flatMap((row) => {
        const last = row.lastElementChild.getBoundingClientRect();
        return [...row.children].slice(1, -1).filter((cell) => {
            const box = document.createRange();
            box.selectNodeContents(cell);
            return cell.checkVisibility() && box.getBoundingClientRect().right > last.left + 0.5;
        }).map((cell) => cell.textContent);
    })
"""
"""Figures that the buttons of their row lie over."""


def test_positions_in_all_of_them_are_read_without_scrolling_sideways(
    browser: Any, new_server: Callable[..., Any]
) -> None:
    own = new_server()
    ask(own, "".join(f"enlist({name!r}, *{parts!r})\n" for name, parts in CONTRACTS.items()))
    maker, person = Trader(own, COUNTERPART), Trader(own, PERSON)
    for name, (_, price, *_more) in CONTRACTS.items():
        maker.order("BUY", 1, float(price), instrument_id=name)
        person.order("SELL", 1, float(price), instrument_id=name)
    with new_page(browser, viewport={"width": 1440, "height": 900}) as page:
        page.goto(own.http + "/")
        expect(page.locator("#connection")).to_have_attribute("data-phase", "live")
        sign_in(page, own, PERSON)
        for _ in range(2):
            expect(page.locator("#positions-table [data-close]")).to_have_count(len(CONTRACTS))
            assert page.evaluate(UNDER_BUTTONS) == []
            page.click("#language")
        assert page.complaints == []
    for trader in (maker, person):
        trader.leave()


WIDEST = ("W002309", "W012309", "W062309", "W112309")
"""Ticks of 0.0001, 0.3 and 2.5, large multipliers, names in both scripts."""
CUT = r"""
    () => [...document.querySelectorAll('body *')]
        .filter((each) => each.children.length === 0 && /^[\d,.%+−-]*\d%?$/.test(each.textContent.trim()))
        .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1)
        .filter((each) => getComputedStyle(each).display !== 'inline')
        .map((each) => `${each.id || each.className}: ${each.textContent}`)
"""
"""Numbers that do not fit where they stand."""


def test_the_narrowest_phone_shows_whole_numbers(browser: Any, new_server: Callable[..., Any]) -> None:
    """At 320 pixels, in both languages and all views, with a position and an order in each contract and a large order
    in the ticket."""
    own = new_server()
    ask(own, "".join(f"enlist({name!r}, *{CONTRACTS[name]!r})\n" for name in WIDEST))
    maker, taker, person = (Trader(own, user) for user in (COUNTERPART, BYSTANDER, PERSON))
    for name in WIDEST:
        trade(maker, taker, name)
        tick, price = (Decimal(each) for each in CONTRACTS[name][:2])
        person.order("SELL", 1, float(price - tick), instrument_id=name)
        person.order("SELL", 1, float(price + 14 * tick), instrument_id=name)
    with new_page(browser, viewport={"width": 320, "height": 568}) as page:
        page.goto(own.http + "/")
        expect(page.locator("#connection")).to_have_attribute("data-phase", "live")
        sign_in(page, own, PERSON)
        for _ in range(2):
            for name in WIDEST:
                select(page, name)
                for view in page.locator("#views button:visible").all():
                    view.click()
                    if view.get_attribute("data-view") == "trade":
                        page.locator("#asks .level:not(:disabled)").last.click()
                        page.fill("#volume", "1000")
                        expect(page.locator("#ticket-value")).not_to_have_text("–")
                    found = overflow(page), page.evaluate(CUT)
                    assert found == (0, []), (name, view.inner_text())
            page.click("#language")
        assert page.complaints == []
    for trader in (maker, taker, person):
        trader.leave()
