"""What can be asked over REST, a class an operation."""
