"""What is read from the tables, of the last commit, and the answers of queries in protocol words. Never writes.

Whoever asks names the market, or an account, which is of one market: nothing of another is found.
"""
