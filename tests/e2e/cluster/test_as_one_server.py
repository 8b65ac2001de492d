"""What holds on one server holds on a cluster: the very same tests, each connection at the next gateway."""

import pytest

from tests.e2e.trading.test_market_rules import (
    test_a_stop_waits_through_a_kill_and_fires_then,
    test_an_iceberg_keeps_its_place_behind_the_others_after_a_kill,
    test_many_at_once_are_answered_each_in_order,
    test_orders_go_when_their_connection_does,
)
from tests.e2e.trading.test_trading import (
    test_market_data_needs_no_user,
    test_two_users_trade_and_each_hears_everything_in_order,
    test_what_a_query_says_is_what_was_pushed,
)
from tests.examples.test_v1_dialogue import test_a_client_of_v1_trades

pytestmark = pytest.mark.long

__all__ = [
    "test_a_client_of_v1_trades",
    "test_a_stop_waits_through_a_kill_and_fires_then",
    "test_an_iceberg_keeps_its_place_behind_the_others_after_a_kill",
    "test_many_at_once_are_answered_each_in_order",
    "test_market_data_needs_no_user",
    "test_orders_go_when_their_connection_does",
    "test_two_users_trade_and_each_hears_everything_in_order",
    "test_what_a_query_says_is_what_was_pushed",
]
