"""A cluster of processes under attack: every part in turn, with clients that remember what they were told."""
