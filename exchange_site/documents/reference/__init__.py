"""Documents that are made from the code, so that they say what it says: Markdown in the present language."""

OPERATIONS, IN_CHINESE = "docs/operations.md", "docs/operations.zh-CN.md"
"""Where settings and commands are explained by hand."""
CHINESE = "zh-hans"
