"""What a connection does with each kind of message. Decides nothing about the market: rules are in the engine, words in
the protocol."""
