"""Documents that are made from the code, so that they say what it says: Markdown in the present language."""
