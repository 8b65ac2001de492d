"""What can be asked of the exchange, whatever carries it there."""
