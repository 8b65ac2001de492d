"""Programs that trade, so that a market is alive. They know the exchange by its public protocol alone
(docs/protocol.md), and are an example of how to write a client of it.
"""
