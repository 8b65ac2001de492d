"""Servers killed under load, again and again: what was acknowledged is there, once, and the books add up."""
