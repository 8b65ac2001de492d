"""Sessions of a market as files in LOBSTER's format: recorded, and played into a market."""
