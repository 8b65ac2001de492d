"""The servers of the end-to-end tests, for the client too."""

from tests.e2e.conftest import new_server, seeded_market, server

__all__ = ["new_server", "seeded_market", "server"]
