"""Where objects meet when the exchange is several processes: gateways, and an engine for each market."""
