"""The documents as pages, with a search over all of them."""
