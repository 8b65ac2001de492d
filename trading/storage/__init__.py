"""The database: the only writer of engine-owned rows, the way back from them, and what proves them right."""
