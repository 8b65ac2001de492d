"""Documents that are made from the code, so that they say what it says: Markdown in the present language."""

OPERATIONS = "docs/operations.md"
"""Where settings and commands are explained by hand."""
