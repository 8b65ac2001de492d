"""The version of the ccxt class, which is not that of the exchange."""

VERSION = "0.1.0"
