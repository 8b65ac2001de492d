"""The exchange as a pure, deterministic machine: commands in, events out. No Django, I/O, clock or randomness."""
