"""The operators' pages. Rows that the engine owns are shown only; whatever changes them goes through `operators`."""

from trading.admin import accounts, desk, instruments, lockouts, market, records, users

__all__ = ["accounts", "desk", "instruments", "lockouts", "market", "records", "users"]
