"""A client of the Bourse futures exchange."""

from bourse_client.blocking import SyncClient
from bourse_client.book import Book
from bourse_client.client import Client
from bourse_client.errors import BourseError, Lost, Missed, Overrun, Refused
from bourse_client.version import VERSION as __version__

__all__ = ["Book", "BourseError", "Client", "Lost", "Missed", "Overrun", "Refused", "SyncClient", "__version__"]
