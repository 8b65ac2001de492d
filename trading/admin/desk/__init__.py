"""The operators' desk: the pages of the back office that are about work, not about rows."""

from trading.admin.desk import site

__all__ = ["site"]
