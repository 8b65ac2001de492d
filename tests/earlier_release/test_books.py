"""A database and a backup of the first release migrate, agree with themselves, and replay to the state of then."""

from pathlib import Path

import msgspec
import pytest

from tests.e2e.server import Market, manage
from tests.earlier_release.past import KNOWN, counts, left_behind, replayed_hash, rows

pytestmark = [pytest.mark.slow, pytest.mark.sqlite_only]

OPEN_AGAIN = """
from bots.management.commands.run_bots import open_accounts
open_accounts(["bot-maker-1"], "MAIN")
"""
KEYS = {
    "bots:OpenAccount:bot-maker-1",
    "bots:SetAccountRules:bot-maker-1",
    "bots:SetFeeGroup:bots",
    "demo:Deposit:user001",
    "demo:ListInstrument:IX2301",
    "demo:OpenAccount:user010",
    "schedule:MAIN:20240304T053500Z:continuous",
    "settle:MAIN:20240304",
    "settle:MAIN:20240305",
}
"""Some of the keys under which the first release did what is done once."""

BY_OPERATORS = """
    OpenAccount Deposit Withdraw ListInstrument ChangeTerms HaltInstrument ResumeInstrument ChangePhase SetPhase
    FreezeAccount SetAccountRules SetFeeGroup CancelAnyOrder Settle
"""
OTHERS = "SubmitOrder AmendOrder CancelOrder CancelAll CancelAfter PassTime WatchRisk"
HANDLING = """
    expires_at valid_until post_only reduce_only display_volume stop_price stop_kind trigger trail oco_group stp
"""
REASONS = """
    ASKED UNFILLED SELF_TRADE OCO EXPIRED COUNTDOWN DISCONNECT REFUSED SETTLEMENT LIQUIDATION OPERATOR
"""
STATUSES = "Waiting Submitted PartiallyFilled Filled Cancelled"

AUTHORITY = f"""
from trading.models import User
for name in ("clerk", "operator"):
    user = User.objects.get(username=name)
    powers = ("change_account", "settle_market", "view_order", "delete_instrument")
    print(name, user.check_password({KNOWN["password"]!r}), *(user.has_perm("trading." + power) for power in powers))
"""


def words(*texts: str) -> set[str]:
    return {word for text in texts for word in text.split()}


def column(folder: Path, sql: str) -> set[str]:
    """The different values of a column."""
    return {value for (value,) in rows(folder, f"SELECT DISTINCT {sql}")}


@pytest.fixture(scope="module", params=["database", "backup"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def market(name: str, tmp_path_factory: pytest.TempPathFactory) -> Market:
    """What was left behind, migrated."""
    left = left_behind(name, tmp_path_factory.mktemp(name))
    assert counts(left.folder) == KNOWN[name]["rows"], "the data are not those that were written down"
    manage(left.folder, "migrate", "--verbosity", "0")
    return left


def test_nothing_is_lost_when_it_migrates(market: Market, name: str) -> None:
    manage(market.folder, "migrate", "--check")
    assert counts(market.folder) == KNOWN[name]["rows"]
    assert rows(market.folder, "PRAGMA integrity_check") == [("ok",)]
    assert rows(market.folder, "PRAGMA foreign_key_check") == []


def test_the_books_agree(market: Market) -> None:
    manage(market.folder, "check_books")


def test_the_journal_replays_to_the_state_of_then(market: Market, name: str) -> None:
    assert replayed_hash(market.folder) == KNOWN[name]["state_hash"]
    ((batch, day),) = rows(market.folder, "SELECT batch, trading_day FROM trading_market WHERE code = 'MAIN'")
    assert (batch, day) == (KNOWN[name]["batch"], KNOWN[name]["trading_day"])


def test_users_keep_their_passwords_and_what_they_may_do(market: Market) -> None:
    said = manage(market.folder, "shell", "-v", "0", "-c", AUTHORITY).splitlines()
    assert said == ["clerk True True True False False", "operator True True True True True"]


def test_what_was_done_once_is_not_done_again(tmp_path: Path) -> None:
    market = left_behind("database", tmp_path)
    manage(market.folder, "migrate", "--verbosity", "0")
    known = column(market.folder, "key FROM trading_operatorcommand")
    assert known >= KEYS
    manage(market.folder, "seed_demo")
    manage(market.folder, "shell", "-v", "0", "-c", OPEN_AGAIN)
    assert column(market.folder, "key FROM trading_operatorcommand") == known
    assert replayed_hash(market.folder) == KNOWN["database"]["state_hash"]


def test_the_bars_are_those_of_then_when_they_are_made_again(tmp_path: Path) -> None:
    market = left_behind("database", tmp_path)
    manage(market.folder, "migrate", "--verbosity", "0")
    every = "SELECT instrument_id, period, start, open, high, low, close, volume, turnover, trades, open_interest"
    bars = rows(market.folder, f"{every} FROM marketdata_bar ORDER BY 1, 2, 3")
    manage(market.folder, "rebuild_bars")
    assert rows(market.folder, f"{every} FROM marketdata_bar ORDER BY 1, 2, 3") == bars


def test_the_data_have_nearly_everything_in_them(tmp_path: Path) -> None:
    """Or the tests here would say little."""
    folder = left_behind("database", tmp_path).folder
    journal = [msgspec.msgpack.decode(batch) for (batch,) in rows(folder, "SELECT commands FROM trading_journalbatch")]
    done = [command for batch in journal for command in batch]
    assert {command["type"] for command in done} == words(BY_OPERATORS, OTHERS)
    assert {name for command in done for name in command.get("handling", ())} == words(HANDLING)
    assert column(folder, "kind FROM trading_operatorcommand WHERE status = 'DONE'") == words(BY_OPERATORS)
    assert column(folder, "cancel_reason FROM trading_order WHERE cancel_reason IS NOT NULL") == words(REASONS)
    assert column(folder, "status FROM trading_order") == words(STATUSES)
    assert all(KNOWN["database"]["rows"].values())
