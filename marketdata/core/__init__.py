"""The pure part of market data."""
