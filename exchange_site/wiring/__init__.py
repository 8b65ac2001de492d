"""The composition root: builds engine, store, worker, gateway and feed, and hands them to each other."""
