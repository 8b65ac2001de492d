"""The exchange as a pure, deterministic machine: commands in, events out. No Django, no I/O, no clock, no randomness."""
