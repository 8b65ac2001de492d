"""The trading page: its view, its session, and accounts for strangers."""
