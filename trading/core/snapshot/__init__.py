"""The engine's state as flat, ordered records: what a restart reads, and what `state_hash` names.

`restore(take(state))` is the same state. What can be derived (sums, links, limits) is not in the records.
"""
