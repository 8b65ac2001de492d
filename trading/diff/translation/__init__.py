"""What a DIFF client says, as messages of our protocol; what our protocol tells, as patches of the client's tree."""
