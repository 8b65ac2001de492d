"""What is read from the tables, and the answers of queries in protocol words. Never writes."""
