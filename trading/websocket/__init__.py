"""The socket: one connection's life, its orders in, its frames out. Decides nothing."""
