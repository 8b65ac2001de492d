"""The back office around Django's lists and forms: its home page and the pages that are of no single table."""
