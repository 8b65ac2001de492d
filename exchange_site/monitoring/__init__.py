"""What monitors and people read of the server: metrics, probes, the format of the log."""
