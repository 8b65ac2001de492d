"""What operators do that is no rule of trading: what they announce, what they correct."""
