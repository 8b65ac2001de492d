"""Instruments are listed, changed, halted and resumed through the engine."""

from typing import Any

import pytest
from django.test import Client

from tests.admin.pages import YES, asked, choose, content_of, fresh, page, send, text_of
from tests.builders import Books, Founded, order, terms
from trading.core.commands import ChangeTerms, Settle
from trading.models import Account, Instrument

ADD = page("instrument", "add")
CHANGE = page("instrument", "change", "IX2301")
NEW = {
    "instrument_id": "cu2401.X-1_a",
    "name": "铜 future",
    "product_id": "cu",
    "tick": "10",
    "multiplier": "5",
    "reference_price": "68000",
    "limit_rate": "0.055",
    "margin_long": "0.08",
    "margin_short": "0.09",
    "fee_open_per_lot": "1.5",
    "fee_open_rate": "0.00005",
    "fee_close_per_lot": "0",
    "fee_close_rate": "0.00000001",
    "fee_close_today_per_lot": "3",
    "fee_close_today_rate": "0",
    "min_volume": "2",
    "max_volume": "500",
    "max_position": "2000",
    "max_orders": "30",
    "larger_side": "on",
    "last_day": "2099-01-15",
}


@pytest.fixture(autouse=True)
def _market(market: Founded) -> None:
    pass


def test_an_instrument_is_listed_as_written(root: Client) -> None:
    response = send(root, ADD, **NEW)
    assert "Listed cu2401.X-1_a." in text_of(response)
    row = Instrument.objects.values().get(pk="cu2401.X-1_a")
    assert row["name"] == "铜 future"
    assert (row["tick"], row["multiplier"], row["reference_price"], row["limit_rate"]) == (
        100_000,
        5,
        680_000_000,
        5_500_000,
    )
    assert (row["margin_long"], row["margin_short"]) == (8_000_000, 9_000_000)
    assert (row["fee_open_per_lot"], row["fee_open_rate"]) == (15_000, 5_000)
    assert (row["fee_close_per_lot"], row["fee_close_rate"]) == (0, 1)
    assert (row["fee_close_today_per_lot"], row["fee_close_today_rate"]) == (30_000, 0)
    assert (row["min_volume"], row["max_volume"]) == (2, 500)
    assert (row["max_position"], row["max_orders"]) == (2_000, 30)
    assert (row["larger_side"], row["last_day"]) == (True, 20990115)
    assert (row["limit_up"], row["limit_down"]) == (717_400_000, 642_600_000)
    assert row["phase"] == "continuous"


def test_its_page_reads_as_it_was_written(root: Client) -> None:
    send(root, ADD, **NEW)
    content = content_of(root, page("instrument", "change", "cu2401.X-1_5Fa"))
    terms = {name: value for name, value in content.items() if name != "key"}
    terms |= {name: str(terms[name]) for name in ("min_volume", "max_volume", "max_position", "max_orders", "last_day")}
    terms["larger_side"] = "on" if terms["larger_side"] else ""
    assert terms == {
        name: {"0": "0.00", "1.5": "1.50", "3": "3.00"}.get(value, value) if name.startswith("fee") else value
        for name, value in NEW.items()
        if name in terms
    }


WRONG: list[tuple[dict[str, str], str]] = [
    ({"instrument_id": "IX2301"}, "IX2301 is listed already (code 409)"),
    ({"tick": "7"}, "the reference price must lie on the tick (code 400)"),
    ({"limit_rate": "1"}, "the price limit rate must be from 0 (no limit) to below 1 (code 400)"),
    ({"margin_long": "0"}, "margin rates must be from 0.001 to 1 (code 400)"),
    ({"fee_open_rate": "0.5"}, "commission must not be negative, and its rate below 0.1 (code 400)"),
    ({"min_volume": "501"}, "order volumes must satisfy 1 <= smallest <= largest <= 1000000 (code 400)"),
    ({"multiplier": "100000001"}, "the multiplier must be from 1 to 100000000 (code 400)"),
    ({"reference_price": "999999999990"}, "(code 400)"),
    ({"instrument_id": "a b"}, "Use letters, digits, and _ . - only"),
    ({"instrument_id": "../x"}, "Use letters, digits, and _ . - only"),
    ({"instrument_id": "x" * 65}, "at most 64 characters"),
    ({"product_id": "中"}, "Use letters, digits, and _ . - only"),
    ({"name": "x" * 65}, "at most 64 characters"),
    ({"name": "a\0b"}, "Null characters are not allowed."),
    ({"name": ""}, "This field is required."),
    ({"tick": "0.00001"}, "no more than 4 decimal places"),
    ({"tick": "0"}, "greater than or equal to 0.0001"),
    ({"margin_long": "0.123456789"}, "no more than 8 decimal places"),
    ({"margin_long": "-0.1"}, "greater than or equal to 0"),
    ({"margin_long": "NaN"}, "Enter a number."),
    ({"fee_open_per_lot": "1e99"}, "Enter a number"),
    ({"fee_open_per_lot": "9" * 17}, "no more than 16 digits"),
    ({"multiplier": "1.5"}, "Enter a whole number."),
    ({"max_volume": "9" * 30}, "less than or equal to 2147483647"),
    ({"max_position": "-1"}, "greater than or equal to 0"),
    ({"max_orders": "1.5"}, "Enter a whole number."),
    ({"last_day": "2024-02-30"}, "Enter a valid date."),
    ({"last_day": "2023-11-13"}, "This day has passed. The market is in trading day"),
]


def test_what_cannot_be_listed(root: Client, subtests: pytest.Subtests) -> None:
    for wrong, sentence in WRONG:
        with subtests.test(sentence=sentence, **wrong):
            response = root.post(ADD, fresh(**{**NEW, **wrong}))
            assert response.status_code == 200
            assert sentence in text_of(response)
    assert set(Instrument.objects.values_list("pk", flat=True)) == {"IF2301", "IX2301"}


def test_terms_change_and_margins_follow(root: Client) -> None:
    Books().commit(order(1, "BUY OPEN 1 @ 120"), order(2, "SELL OPEN 1 @ 120"))
    assert Account.objects.get(pk=1).margin == 1_200 * 10_000
    response = send(root, CHANGE, margin_long="0.2", name="renamed")
    assert "Changed the terms of IX2301." in text_of(response)
    assert Account.objects.get(pk=1).margin == 2_400 * 10_000
    assert Account.objects.get(pk=2).margin == 1_200 * 10_000
    assert Instrument.objects.get(pk="IX2301").name == "renamed"
    assert asked() == [("ChangeTerms", "DONE", "root")]


def test_the_last_day_of_the_present_trading_day_is_not_past(root: Client) -> None:
    """What matters is the day that the market is in, not the date: it is over with its settlement."""
    Books().commit(Settle(20231114, 20231115, {}))
    assert "(code" not in text_of(send(root, CHANGE, last_day="2023-11-15"))
    assert Instrument.objects.get(pk="IX2301").last_day == 20231115
    refused = send(root, CHANGE, last_day="2023-11-14")
    assert refused.context["adminform"].form.errors == {
        "last_day": ["This day has passed. The market is in trading day 2023-11-15: choose it or a later one."]
    }
    assert Instrument.objects.get(pk="IX2301").last_day == 20231115


def test_a_last_day_that_it_has_already_may_stay(root: Client) -> None:
    Books().commit(ChangeTerms("IX2301", terms(last_day=20231101)))
    assert "Changed the terms of IX2301." in text_of(send(root, CHANGE, name="renamed"))


def test_terms_that_the_engine_refuses(root: Client) -> None:
    response = send(root, CHANGE, margin_long="0.0001", max_volume="77")
    assert "Refused: margin rates must be from 0.001 to 1 (code 400)." in text_of(response)
    assert response.context["adminform"].form["max_volume"].value() == "77"
    assert Instrument.objects.get(pk="IX2301").max_volume == 500


def test_the_contract_of_a_listed_instrument_stays(root: Client) -> None:
    before = Instrument.objects.values().get(pk="IX2301")
    send(root, CHANGE, tick="9", multiplier="7", instrument_id="other", phase="halted", last_price="1", limit_up="1")
    assert Instrument.objects.values().get(pk="IX2301") == before
    assert Instrument.objects.count() == 2


# --- halt and resume


def test_halt_and_resume(root: Client) -> None:
    halted = root.post(page("instrument", "halt", "IX2301"), YES, follow=True)
    assert "Halted IX2301: only cancels are taken." in text_of(halted)
    assert Instrument.objects.get(pk="IX2301").phase == "halted"
    assert "Resume trading" in text_of(halted)
    resumed = root.post(page("instrument", "resume", "IX2301"), YES, follow=True)
    assert "Trading of IX2301 goes on." in text_of(resumed)
    assert Instrument.objects.get(pk="IX2301").phase == "continuous"
    assert "Halt trading" in text_of(resumed)


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (("halt",), "Only cancels are taken until trading is resumed."),
        (("phase", "closed"), "Whatever the schedule says, it is closed from now on."),
    ],
)
def test_a_button_asks_first_with_numbers(traded: Founded, root: Client, deed: tuple[str, ...], words: str) -> None:
    question = text_of(root.post(page("instrument", deed[0], "IX2301", *deed[1:])))
    assert words in question and "They have 1 live order of 1 account." in question
    assert asked() == [] and Instrument.objects.get(pk="IX2301").phase == "continuous"


def test_listing_asks_first(market: Founded, root: Client) -> None:
    address = page("instrument", "add")
    values = {**content_of(root, address), "instrument_id": "NEW1", "product_id": "NEW", "name": "new"}
    values |= {"tick": "0.5", "multiplier": "10", "reference_price": "100", "margin_long": "0.1", "margin_short": "0.1"}
    assert "NEW1 is traded as soon as it is listed" in text_of(root.post(address, values, follow=True))
    assert not Instrument.objects.filter(pk="NEW1").exists()


def test_halting_twice_is_told(root: Client) -> None:
    root.post(page("instrument", "halt", "IX2301"), YES)
    again = root.post(page("instrument", "halt", "IX2301"), YES, follow=True)
    assert "Refused: IX2301 is halted already (code 409)." in text_of(again)


def test_many_are_halted_at_once_and_refusals_are_told_apart(root: Client) -> None:
    root.post(page("instrument", "halt", "IX2301"), YES)
    said = text_of(choose(root, "instrument", "halt_selected", "IX2301", "IF2301"))
    assert "Instruments halted: 1." in said
    assert "Refused: IX2301 is halted already (code 409)." in said
    assert set(Instrument.objects.values_list("phase", flat=True)) == {"halted"}
    assert "Instruments that trade again: 2." in text_of(
        choose(root, "instrument", "resume_selected", "IX2301", "IF2301")
    )


def test_many_refusals_are_counted(root: Client) -> None:
    for number in range(7):
        root.post(ADD, fresh(**{**NEW, "instrument_id": f"X{number}"}))
    said = text_of(choose(root, "instrument", "resume_selected", *(f"X{number}" for number in range(7))))
    assert said.count("is not halted (code 409)") == 5
    assert "2 more were not done; see the operator commands." in said


@pytest.mark.parametrize("arguments", [("halt",), ("resume",), ("phase", "closed")], ids=str)
def test_nothing_happens_on_a_get(root: Client, arguments: tuple[str, ...]) -> None:
    name, *others = arguments
    assert root.get(page("instrument", name, "IX2301", *others)).status_code == 405
    assert asked() == []


# --- phases


def test_one_instrument_is_moved_through_the_phases(root: Client) -> None:
    for phase, sentence, next_button in [
        ("auction", "IX2301 is in auction: orders gather.", "Continuous trading"),
        ("closed", "IX2301 is closed: only cancels are taken.", "Auction"),
        ("continuous", "IX2301 trades.", "Close trading"),
    ]:
        said = text_of(root.post(page("instrument", "phase", "IX2301", phase), YES, follow=True))
        assert sentence in said and next_button in said
        row = Instrument.objects.get(pk="IX2301")
        assert (row.phase, row.scheduled) == (phase, phase)
    assert Instrument.objects.get(pk="IF2301").phase == "continuous"
    assert asked()[-1] == ("SetPhase", "DONE", "root")


def test_a_phase_that_is_there_already_is_told(root: Client) -> None:
    again = root.post(page("instrument", "phase", "IX2301", "continuous"), YES, follow=True)
    assert "(code 409)" in text_of(again)


@pytest.mark.parametrize("phase", ["halted", "delisted", "nonsense"])
def test_other_phases_cannot_be_set(root: Client, phase: str) -> None:
    assert root.post(page("instrument", "phase", "IX2301", phase), YES).status_code == 404


@pytest.mark.parametrize(
    ("action", "phase"),
    [("auction_selected", "auction"), ("close_selected", "closed"), ("continuous_selected", "continuous")],
)
def test_many_are_moved_at_once(root: Client, action: str, phase: str) -> None:
    root.post(page("instrument", "phase", "IX2301", "auction" if phase != "auction" else "closed"), YES)
    root.post(page("instrument", "phase", "IF2301", "auction" if phase != "auction" else "closed"), YES)
    said = text_of(choose(root, "instrument", action, "IX2301", "IF2301"))
    assert f"Instruments that are {phase} now: 2." in said
    assert set(Instrument.objects.values_list("phase", flat=True)) == {phase}


def test_nothing_can_be_done_with_what_is_delisted(root: Client) -> None:
    Instrument.objects.filter(pk="IX2301").update(phase="delisted")
    body = root.get(CHANGE).content.decode()
    assert "<button>" not in body


def test_the_list_shows_decimals(root: Client) -> None:
    said = text_of(root.get(page("instrument")))
    for shown in ("0.50", "108.00", "132.00", "0.10", "100"):
        assert shown in said


def test_nothing_is_sent_when_nothing_is_selected(root: Client, traded: Any) -> None:
    assert root.post(page("instrument"), {"action": "halt_selected"}, follow=True).status_code == 200
    assert asked() == []
