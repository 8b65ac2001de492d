"""What operators and the schedule ask of the engine: commands with an audit trail. Edits no engine-owned row."""
