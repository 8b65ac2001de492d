"""The modules of the page, each by itself."""
