"""Programs that trade, so that a market is alive. They know the exchange by its public protocol alone
(docs/protocol.md), and are an example of how to write a client of it.

They use the client library that lies beside them; it need not be installed, whoever imports this.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "clients/python"))
