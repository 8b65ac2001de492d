"""What has happened on the exchange: orders, trades, positions, money, statements, operators' commands. Shown only; a
live order can be cancelled."""

from trading.admin.records import money, operator_commands, orders, positions

__all__ = ["money", "operator_commands", "orders", "positions"]
