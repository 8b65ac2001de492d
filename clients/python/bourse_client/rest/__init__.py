"""The exchange over HTTP, where a socket cannot be had or is not worth while."""

from bourse_client.rest.client import RestClient, SyncRestClient

__all__ = ["RestClient", "SyncRestClient"]
