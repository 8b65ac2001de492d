"""Settled days leave the tables for files, and the books go on across the cut."""
