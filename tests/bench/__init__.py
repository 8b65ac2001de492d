"""Benchmarks: each prints its conditions and a ratio against something public, measured in the same run."""
