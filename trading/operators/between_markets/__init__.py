"""Money that goes from one market to another."""
