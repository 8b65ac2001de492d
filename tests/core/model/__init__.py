"""A naive model of `docs/market-rules.md`, and histories in which the engine has to do what the model does."""
