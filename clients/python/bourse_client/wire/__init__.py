"""What lies below a client: one connection, its address, and when to try again."""
