"""The version of the client, which is not that of the exchange."""

VERSION = "0.2.0"
