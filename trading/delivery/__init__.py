"""The way of frames to connections: names of channel groups, private pushes, the in-process channel layer."""
