"""The background worker: apply, store, and only then tell. Knows no SQL and no frames."""
