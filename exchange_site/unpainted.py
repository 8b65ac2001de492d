"""autobahn, below daphne, paints three words in terminal colours for every frame it sends, for a debug line that is
hardly ever written. Measured: 8 to 10 % of the processor time of an order with its four frames. Plain words do.
"""

from importlib import import_module
from importlib.util import find_spec


def leave_log_lines_unpainted() -> None:
    """Replace the painters by ones that do nothing; other servers than daphne have none."""
    if find_spec("autobahn") is None:
        return
    for name in ("autobahn.websocket.protocol", "autobahn.twisted.websocket"):
        module = import_module(name)
        for painter in ("hltype", "hlval"):
            setattr(module, painter, _plain)


def _plain(value: object, *_: object, **__: object) -> object:
    return value
