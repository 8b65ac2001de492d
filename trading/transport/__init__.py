"""How commands reach the engine: in the process, or through another service. Knows neither frames nor the engine."""
