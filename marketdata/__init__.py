"""Market data: what the public sees of the market, made from the engine's events after they are stored."""
