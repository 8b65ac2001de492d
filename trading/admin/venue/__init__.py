"""What operators do about the market as a place: what they tell, what is to happen at a time, what is traded there."""
