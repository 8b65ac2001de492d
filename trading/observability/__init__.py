"""What is counted and logged, in plain numbers and ids. Refuses to know who reads it."""
