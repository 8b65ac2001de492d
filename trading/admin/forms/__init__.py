"""Forms whose content is a command to the engine. Bad text ends here; what is allowed on the market the engine says."""
