"""The WebSocket protocol: every message a typed struct; frames become commands, events become frames. Pure.

Field names, order and meaning are those of the protocol document v1.0; what it does not have is optional and left out
of a frame when it is not set. Prices and volumes are JSON numbers written as floats, times Unix milliseconds.
"""

from trading.protocol.from_events import *  # noqa: F403
from trading.protocol.ids import *  # noqa: F403
from trading.protocol.incoming import *  # noqa: F403
from trading.protocol.outgoing import *  # noqa: F403
from trading.protocol.to_commands import *  # noqa: F403
