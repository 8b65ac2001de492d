"""The rules of the market, one file a subject: what each command does to the state. Pure, like all of the core."""
