"""The way of frames from an engine's process to gateways, over Redis."""
