"""The socket as programs read it: its AsyncAPI document."""
