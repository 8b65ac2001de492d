"""The version of the gateway, which is not that of the exchange."""

VERSION = "0.1.0"
