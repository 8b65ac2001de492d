"""Who asks, and how much they may ask, by whatever way they come in."""
