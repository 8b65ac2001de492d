"""The operators' pages. Rows that the engine owns are shown only; whatever changes them goes through `operators`."""

from django.contrib import admin

from trading.admin import accounts, desk, instruments, lockouts, market, records, users

__all__ = ["accounts", "desk", "instruments", "lockouts", "market", "records", "users"]

admin.site.site_header = "Bourse"
admin.site.site_title = "Bourse"
admin.site.index_title = "Operators"
